//! `src/main.rs` of `docs/quick-start-hyper.md`, as it stands there.

include!(concat!(env!("OUT_DIR"), "/quick-start-hyper.rs"));

//! `src/main.rs` of `docs/quick-start.md`, as it stands there.

include!(concat!(env!("OUT_DIR"), "/quick-start.rs"));

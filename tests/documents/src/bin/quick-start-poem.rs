//! `src/main.rs` of `docs/quick-start-poem.md`, as it stands there.

include!(concat!(env!("OUT_DIR"), "/quick-start-poem.rs"));

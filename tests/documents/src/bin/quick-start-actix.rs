//! `src/main.rs` of `docs/quick-start-actix.md`, as it stands there.

include!(concat!(env!("OUT_DIR"), "/quick-start-actix.rs"));

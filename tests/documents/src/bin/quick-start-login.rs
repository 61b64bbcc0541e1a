//! `src/main.rs` of `docs/quick-start-login.md`, as it stands there.

include!(concat!(env!("OUT_DIR"), "/quick-start-login.rs"));

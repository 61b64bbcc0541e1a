//! The conformance suite on this service: `cargo test --test conformance`, a name behind `--` for a part of it.
//!
//! On the embedded issuer; on a real Keycloak where `KC_TEST_KEYCLOAK_URL` says where one is. The last lines tell which.

use std::process::ExitCode;

use kc_conformance::{Issuer, Options, Profile, Target};

fn main() -> ExitCode {
    let service = Target::new(env!("CARGO_BIN_EXE_axum-service")).clean_folder(true);
    let (issuer, profile) = (Issuer::from_environment(), Profile::Authorization);
    kc_conformance::main(service, Options { issuer, profile, ..Options::default() })
}

use super::*;
use crate::signature::Algorithm;

mod adapter;
mod client_proof;
mod errors;
mod files;
mod layers;
mod secrets;
mod variables;

/// The environment of a deployment that has all it needs, and `more`.
fn environment(more: &[(&str, &str)]) -> Sources {
    let needed = [
        ("KEYCLOAK_URL", "https://id.example.com"),
        ("KEYCLOAK_REALM", "shop"),
        ("KEYCLOAK_CLIENT_ID", "orders"),
    ];
    needed.iter().chain(more).fold(Sources::default(), |sources, (name, value)| sources.variable(name, value))
}

fn load(more: &[(&str, &str)]) -> Settings {
    Settings::load(&environment(more)).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(more: &[(&str, &str)]) -> SettingsError {
    Settings::load(&environment(more)).expect_err("was let pass")
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n";
const ED25519: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
const KEY_A: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const KEY_B: &str = "HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";

//! What the settings make of it.

use super::*;
use crate::settings::{AuthorizationMode, Defect, Settings, SettingsBuilder, SettingsError};
use crate::{Keycloak, KeycloakBuilder};

fn settings() -> SettingsBuilder {
    Settings::builder("https://kc.test", "demo", "inventory")
}

fn with_secret() -> SettingsBuilder {
    settings().client_secret(Secret::new(SECRET))
}

fn build(builder: KeycloakBuilder, settings: SettingsBuilder) -> Result<Keycloak, SettingsError> {
    builder.transport(realm(denied(), resources())).build(&settings.build().unwrap())
}

#[test]
fn online_and_hybrid_need_what_they_work_with() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, r#"{"resources":[],"policies":[],"scopes":[]}"#).unwrap();
    let online = AuthorizationMode::Online;
    let hybrid = AuthorizationMode::Hybrid;
    let with_file = || with_secret().authorization_config(file.path());
    assert!(build(Keycloak::builder(), with_secret().authorization(online)).is_ok());
    assert!(build(Keycloak::builder(), with_file().authorization(hybrid)).is_ok());
    assert!(build(Keycloak::builder().permission_tickets(), with_secret().authorization(online)).is_ok());
    assert!(build(Keycloak::builder(), with_file()).is_ok());
    let claims = || Arc::new(|_: &PermissionRequest<'_>| PushedClaims::new());
    for (builder, settings, setting) in [
        (Keycloak::builder(), settings().authorization(online), "KEYCLOAK_CLIENT_SECRET"),
        (Keycloak::builder(), with_file().authorization(online), "KEYCLOAK_AUTHORIZATION"),
        (Keycloak::builder(), with_secret().authorization(hybrid), "KEYCLOAK_AUTHORIZATION"),
        (Keycloak::builder().permission_tickets(), with_file(), "KEYCLOAK_AUTHORIZATION"),
        (Keycloak::builder().push_claims(claims()), with_file(), "KEYCLOAK_AUTHORIZATION"),
    ] {
        let error = build(builder, settings).unwrap_err();
        assert_eq!((error.setting(), error.defect()), (setting, Defect::Malformed), "{error}");
    }
}

#[test]
fn a_word_that_is_no_mode_is_refused() {
    let sources = |value: &str| {
        crate::settings::Sources::default()
            .variable("KEYCLOAK_URL", "https://kc.test")
            .variable("KEYCLOAK_REALM", "demo")
            .variable("KEYCLOAK_CLIENT_ID", "inventory")
            .variable("KEYCLOAK_AUTHORIZATION", value)
    };
    assert!(Settings::load(&sources("online")).is_ok());
    for value in ["Online", "on", "offline,online", "keycloak"] {
        let error = Settings::load(&sources(value)).unwrap_err();
        assert_eq!(error.setting(), "KEYCLOAK_AUTHORIZATION", "{value}");
    }
}

//! Which layer wins, and what is reported on the way.

use std::ffi::OsString;

use super::*;

const ADAPTER: &str = r#"{"realm":"file","auth-server-url":"https://file.example.com","resource":"file","credentials":{"secret":"file"}}"#;

#[test]
fn the_environment_wins_over_dotenv_and_that_over_the_adapter_file() {
    let sources = Sources::default()
        .variable("KEYCLOAK_REALM", "environment")
        .dotenv("KEYCLOAK_REALM=dotenv\nKEYCLOAK_CLIENT_ID=dotenv\nKEYCLOAK_CONFIG=keycloak.json\n")
        .file("keycloak.json", ADAPTER);
    let settings = Settings::load(&sources).unwrap();
    let server = settings.keycloak().unwrap();
    assert_eq!(server.realm(), "environment");
    assert_eq!(server.client_id(), "dotenv");
    assert_eq!(server.url().as_str(), "https://file.example.com");
    assert_eq!(server.client_secret().unwrap().expose(), "file");
}

#[test]
fn an_empty_variable_counts_as_unset_and_the_next_layer_answers() {
    let sources = environment(&[("KEYCLOAK_LEEWAY_SECONDS", ""), ("KEYCLOAK_ISSUER", "")])
        .dotenv("KEYCLOAK_LEEWAY_SECONDS=7\nKEYCLOAK_ISSUER=\n");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(settings.leeway().as_secs(), 7);
    assert_eq!(settings.keycloak().unwrap().issuer(), "https://id.example.com/realms/shop");
}

#[test]
fn an_empty_audience_list_and_an_empty_url_are_errors_in_every_layer() {
    for name in ["KEYCLOAK_AUDIENCE", "KEYCLOAK_URL"] {
        assert_eq!(refused(&[(name, "")]).setting(), name);
        let sources = Sources::default().dotenv(format!("{name}=\n"));
        assert_eq!(Settings::load(&sources).unwrap_err().setting(), format!("{name} (in .env)"));
    }
    let none: [&str; 0] = [];
    let error = Settings::builder("https://h", "r", "c").audiences(none).build().unwrap_err();
    assert_eq!(error.setting(), "KEYCLOAK_AUDIENCE (set in code)");
}

#[test]
fn the_adapter_file_is_not_looked_for_by_itself() {
    let sources = Sources::default().file("keycloak.json", ADAPTER);
    assert_eq!(Settings::load(&sources).unwrap().server(), &Server::Embedded);
}

#[test]
fn an_error_says_which_layer_the_value_came_from() {
    let sources = environment(&[]).dotenv("LISTEN=nonsense");
    assert!(Settings::load(&sources).unwrap_err().to_string().starts_with("LISTEN (in .env) has no port"));
    let sources = Sources::default()
        .variable("KEYCLOAK_CONFIG", "conf/keycloak.json")
        .file("conf/keycloak.json", ADAPTER.replace("https://", "http://"));
    let error = Settings::load(&sources).unwrap_err().to_string();
    assert!(
        error.starts_with("KEYCLOAK_URL (`auth-server-url` in \"conf/keycloak.json\") is plain HTTP"),
        "{error}"
    );
}

#[test]
fn a_misspelt_url_does_not_start_the_development_issuer() {
    let error = Settings::load(&Sources::default().variable("KEYCLOAK_UR1", "https://kc.example"))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("KEYCLOAK_URL is missing, and \"KEYCLOAK_UR1\" is no setting"), "{error}");
}

#[test]
fn a_variable_that_looks_like_a_typo_is_reported() {
    let sources = environment(&[("KEYCLOAK_AUDIENCES", "x"), ("KEYCLOAK_ADMIN", "admin"), ("PATH", "x")])
        .dotenv("KEYCLOAK_CLIENTSECRET=hunter2\n");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(
        settings.warnings(),
        [
            "\"KEYCLOAK_AUDIENCES\" is no setting and is ignored: did you mean KEYCLOAK_AUDIENCE?",
            "\"KEYCLOAK_CLIENTSECRET\" is no setting and is ignored: did you mean KEYCLOAK_CLIENT_SECRET?",
        ]
    );
}

#[test]
fn a_name_twice_in_dotenv_is_reported_and_the_last_counts() {
    let settings =
        Settings::load(&environment(&[]).dotenv("AUDIT_LOG=-\nOTHER=1\nOTHER=2\nAUDIT_LOG=off")).unwrap();
    assert_eq!(settings.audit_log(), &AuditLog::Off);
    assert_eq!(settings.warnings(), ["AUDIT_LOG (in .env) is set more than once: the last one counts"]);
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_refused_by_name_and_only_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"hunter2\xff".to_vec());
    assert!(Settings::load(&environment(&[]).variable("OTHER", bytes.clone())).is_ok());
    let error = Settings::load(&environment(&[]).variable("KEYCLOAK_CLIENT_SECRET", bytes)).unwrap_err();
    assert_eq!(error.to_string(), "KEYCLOAK_CLIENT_SECRET is not UTF-8: set it to text in UTF-8");
}

#[test]
fn a_folder_is_no_file() {
    let error = Settings::builder("https://h", "r", "c").ca_file("/").build().unwrap_err();
    assert_eq!(error.defect(), Defect::Unreadable);
    assert!(error.to_string().starts_with("KEYCLOAK_CA_FILE (set in code) names a file that cannot be read"));
}

#[test]
fn a_file_without_an_end_is_given_up() {
    let path = "/dev/zero";
    if Path::new(path).exists() {
        let error = Settings::builder("https://h", "r", "c").ca_file(path).build().unwrap_err();
        assert_eq!(error.defect(), Defect::Unreadable);
    }
}

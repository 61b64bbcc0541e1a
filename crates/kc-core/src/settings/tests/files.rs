//! Secrets that are handed over as files.

use super::*;

const PAIRS: [(&str, &str); 4] = [
    ("KEYCLOAK_CLIENT_SECRET", "hunter2"),
    ("SESSION_KEYS", KEY_A),
    ("SESSION_STORE", "rediss://kc:hunter2@redis.example.com"),
    ("USERS_DATABASE", "postgres://kc:hunter2@db.example.com/users"),
];

/// A deployment with Redis, since that needs keys, unless the store is in question.
fn with_file(name: &str, content: &[u8]) -> Sources {
    let file = format!("{name}_FILE");
    let keys = if name == "SESSION_KEYS" { "" } else { KEY_A };
    environment(&[(&file, "/run/secret"), ("SESSION_KEYS", keys)]).file("/run/secret", content)
}

#[test]
fn each_secret_can_be_read_from_a_file() {
    for (name, value) in PAIRS {
        for end in ["", "\n", "\r\n"] {
            let from_file = Settings::load(&with_file(name, format!("{value}{end}").as_bytes())).unwrap();
            let keys = if name == "SESSION_KEYS" { value } else { KEY_A };
            let from_text = load(&[(name, value), ("SESSION_KEYS", keys)]);
            let secrets = |settings: &Settings| {
                (
                    settings.keycloak().unwrap().client_secret().cloned(),
                    settings.session_keys().to_vec(),
                    settings.session_store().clone(),
                    settings.users_database().cloned(),
                )
            };
            assert_eq!(secrets(&from_file), secrets(&from_text), "{name} {end:?}");
        }
    }
}

#[test]
fn a_secret_both_as_text_and_in_a_file_is_refused_and_not_shown() {
    for (name, value) in PAIRS {
        let file = format!("{name}_FILE");
        let sources = Sources::default()
            .variable(&file, "/run/secret")
            .variable(name, value)
            .file("/run/secret", value);
        let error = Settings::load(&sources).unwrap_err();
        assert_eq!(error.setting(), file);
        let message = error.to_string();
        assert!(message.contains(&format!("is set, and {name} too")), "{message}");
        assert!(!message.contains(value), "{message}");
    }
}

#[test]
fn a_file_that_is_not_there_empty_or_no_text_is_refused() {
    for (name, _) in PAIRS {
        let file = format!("{name}_FILE");
        let gone = Settings::load(&environment(&[(&file, "/run/gone")])).unwrap_err();
        assert_eq!((gone.setting(), gone.defect()), (file.as_str(), Defect::Unreadable));
        for (content, said) in [(b"".as_slice(), "empty"), (b"\n", "empty"), (b"\xff\xfe", "UTF-8")] {
            let error = Settings::load(&with_file(name, content)).unwrap_err();
            assert_eq!((error.setting(), error.defect()), (file.as_str(), Defect::Malformed), "{content:?}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_secret_of_a_file_says_which_file_and_not_what_it_holds() {
    let error = Settings::load(&with_file("KEYCLOAK_CLIENT_SECRET", b"hunter2 \n")).unwrap_err();
    assert_eq!(
        error.setting(),
        "KEYCLOAK_CLIENT_SECRET (in the file that KEYCLOAK_CLIENT_SECRET_FILE names)"
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_secret_of_a_file_comes_before_that_of_the_adapter_file() {
    let adapter = br#"{"realm":"shop","auth-server-url":"https://id.example.com","resource":"orders",
        "credentials":{"secret":"of-the-adapter-file"}}"#;
    let sources = Sources::default()
        .variable("KEYCLOAK_CONFIG", "keycloak.json")
        .variable("KEYCLOAK_CLIENT_SECRET_FILE", "/run/secret")
        .file("keycloak.json", adapter)
        .file("/run/secret", "of-the-file");
    let settings = Settings::load(&sources).unwrap();
    let secret = settings.keycloak().unwrap().client_secret().map(crate::secret::Secret::expose);
    assert_eq!(secret, Some("of-the-file"));
}

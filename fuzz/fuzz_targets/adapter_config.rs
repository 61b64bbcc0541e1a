//! `keycloak.json`, as the only source of settings.
#![no_main]

use kc_core::settings::{Settings, SettingsError, Sources};
use kc_fuzz::assert_discreet;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Nothing else in a file is like it.
const SECRET: &str = "kc-fuzz-SECRET-2718281828459045";

fn load(file: &[u8]) -> Result<Settings, SettingsError> {
    let sources = Sources::default()
        .variable("KEYCLOAK_CONFIG", "keycloak.json")
        .variable("FUZZ_SET", "value")
        .file("keycloak.json", file);
    Settings::load(&sources)
}

fuzz_target!(|file: &[u8]| {
    let once = load(file);
    match (&once, &load(file)) {
        (Ok(one), Ok(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}")),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        _ => panic!("one file, two readings"),
    }
    match &once {
        Ok(settings) => {
            for warning in settings.warnings() {
                assert!(!warning.contains(char::is_control), "{warning:?}");
            }
        }
        Err(error) => assert_discreet(error, ""),
    }
    // The same file with a secret that can be told from everything else: it is shown nowhere.
    let Ok(Value::Object(mut members)) = serde_json::from_slice(file) else { return };
    members.insert("credentials".to_owned(), serde_json::json!({ "secret": SECRET }));
    match load(Value::Object(members).to_string().as_bytes()) {
        Ok(settings) => {
            let shown = format!("{settings:?} {}", settings.warnings().join(" "));
            assert!(!shown.contains(SECRET), "{shown}");
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(SECRET), "{error}"),
    }
});

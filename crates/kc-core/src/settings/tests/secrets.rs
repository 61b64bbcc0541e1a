//! No value of a secret setting is ever printed, whichever layer it comes from and whatever is wrong with it.

use proptest::prelude::*;

use super::*;

const SECRETS: [&str; 4] = ["KEYCLOAK_CLIENT_SECRET", "SESSION_KEYS", "SESSION_STORE", "USERS_DATABASE"];

/// Every text that the program might print.
fn everything_printed(sources: &Sources) -> String {
    let mut text = format!("{sources:?}{sources:#?}");
    match Settings::load(sources) {
        Ok(settings) => {
            text += &format!("{settings:?}{settings:#?}{:?}{:?}", settings.warnings(), settings.describe());
        }
        Err(error) => text += &format!("{error}{error:?}{error:#?}"),
    }
    text
}

/// A word that nothing else here prints.
fn needle() -> impl Strategy<Value = String> {
    "zq[a-z0-9]{10,30}qz"
}

proptest! {
    #[test]
    fn a_secret_in_any_variable_and_layer_is_never_printed(
        needle in needle(), before in ".{0,8}", after in ".{0,8}", variable in 0..SECRETS.len(), layer in 0..3,
    ) {
        let name = SECRETS[variable];
        let value = format!("{before}{needle}{after}").replace('\0', "");
        let sources = match layer {
            0 => environment(&[(name, &value)]),
            1 => environment(&[(&format!("{name}_FILE"), "secret")]).file("secret", value),
            _ => environment(&[]).dotenv(format!("{name}={value}")),
        };
        prop_assert!(!everything_printed(&sources).contains(&needle));
    }

    #[test]
    fn a_bad_public_key_is_never_printed(needle in needle(), before in ".{0,8}") {
        let value = format!("{before}{needle}%").replace('\0', "");
        let sources = environment(&[("KEYCLOAK_PUBLIC_KEY", &value)]);
        prop_assert!(!everything_printed(&sources).contains(&needle));
    }

    #[test]
    fn a_password_in_a_url_is_never_printed(
        needle in needle(), scheme in "(https?|redis|rediss|postgres|sqlite|ftp)", end in "(@h|@|@h:x|@h/p|@h?a#b)",
        variable in 0..7_usize,
    ) {
        let name = [
            "KEYCLOAK_URL", "KEYCLOAK_INTERNAL_URL", "KEYCLOAK_ISSUER", "PUBLIC_URL", "CORS_ALLOWED_ORIGINS",
            "SESSION_STORE", "USERS_DATABASE",
        ][variable];
        let value = format!("{scheme}://user:{needle}{end}");
        prop_assert!(!everything_printed(&environment(&[(name, &value)])).contains(&needle));
    }

    #[test]
    fn a_secret_of_the_adapter_file_is_never_printed(needle in needle(), port in "(0|x)", cut in 0..2_usize) {
        let json = format!(
            r#"{{"credentials":{{"secret":"{needle}"}},"realm":"r","resource":"c","auth-server-url":"https://h",
            "confidential-port":"{port}","truststore-password":"{needle}"}}"#
        );
        let json = json.get(..json.len() - cut).unwrap().to_owned();
        let sources = Sources::default().variable("KEYCLOAK_CONFIG", "k.json").file("k.json", json);
        prop_assert!(!everything_printed(&sources).contains(&needle));
    }

    #[test]
    fn whatever_a_variable_holds_the_answer_is_settings_or_one_line(
        value in any::<String>(), variable in 0..VARIABLES.len(),
    ) {
        let name = VARIABLES[variable];
        let sources = environment(&[(name, &value)]);
        if let Err(error) = Settings::load(&sources) {
            let message = error.to_string();
            prop_assert!(message.starts_with(name), "{}", message);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
    }

    #[test]
    fn whatever_dotenv_and_the_adapter_file_hold_the_answer_is_settings_or_one_line(
        dotenv in any::<Vec<u8>>(), text in "[A-Z=$'\"{}#\\\\\n ab]{0,40}", json in any::<Vec<u8>>(),
    ) {
        for content in [dotenv, text.into_bytes()] {
            let sources = environment(&[("KEYCLOAK_CONFIG", "k.json")]).dotenv(content).file("k.json", json.clone());
            if let Err(error) = Settings::load(&sources) {
                prop_assert!(!error.to_string().contains(char::is_control));
            }
        }
    }
}

#[test]
fn the_builder_shows_no_secret_either() {
    let builder = Settings::builder("https://user:hunter2@h", "r", "c")
        .client_secret(Secret::new("hunter2"))
        .users_database(Secret::new("postgres://u:hunter2@h/d"))
        .session_keys([Secret::new("hunter2")]);
    assert!(!format!("{builder:?}").contains("hunter2"));
    assert!(!builder.build().unwrap_err().to_string().contains("hunter2"));
}

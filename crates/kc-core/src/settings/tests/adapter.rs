//! `keycloak.json`, as the admin console writes it and as people edit it.

use super::*;

fn with_adapter(json: &str, more: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let sources = Sources::default().variable("KEYCLOAK_CONFIG", "keycloak.json").file("keycloak.json", json);
    Settings::load(&more.iter().fold(sources, |sources, (name, value)| sources.variable(name, value)))
}

/// Written by Keycloak 26.7 for a confidential client.
const CONFIDENTIAL: &str = r#"{
  "realm" : "kc-demo",
  "auth-server-url" : "http://127.0.0.1:18080/",
  "ssl-required" : "none",
  "resource" : "api",
  "verify-token-audience" : true,
  "credentials" : {
    "secret" : "api-secret"
  },
  "use-resource-role-mappings" : true,
  "confidential-port" : 0
}"#;

#[test]
fn the_file_of_a_confidential_client_is_enough() {
    let settings = with_adapter(CONFIDENTIAL, &[]).unwrap();
    let server = settings.keycloak().unwrap();
    assert_eq!(server.issuer(), "http://127.0.0.1:18080/realms/kc-demo");
    assert_eq!(server.client_id(), "api");
    assert_eq!(server.client_secret().unwrap().expose(), "api-secret");
    assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());
    let adapter = settings.adapter_config().unwrap();
    assert_eq!(adapter.file(), Path::new("keycloak.json"));
    assert_eq!(adapter.ssl_required(), Some(SslRequired::None));
    assert!(adapter.verify_token_audience() && adapter.use_resource_role_mappings());
    assert!(!adapter.public_client() && !adapter.bearer_only());
    assert_eq!((adapter.confidential_port(), adapter.principal_attribute()), (None, None));
}

#[test]
fn the_file_of_a_public_client_has_no_secret() {
    let json = r#"{"realm":"kc-demo","auth-server-url":"http://127.0.0.1:18080/","ssl-required":"external",
        "resource":"spa","public-client":true,"confidential-port":0}"#;
    let settings = with_adapter(json, &[]).unwrap();
    assert_eq!(settings.keycloak().unwrap().client_secret(), None);
    assert!(settings.adapter_config().unwrap().public_client());
}

#[test]
fn the_file_of_a_resource_server_warns_that_its_policy_enforcer_is_not_used() {
    let json = r#"{"realm":"kc-demo","auth-server-url":"http://127.0.0.1:18080/","ssl-required":"none",
        "resource":"inventory","verify-token-audience":true,"credentials":{"secret":"s"},"confidential-port":0,
        "policy-enforcer":{"credentials":{}}}"#;
    let settings = with_adapter(json, &[]).unwrap();
    assert_eq!(
        settings.warnings(),
        ["KEYCLOAK_CONFIG \"keycloak.json\": keys without effect here: policy-enforcer"]
    );
}

#[test]
fn an_old_file_with_a_base_path_and_a_pinned_key_is_understood() {
    let json = format!(
        r#"{{"realm":"old","realm-public-key":"{ED25519}","auth-server-url":"https://sso.example.com/auth",
        "ssl-required":"ALL","resource":"app","bearer-only":true,"principal-attribute":"preferred_username",
        "confidential-port":8443,"public-key-cache-ttl":600,"min-time-between-jwks-requests":20}}"#
    );
    let settings = with_adapter(&json, &[]).unwrap();
    assert_eq!(settings.keycloak().unwrap().issuer(), "https://sso.example.com/auth/realms/old");
    assert_eq!(settings.public_key(), Some(ED25519));
    assert_eq!((settings.jwks_ttl().as_secs(), settings.jwks_cooldown().as_secs()), (600, 20));
    let adapter = settings.adapter_config().unwrap();
    assert_eq!(adapter.ssl_required(), Some(SslRequired::All));
    assert_eq!(adapter.principal_attribute(), Some("preferred_username"));
    assert_eq!((adapter.confidential_port(), adapter.bearer_only()), (Some(8443), true));
    assert_eq!(settings.warnings().len(), 1);
    assert!(settings.warnings()[0].contains("key rotation"));
}

#[test]
fn unknown_keys_and_other_credentials_are_warnings() {
    let json = CONFIDENTIAL
        .replace("\"resource\"", "\"realm_name\": 1, \"x\\ny\": {}, \"enable-cors\": true, \"resource\"")
        .replace("\"secret\"", "\"jwt\": {\"client-keystore\": \"hunter2\"}, \"secret\"");
    let settings = with_adapter(&json, &[]).unwrap();
    assert_eq!(
        settings.warnings(),
        [
            r#"KEYCLOAK_CONFIG "keycloak.json": unknown keys are ignored: "realm_name", "x\ny""#,
            r#"KEYCLOAK_CONFIG "keycloak.json": keys without effect here: enable-cors"#,
            r#"KEYCLOAK_CONFIG "keycloak.json": credentials other than `secret` are not supported: "jwt""#,
        ]
    );
}

#[test]
fn placeholders_take_variables_of_the_environment_and_of_dotenv() {
    let json = r#"{"realm":"${env.REALM:main}","auth-server-url":"https://${HOST}/auth","resource":"${env.APP}",
        "credentials":{"secret":"${env.SECRET:${env.OTHER:none}}"},"public-client":"${env.PUBLIC:true}",
        "token-store":"${env.NEVER_LOOKED_AT}"}"#;
    let sources = Sources::default()
        .variable("KEYCLOAK_CONFIG", "k.json")
        .variable("HOST", "id.example.com")
        .variable("APP", "")
        .dotenv("APP=orders\nHOST=not-this\nOTHER=s3cret\nREALM=\n")
        .file("k.json", json);
    let settings = Settings::load(&sources).unwrap();
    let server = settings.keycloak().unwrap();
    assert_eq!(server.issuer(), "https://id.example.com/auth/realms/main");
    assert_eq!(server.client_id(), "orders");
    assert_eq!(server.client_secret().unwrap().expose(), "s3cret");
    assert!(settings.adapter_config().unwrap().public_client());
}

#[test]
fn a_placeholder_without_a_value_names_file_key_and_variable() {
    let json = CONFIDENTIAL.replace("api-secret", "${env.API_SECRET}");
    let error = with_adapter(&json, &[]).unwrap_err();
    assert_eq!(error.defect(), Defect::Missing);
    assert_eq!(
        error.to_string(),
        "KEYCLOAK_CONFIG \"keycloak.json\", key `credentials.secret`, needs the variable \"API_SECRET\", which is \
         unset: set it, or give the placeholder a default: ${env.NAME:default}"
    );
}

#[test]
fn a_file_that_is_not_an_adapter_file_is_refused_without_being_quoted() {
    for (json, what) in [
        ("", "is no JSON at line 1, column 0"),
        ("{\"credentials\": hunter2}", "is no JSON at line 1"),
        ("[]", "no object"),
        (r#"{"realm":["hunter2"]}"#, "key `realm`, is no string"),
        (r#"{"credentials":"hunter2"}"#, "key `credentials`, is no object"),
        (r#"{"credentials":{"secret":5}}"#, "key `credentials.secret`, is no string"),
        (r#"{"ssl-required":"hunter2"}"#, "key `ssl-required`, is not known"),
        (r#"{"bearer-only":"hunter2"}"#, "key `bearer-only`, is neither true nor false"),
        (r#"{"confidential-port":"hunter2"}"#, "key `confidential-port`, is no port"),
    ] {
        let message = with_adapter(json, &[]).unwrap_err().to_string();
        assert!(
            message.starts_with("KEYCLOAK_CONFIG \"keycloak.json\"") && message.contains(what),
            "{message}"
        );
        assert!(!message.contains("hunter2") && !message.contains('\n'), "{message}");
    }
    let error = Settings::load(&Sources::default().variable("KEYCLOAK_CONFIG", "no.json")).unwrap_err();
    assert_eq!((error.setting(), error.defect()), ("KEYCLOAK_CONFIG", Defect::Unreadable));
}

#[test]
fn a_file_without_the_server_does_not_start_the_embedded_issuer() {
    let error = with_adapter(r#"{"realm":"kc-demo","resource":"api"}"#, &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "KEYCLOAK_URL is missing although KEYCLOAK_CONFIG is set: set it to the server's base URL, or unset \
         KEYCLOAK_CONFIG for the embedded issuer"
    );
    let settings =
        with_adapter(r#"{"realm":"kc-demo","resource":"api"}"#, &[("KEYCLOAK_URL", "https://h")]).unwrap();
    assert_eq!(settings.keycloak().unwrap().issuer(), "https://h/realms/kc-demo");
}

#[test]
fn ssl_required_none_does_not_let_plain_http_pass() {
    let json = CONFIDENTIAL.replace("127.0.0.1", "10.0.0.1");
    assert_eq!(with_adapter(&json, &[]).unwrap_err().defect(), Defect::Unsafe);
}

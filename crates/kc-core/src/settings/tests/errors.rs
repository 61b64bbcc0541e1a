//! Each defect: which setting is named, what is said of it.

use super::*;

/// Checks that every value is refused under the variable's own name, in one line, in these words, with a remedy.
fn check(name: &str, cases: &[(&str, &str)]) {
    for (value, what) in cases {
        let error = refused(&[(name, value)]);
        let message = error.to_string();
        assert_eq!(error.setting(), name, "{value:?}: {message}");
        assert!(message.contains(what), "{value:?}: {message}");
        assert!(message.ends_with(error.remedy()) && error.remedy().len() > 4, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(message.chars().count() < 400, "{message}");
    }
}

#[test]
fn urls() {
    let long = format!("https://{}", "a b".repeat(500));
    let always = [
        (" ", "is empty"),
        ("id.example.com", "without a scheme"),
        ("ftp://id.example.com", "neither https nor http"),
        ("https://user:hunter2@id.example.com", "user or password"),
        ("https://user@id.example.com/auth", "user or password"),
        ("https://id.example.com?a=hunter2", "query or fragment"),
        ("https://id.example.com/#a", "query or fragment"),
        ("https://", "is no URL"),
        ("https://id.example.com:99999", "is no URL"),
        ("https://a\nb", "control character"),
        ("https:\\\\id.example.com", "backslash"),
        ("https://id.example.com//auth", "empty segment"),
        (&long, "blank"),
    ];
    for name in ["KEYCLOAK_URL", "KEYCLOAK_INTERNAL_URL", "KEYCLOAK_ISSUER", "PUBLIC_URL"] {
        check(name, &always);
    }
    for name in ["KEYCLOAK_URL", "KEYCLOAK_INTERNAL_URL"] {
        check(
            name,
            &[
                ("http://keycloak:8080", "is plain HTTP"),
                ("http://10.0.0.1", "is plain HTTP"),
                ("https://id.example.com/realms/shop", "is an issuer"),
            ],
        );
    }
    for (value, _) in always {
        assert!(!refused(&[("KEYCLOAK_URL", value)]).to_string().contains("hunter2"));
    }
    assert!(
        refused(&[("KEYCLOAK_URL", "http://h")]).remedy().contains("KEYCLOAK_DANGEROUSLY_ALLOW_HTTP=true")
    );
}

#[test]
fn realm_and_client() {
    check(
        "KEYCLOAK_REALM",
        &[
            ("a/b", "cannot be part of a URL"),
            ("a?b", "cannot be part of a URL"),
            ("a#b", "cannot be part of a URL"),
            ("a%2fb", "cannot be part of a URL"),
            ("a\\b", "cannot be part of a URL"),
            (".", "cannot be part of a URL"),
            ("..", "cannot be part of a URL"),
            (" shop", "blanks around it"),
            ("shop\n", "blanks around it"),
            (" ", "is blank"),
            ("a\u{7}b", "control character"),
        ],
    );
    check("KEYCLOAK_CLIENT_ID", &[(" orders", "blanks around it"), ("a\nb", "control character")]);
    check("KEYCLOAK_CLIENT_SECRET", &[("hunter2\n", "blanks around it"), ("a\nb", "control character")]);
    for (present, absent) in
        [("KEYCLOAK_CLIENT_ID", "KEYCLOAK_REALM"), ("KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID")]
    {
        let sources = Sources::default().variable("KEYCLOAK_URL", "https://h").variable(present, "x");
        let error = Settings::load(&sources).unwrap_err();
        assert_eq!((error.setting(), error.defect()), (absent, Defect::Missing));
    }
}

#[test]
fn lists() {
    for name in [
        "KEYCLOAK_AUDIENCE",
        "KEYCLOAK_EXEMPT_PATHS",
        "KEYCLOAK_ACR_LEVELS",
        "CORS_ALLOWED_ORIGINS",
        "SESSION_KEYS",
        "TRUSTED_PROXIES",
    ] {
        check(name, &[(",", "without an item"), (" , ", "without an item")]);
    }
    check("KEYCLOAK_AUDIENCE", &[("a\u{1}b", "control character")]);
    check("KEYCLOAK_ACR_LEVELS", &[("silver,gold,silver", "lists \"silver\" twice")]);
    check(
        "KEYCLOAK_EXEMPT_PATHS",
        &[
            ("/", "exempts `/`"),
            ("//", "exempts `/`"),
            ("metrics", "does not begin with /"),
            ("/a/../b", "normalisation"),
            ("/a/.", "normalisation"),
            ("/a//b", "normalisation"),
            ("/a//", "normalisation"),
            ("/a%2Fb", "normalisation"),
            ("/a%2eb", "normalisation"),
            ("/a\\b", "normalisation"),
            ("/a;b", "normalisation"),
            ("/a?b", "normalisation"),
            ("/a b", "normalisation"),
            ("/good,/a\tb", "normalisation"),
        ],
    );
    check(
        "CORS_ALLOWED_ORIGINS",
        &[
            ("*", "allows every origin"),
            ("https://a.example,*", "allows every origin"),
            ("null", "without a scheme"),
            ("app.example.com", "without a scheme"),
            ("https://app.example.com/", "with a path"),
            ("https://app.example.com/x", "with a path"),
            ("https://*.example.com", "pattern"),
        ],
    );
    check(
        "TRUSTED_PROXIES",
        &[
            ("proxy.internal", "no IP address"),
            ("10.0.0.0/33", "0 to 32 bits"),
            ("10.0.0.0/+8", "0 to 32 bits"),
            ("::/129", "0 to 128 bits"),
            ("10.0.0.0/", "0 to 32 bits"),
            ("0.0.0.0/0", "believes so many addresses"),
            ("::/0", "believes so many addresses"),
        ],
    );
}

#[test]
fn numbers_and_flags() {
    for name in [
        "KEYCLOAK_LEEWAY_SECONDS",
        "KEYCLOAK_JWKS_TTL_SECONDS",
        "KEYCLOAK_JWKS_COOLDOWN_SECONDS",
        "KEYCLOAK_JWKS_MAX_STALE_SECONDS",
        "KEYCLOAK_HTTP_TIMEOUT_SECONDS",
    ] {
        check(
            name,
            &[
                ("soon", "not a whole number"),
                ("-1", "not a whole number"),
                ("1.5", "not a whole number"),
                (" ", "not a whole number"),
                ("99999999999999999999999", "out of range"),
                ("2678401", "out of range"),
            ],
        );
    }
    check("KEYCLOAK_LEEWAY_SECONDS", &[("301", "out of range")]);
    check("KEYCLOAK_OPAQUE_TOKENS", &[("yes", "neither refuse nor introspect")]);
    check(
        "KEYCLOAK_INTROSPECTION_TTL_SECONDS",
        &[("3601", "out of range"), ("x", "whole number of seconds")],
    );
    check("KEYCLOAK_TOKEN_CACHE_BYTES", &[("32M", "whole number of bytes"), ("1073741825", "out of range")]);
    for name in
        ["KEYCLOAK_HTTP_TIMEOUT_SECONDS", "KEYCLOAK_JWKS_TTL_SECONDS", "KEYCLOAK_JWKS_COOLDOWN_SECONDS"]
    {
        check(name, &[("0", "out of range")]);
    }
    for name in ["KEYCLOAK_CREATE_USERS", "KEYCLOAK_DANGEROUSLY_ALLOW_HTTP"] {
        check(name, &[("maybe", "neither yes nor no"), ("\n\n", "neither yes nor no")]);
    }
    let built = Settings::builder("https://h", "r", "c").leeway(Duration::from_millis(1500)).build();
    assert!(built.unwrap_err().to_string().contains("(\"1.5\")"));
}

#[test]
fn keys_and_certificates() {
    let cut = format!("-----BEGIN PUBLIC KEY-----\n{ED25519}\n");
    let private = format!("-----BEGIN PRIVATE KEY-----\n{ED25519}\n-----END PRIVATE KEY-----");
    let request =
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{ED25519}\n-----END CERTIFICATE REQUEST-----");
    check(
        "KEYCLOAK_PUBLIC_KEY",
        &[
            ("no key!", "neither PEM nor base64"),
            ("AAAA", "too short"),
            ("-----BEGIN PUBLIC KEY", "without an end of its first line"),
            (&cut, "breaks off"),
            (&private, "private key"),
            (&request, "no public key"),
            ("-----BEGIN PUBLIC KEY-----\n%\n-----END PUBLIC KEY-----", "neither PEM nor base64"),
        ],
    );
    check("KEYCLOAK_CA_FILE", &[("missing.pem", "cannot be read")]);
    for (content, what) in [
        ("", "empty file"),
        (" \n", "empty file"),
        ("no PEM", "without a PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nMIIB", "damaged"),
        ("-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----", "damaged"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "damaged"),
    ] {
        let sources = environment(&[("KEYCLOAK_CA_FILE", "ca.pem")]).file("ca.pem", content);
        let error = Settings::load(&sources).unwrap_err();
        assert_eq!(error.setting(), "KEYCLOAK_CA_FILE");
        assert!(error.to_string().contains(what), "{error}");
    }
}

#[test]
fn addresses_zones_stores_and_logs() {
    check(
        "LISTEN",
        &[
            ("8000", "has no port"),
            (":8000", "no IP address"),
            ("127.0.0.1", "has no port"),
            ("127.0.0.1:", "has no port"),
            ("127.0.0.1:99999", "port above 65535"),
            ("api.internal:8000", "no IP address"),
            ("::1:x", "has no port"),
        ],
    );
    check(
        "KEYCLOAK_AUTHORIZATION_TIME_ZONE",
        &[
            ("../../etc/passwd", "no IANA time zone"),
            ("/UTC", "no IANA time zone"),
            ("+02:00", "no IANA time zone"),
            ("Europe/ Berlin", "no IANA time zone"),
            (" ", "no IANA time zone"),
        ],
    );
    check(
        "SESSION_STORE",
        &[
            ("postgres://x", "no store that is known"),
            ("redis:hunter2", "no store that is known"),
            ("redis://", "cannot be read"),
            ("redis://user:hunter2@", "cannot be read"),
            ("redis://:hunter2@h:port", "cannot be read"),
        ],
    );
    check(
        "SESSION_KEYS",
        &[("hunter2!", "not base64"), ("aHVudGVyMg==", "a key of 7 bytes"), (ED25519, "a key of 44 bytes")],
    );
    let error = refused(&[("SESSION_STORE", "redis://h")]);
    assert_eq!((error.setting(), error.defect()), ("SESSION_KEYS", Defect::Missing));
    check(
        "USERS_DATABASE",
        &[
            ("mysql://u:hunter2@h/d", "no data base that is known"),
            ("users.db", "no data base that is known"),
            ("sqlite:", "without a file"),
            ("sqlite://", "without a file"),
            ("postgres:hunter2", "cannot be read"),
            ("postgres://u:hunter2@h:port/d", "cannot be read"),
        ],
    );
    check("AUDIT_LOG", &[(" ", "is blank")]);
}

#[test]
fn the_embedded_issuer_too() {
    let settings = Settings::load(&Sources::default()).unwrap();
    let error = settings.clone().with_embedded("http://10.0.0.1", "r", "c", None).unwrap_err();
    assert!(error.to_string().starts_with("embedded issuer's URL is plain HTTP"), "{error}");
    assert!(settings.clone().with_embedded("http://127.0.0.1", "a/b", "c", None).is_err());
    assert!(settings.with_embedded("http://127.0.0.1", "r", "", None).is_err());
}

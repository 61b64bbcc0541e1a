//! Every variable: its default, and its good values.

use super::*;

fn seconds(duration: Duration) -> u64 {
    duration.as_secs()
}

#[test]
fn everything_but_the_server_has_a_default() {
    let settings = load(&[]);
    let server = settings.keycloak().unwrap();
    assert_eq!(server.url().as_str(), "https://id.example.com");
    assert_eq!(server.internal_url(), server.url());
    assert_eq!((server.realm(), server.client_id(), server.client_secret()), ("shop", "orders", None));
    assert_eq!(server.issuer(), "https://id.example.com/realms/shop");
    assert_eq!(server.audiences(), ["orders"]);
    assert_eq!(settings.public_key(), None);
    assert_eq!(settings.authorization(), AuthorizationMode::Offline);
    assert_eq!(settings.authorization_config(), None);
    assert_eq!(settings.authorization_time_zone(), "UTC");
    assert!(settings.exempt_paths().is_empty());
    assert!(settings.create_users());
    assert_eq!(seconds(settings.leeway()), 5);
    assert_eq!(seconds(settings.jwks_ttl()), 3600);
    assert_eq!(seconds(settings.jwks_cooldown()), 10);
    assert_eq!(seconds(settings.jwks_max_stale()), 86_400);
    assert_eq!(seconds(settings.http_timeout()), 5);
    assert_eq!(settings.opaque_tokens(), OpaqueTokens::Refuse);
    assert_eq!(seconds(settings.introspection_ttl()), 30);
    assert_eq!(settings.token_cache_bytes(), 33_554_432);
    assert_eq!(settings.ca_pem(), None);
    assert!(settings.acr_levels().is_empty());
    assert_eq!(settings.listen().to_string(), "127.0.0.1:8000");
    assert_eq!(settings.public_url().as_str(), "http://127.0.0.1:8000");
    assert!(settings.cors_allowed_origins().is_empty());
    assert_eq!(settings.session_store(), &SessionStore::Memory);
    assert!(settings.session_keys().is_empty());
    assert_eq!(settings.users_database(), None);
    assert!(settings.trusted_proxies().is_empty());
    assert_eq!(settings.audit_log(), &AuditLog::StandardOutput);
    assert_eq!(settings.adapter_config(), None);
    assert!(settings.warnings().is_empty(), "{:?}", settings.warnings());
}

#[test]
fn without_a_url_the_embedded_issuer_is_meant_and_completes_the_settings() {
    let settings = Settings::load(&Sources::default()).unwrap();
    assert_eq!(settings.server(), &Server::Embedded);
    assert!(settings.keycloak().unwrap_err().to_string().starts_with("KEYCLOAK_URL is missing: "));
    assert_eq!(settings.cors_allowed_origins().len(), 2);
    let secret = Some(Secret::new("s"));
    let settings =
        settings.with_embedded("http://127.0.0.1:4711/", "kc-demo", "api", secret.clone()).unwrap();
    let server = settings.keycloak().unwrap();
    assert_eq!(server.issuer(), "http://127.0.0.1:4711/realms/kc-demo");
    assert_eq!(server.audiences(), ["api"]);
    assert_eq!(server.client_secret(), secret.as_ref());
}

#[test]
fn the_embedded_issuer_keeps_the_audiences_that_were_set() {
    let sources = Sources::default().variable("KEYCLOAK_AUDIENCE", "a,b");
    let settings = Settings::load(&sources).unwrap();
    let settings = settings.with_embedded("http://localhost:1", "kc-demo", "api", None).unwrap();
    assert_eq!(settings.keycloak().unwrap().audiences(), ["a", "b"]);
}

#[test]
fn a_client_without_a_server_is_a_warning_and_a_server_by_halves_an_error() {
    let sources =
        Sources::default().variable("KEYCLOAK_REALM", "shop").variable("KEYCLOAK_CLIENT_SECRET", "s");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(settings.server(), &Server::Embedded);
    assert_eq!(settings.warnings().len(), 2);
    assert!(settings.warnings()[0].starts_with("KEYCLOAK_REALM has no effect while KEYCLOAK_URL is unset"));
    for (name, value) in [
        ("KEYCLOAK_ISSUER", "https://id.example.com/realms/shop"),
        ("KEYCLOAK_INTERNAL_URL", "https://kc.internal"),
        ("KEYCLOAK_PUBLIC_KEY", ED25519),
    ] {
        let error = Settings::load(&Sources::default().variable(name, value)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("KEYCLOAK_URL is missing although {name} is set: ")), "{error}");
    }
}

#[test]
fn the_internal_url_moves_only_what_this_process_asks() {
    let settings = load(&[("KEYCLOAK_INTERNAL_URL", "http://127.0.0.1:8080//")]);
    let server = settings.keycloak().unwrap();
    assert_eq!(server.issuer(), "https://id.example.com/realms/shop");
    assert!(server.endpoints().token().starts_with("http://127.0.0.1:8080/realms/shop/"));
    assert!(server.endpoints().authorization().starts_with("https://id.example.com/realms/shop/"));
}

#[test]
fn a_legacy_base_path_is_kept() {
    let settings = load(&[("KEYCLOAK_URL", "https://id.example.com/auth/")]);
    let server = settings.keycloak().unwrap();
    assert_eq!(server.issuer(), "https://id.example.com/auth/realms/shop");
    assert_eq!(
        server.endpoints().certs(),
        "https://id.example.com/auth/realms/shop/protocol/openid-connect/certs"
    );
}

#[test]
fn the_issuer_is_kept_to_the_letter() {
    let settings = load(&[("KEYCLOAK_ISSUER", "https://Other.example.com/realms/shop/")]);
    assert_eq!(settings.keycloak().unwrap().issuer(), "https://Other.example.com/realms/shop/");
}

#[test]
fn lists_are_trimmed_and_keep_their_order() {
    let settings = load(&[
        ("KEYCLOAK_AUDIENCE", " b , a,, urn:x:y "),
        ("KEYCLOAK_ACR_LEVELS", "silver, gold"),
        ("KEYCLOAK_EXEMPT_PATHS", " /metrics/ ,/public/v1"),
        ("CORS_ALLOWED_ORIGINS", "https://App.Example.com:443, http://localhost:3000"),
    ]);
    assert_eq!(settings.keycloak().unwrap().audiences(), ["b", "a", "urn:x:y"]);
    assert_eq!(settings.acr_levels(), ["silver", "gold"]);
    assert_eq!(settings.exempt_paths(), ["/metrics", "/public/v1"]);
    assert_eq!(settings.cors_allowed_origins(), ["https://app.example.com", "http://localhost:3000"]);
}

#[test]
fn the_default_origins_hold_only_for_a_keycloak_on_this_machine() {
    let default = ["http://localhost:3000", "http://localhost:5173"];
    assert_eq!(load(&[("KEYCLOAK_URL", "http://127.0.0.1:8080")]).cors_allowed_origins(), default);
    assert!(load(&[]).cors_allowed_origins().is_empty());
    assert!(load(&[("KEYCLOAK_INTERNAL_URL", "http://127.0.0.1:8080")]).cors_allowed_origins().is_empty());
    let none: [&str; 0] = [];
    let built = Settings::builder("http://localhost", "r", "c").cors_allowed_origins(none).build().unwrap();
    assert!(built.cors_allowed_origins().is_empty());
}

#[test]
fn a_pinned_key_may_be_pem_of_both_kinds_or_bare_base64() {
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{ED25519}\n-----END PUBLIC KEY-----\n");
    for key in [pem.clone(), pem.replace('\n', "\\n"), ED25519.to_owned()] {
        assert_eq!(load(&[("KEYCLOAK_PUBLIC_KEY", &key)]).public_key(), Some(key.trim()));
    }
}

#[test]
fn yes_and_no_have_three_spellings() {
    for (text, expected) in
        [("true", true), ("1", true), ("YES", true), ("false", false), ("0", false), ("No", false)]
    {
        assert_eq!(load(&[("KEYCLOAK_CREATE_USERS", text)]).create_users(), expected);
    }
}

#[test]
fn seconds_are_whole_numbers_up_to_their_limits() {
    let settings = load(&[
        ("KEYCLOAK_LEEWAY_SECONDS", "0"),
        ("KEYCLOAK_JWKS_TTL_SECONDS", "2678400"),
        ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "1"),
        ("KEYCLOAK_JWKS_MAX_STALE_SECONDS", "0"),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", " 300 "),
    ]);
    assert_eq!(seconds(settings.leeway()), 0);
    assert_eq!(seconds(settings.jwks_ttl()), 2_678_400);
    assert_eq!(seconds(settings.jwks_cooldown()), 1);
    assert_eq!(seconds(settings.jwks_max_stale()), 0);
    assert_eq!(seconds(settings.http_timeout()), 300);
}

#[test]
fn the_ca_file_is_read_at_once() {
    let sources = environment(&[("KEYCLOAK_CA_FILE", "ca.pem")]).file("ca.pem", CERTIFICATE);
    assert_eq!(Settings::load(&sources).unwrap().ca_pem(), Some(CERTIFICATE.as_bytes()));
}

#[test]
fn the_public_url_follows_the_address_unless_it_is_set() {
    for (listen, bound, url) in [
        ("localhost:9000", "127.0.0.1:9000", "http://localhost:9000"),
        ("[::1]:9000", "[::1]:9000", "http://[::1]:9000"),
        ("0.0.0.0:0", "0.0.0.0:0", "http://0.0.0.0:0"),
    ] {
        let settings = load(&[("LISTEN", listen)]);
        assert_eq!((settings.listen().to_string().as_str(), settings.public_url().as_str()), (bound, url));
    }
    let chosen = "127.0.0.1:54321".parse().unwrap();
    let settings = load(&[("LISTEN", "127.0.0.1:0")]).with_listen(chosen).unwrap();
    assert_eq!(settings.public_url().as_str(), "http://127.0.0.1:54321");
    let settings = load(&[("PUBLIC_URL", "https://shop.example.com/api/")]).with_listen(chosen).unwrap();
    assert_eq!(settings.public_url().as_str(), "https://shop.example.com/api");
    assert!(settings.public_url().is_https());
}

#[test]
fn stores_data_bases_proxies_zone_and_audit_log_are_typed() {
    let keys = format!("{KEY_A}, {KEY_B}");
    let settings = load(&[
        ("SESSION_STORE", "rediss://user:pw@redis.internal:6380/2"),
        ("SESSION_KEYS", &keys),
        ("USERS_DATABASE", "postgres://u:pw@db/users"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
        ("AUDIT_LOG", "/var/log/audit.jsonl"),
        ("KEYCLOAK_AUTHORIZATION", "hybrid"),
        ("KEYCLOAK_AUTHORIZATION_CONFIG", "authz.json"),
        ("KEYCLOAK_AUTHORIZATION_TIME_ZONE", "America/Argentina/Buenos_Aires"),
    ]);
    assert_eq!(
        settings.session_store(),
        &SessionStore::Redis(Secret::new("rediss://user:pw@redis.internal:6380/2"))
    );
    assert_eq!(settings.session_keys().len(), 2);
    assert_eq!(settings.session_keys()[0].expose()[1], 1);
    assert_eq!(
        settings.users_database(),
        Some(&UsersDatabase::Postgres(Secret::new("postgres://u:pw@db/users")))
    );
    assert_eq!(settings.trusted_proxies().len(), 2);
    assert_eq!(settings.audit_log(), &AuditLog::File("/var/log/audit.jsonl".into()));
    assert_eq!(settings.authorization(), AuthorizationMode::Hybrid);
    assert_eq!(settings.authorization_config(), Some(Path::new("authz.json")));
    assert_eq!(settings.authorization_time_zone(), "America/Argentina/Buenos_Aires");
    assert_eq!(load(&[("AUDIT_LOG", "off")]).audit_log(), &AuditLog::Off);
    for url in ["sqlite:users.db", "sqlite::memory:", "sqlite:///var/users.db"] {
        let settings = load(&[("USERS_DATABASE", url)]);
        assert_eq!(settings.users_database(), Some(&UsersDatabase::Sqlite(Secret::new(url))));
    }
}

#[test]
fn the_builder_has_the_same_defaults_and_every_setting() {
    let built = Settings::builder("https://id.example.com", "shop", "orders").build().unwrap();
    assert_eq!(format!("{built:?}"), format!("{:?}", load(&[])));
    let built = Settings::builder("https://id.example.com", "shop", "orders")
        .client_secret(Secret::new("s"))
        .internal_url("https://kc.internal")
        .audiences(["a", "b"])
        .issuer("https://id.example.com/other")
        .public_key(ED25519)
        .authorization(AuthorizationMode::Hybrid)
        .authorization_config("authz.json")
        .authorization_time_zone("Europe/Berlin")
        .exempt_paths(["/metrics"])
        .create_users(false)
        .leeway(Duration::from_secs(1))
        .jwks_ttl(Duration::from_secs(2))
        .jwks_cooldown(Duration::from_secs(3))
        .jwks_max_stale(Duration::from_secs(4))
        .http_timeout(Duration::from_secs(6))
        .opaque_tokens(OpaqueTokens::Introspect)
        .introspection_ttl(Duration::from_secs(8))
        .token_cache_bytes(7)
        .acr_levels(["silver", "gold"])
        .listen("127.0.0.1:1".parse().unwrap())
        .public_url("https://shop.example.com")
        .cors_allowed_origins(["https://app.example.com"])
        .session_store("redis://r")
        .session_keys([Secret::new(KEY_A), Secret::new(KEY_B)])
        .users_database(Secret::new("sqlite:u.db"))
        .trusted_proxies(["10.0.0.1"])
        .audit_log("off")
        .build()
        .unwrap();
    let loaded = load(&[
        ("KEYCLOAK_CLIENT_SECRET", "s"),
        ("KEYCLOAK_INTERNAL_URL", "https://kc.internal"),
        ("KEYCLOAK_AUDIENCE", "a,b"),
        ("KEYCLOAK_ISSUER", "https://id.example.com/other"),
        ("KEYCLOAK_PUBLIC_KEY", ED25519),
        ("KEYCLOAK_AUTHORIZATION", "hybrid"),
        ("KEYCLOAK_AUTHORIZATION_CONFIG", "authz.json"),
        ("KEYCLOAK_AUTHORIZATION_TIME_ZONE", "Europe/Berlin"),
        ("KEYCLOAK_EXEMPT_PATHS", "/metrics"),
        ("KEYCLOAK_CREATE_USERS", "false"),
        ("KEYCLOAK_LEEWAY_SECONDS", "1"),
        ("KEYCLOAK_JWKS_TTL_SECONDS", "2"),
        ("KEYCLOAK_JWKS_COOLDOWN_SECONDS", "3"),
        ("KEYCLOAK_JWKS_MAX_STALE_SECONDS", "4"),
        ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "6"),
        ("KEYCLOAK_OPAQUE_TOKENS", "introspect"),
        ("KEYCLOAK_INTROSPECTION_TTL_SECONDS", "8"),
        ("KEYCLOAK_TOKEN_CACHE_BYTES", "7"),
        ("KEYCLOAK_ACR_LEVELS", "silver,gold"),
        ("LISTEN", "127.0.0.1:1"),
        ("PUBLIC_URL", "https://shop.example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://app.example.com"),
        ("SESSION_STORE", "redis://r"),
        ("SESSION_KEYS", &format!("{KEY_A},{KEY_B}")),
        ("USERS_DATABASE", "sqlite:u.db"),
        ("TRUSTED_PROXIES", "10.0.0.1"),
        ("AUDIT_LOG", "off"),
    ]);
    assert_eq!(format!("{built:?}"), format!("{loaded:?}"));
}

#[test]
fn plain_http_to_another_host_needs_to_be_called_dangerous() {
    let http = "http://keycloak:8080";
    let error = Settings::builder(http, "r", "c").build().unwrap_err();
    assert_eq!((error.setting(), error.defect()), ("KEYCLOAK_URL (set in code)", Defect::Unsafe));
    let built = Settings::builder(http, "r", "c").dangerous().allow_plain_http().build().unwrap();
    assert_eq!(built.warnings().len(), 1);
    let loaded = load(&[
        ("KEYCLOAK_URL", http),
        ("KEYCLOAK_INTERNAL_URL", "http://10.0.0.1"),
        ("KEYCLOAK_DANGEROUSLY_ALLOW_HTTP", "true"),
    ]);
    assert_eq!(loaded.warnings().len(), 2, "{:?}", loaded.warnings());
}

#[test]
fn the_description_says_whom_the_service_trusts_and_no_secret() {
    let settings =
        load(&[("KEYCLOAK_CLIENT_SECRET", "hunter2"), ("KEYCLOAK_INTERNAL_URL", "https://kc.internal")]);
    let text = settings.describe().join("\n");
    for part in ["https://id.example.com/realms/shop", "shop", "orders", "https://kc.internal"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("hunter2"));
    assert!(Settings::load(&Sources::default()).unwrap().describe()[0].contains("embedded"));
}

#[test]
fn every_variable_is_in_the_documentation() {
    let text = include_str!("../../../../../docs/configuration.md");
    for name in VARIABLES {
        assert!(text.contains(&format!("| `{name}` |")), "docs/configuration.md lacks a row for {name}");
    }
    for name in text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()) {
        let known = VARIABLES.contains(&name) || name.chars().any(|c| c.is_ascii_lowercase());
        assert!(known, "docs/configuration.md describes {name}, which is not read");
    }
}

#[test]
fn every_setting_of_the_deployment_examples_is_one_that_is_read() {
    for (file, text) in [
        ("kc-service.service", include_str!("../../../../../deploy/kc-service.service")),
        ("Containerfile", include_str!("../../../../../deploy/Containerfile")),
        ("kubernetes.yaml", include_str!("../../../../../deploy/kubernetes.yaml")),
    ] {
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        let ours = ["KEYCLOAK_", "SESSION_", "USERS_", "TRUSTED_", "PUBLIC_", "CORS_", "AUDIT_"];
        let settings: Vec<&str> =
            words.filter(|word| ours.iter().any(|start| word.starts_with(start))).collect();
        assert!(!settings.is_empty(), "{file}");
        for name in settings {
            assert!(VARIABLES.contains(&name), "deploy/{file} sets {name}, which is not read");
        }
    }
}

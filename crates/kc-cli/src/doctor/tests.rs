//! Checks by facts, as a Keycloak 26.7 gives them. That it does is shown by `doctor_at_keycloak`.

use kc_core::secret::Secret;
use kc_core::settings::{Settings, SettingsBuilder};
use kc_core::transport::TransportError;
use serde_json::{Value, json};

use super::check::{ALL, Severity, Verdict};
use super::facts::{Admin, Answer, Asked, Facts, Missing};
use super::show::Report;
use crate::terminal::Paint;

const URL: &str = "https://id.example.com";
const ISSUER: &str = "https://id.example.com/realms/shop";
const NOW: i64 = 1_795_358_202;
const DOCS: &str = include_str!("../../../../docs/doctor.md");
const CERTS: &str = r#"{"keys":[
    {"kid":"e","kty":"RSA","alg":"RSA-OAEP","use":"enc","n":"AQAB","e":"AQAB"},
    {"kid":"s","kty":"EC","alg":"ES256","use":"sig","crv":"P-256",
     "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn builder() -> SettingsBuilder {
    Settings::builder(URL, "shop", "svc")
        .client_secret(Secret::new("svc-secret"))
        .public_url("https://shop.example.com")
        .cors_allowed_origins(["https://app.example.com"])
}

fn answer(status: u16, json: Value) -> Asked {
    Ok(Answer {
        status,
        media_type: "application/json".to_owned(),
        json: Some(json),
        at: NOW,
        ..Answer::default()
    })
}

fn redirect(parameters: &str) -> Asked {
    let location = Some(format!("https://shop.example.com/oidc/callback?{parameters}"));
    Ok(Answer { status: 302, location, at: NOW, ..Answer::default() })
}

fn discovery(base: &str) -> Value {
    let realm = format!("{base}/realms/shop");
    let endpoint = |name: &str| format!("{realm}/protocol/openid-connect/{name}");
    json!({
        "issuer": realm,
        "authorization_endpoint": endpoint("auth"),
        "end_session_endpoint": endpoint("logout"),
        "token_endpoint": endpoint("token"),
        "jwks_uri": endpoint("certs"),
    })
}

fn claims() -> Value {
    json!({
        "iat": NOW, "exp": NOW + 300, "jti": "trrtcc:180d05a1", "iss": ISSUER, "aud": "svc", "typ": "Bearer", "azp": "svc",
        "allowed-origins": ["https://app.example.com"], "realm_access": { "roles": ["offline_access"] },
    })
}

/// Where everything is as it should be.
fn facts() -> Facts {
    let mapper = |kind: &str| json!({ "protocolMapper": kind, "config": { "access.token.claim": "true" } });
    Facts {
        discovery: answer(200, discovery(URL)),
        page: answer(200, json!({ "public_key": "MIIB", "tokens-not-before": 0 })),
        certs: answer(200, serde_json::from_str(CERTS).unwrap()),
        token: answer(200, json!({ "expires_in": 300, "token_type": "Bearer" })),
        claims: Some(claims()),
        introspection: answer(200, json!({ "active": true, "aud": "svc" })),
        userinfo: answer(200, json!({ "sub": "1" })),
        direct_grant: answer(
            400,
            json!({ "error": "unauthorized_client",
            "error_description": "Client not allowed for direct access grants" }),
        ),
        login: redirect("error=login_required&state=doctor"),
        login_without_pkce: redirect(
            "error=invalid_request&error_description=Missing+parameter%3A+code_challenge_method",
        ),
        implicit: redirect("x#error=unauthorized_client&error_description=Implicit+flow+is+disabled"),
        logout: answer(200, Value::Null),
        backchannel: answer(400, Value::Null),
        admin: Admin::Seen {
            realm: Ok(
                json!({ "sslRequired": "external", "bruteForceProtected": true, "revokeRefreshToken": true,
                "refreshTokenMaxReuse": 0 }),
            ),
            client: Ok(json!({ "clientId": "svc", "enabled": true, "fullScopeAllowed": false,
                "defaultClientScopes": ["roles"], "webOrigins": ["https://app.example.com"],
                "attributes": { "backchannel.logout.url": "https://shop.example.com/oidc/backchannel-logout",
                    "backchannel.logout.session.required": "true" } })),
            scopes: Ok(json!([{ "name": "roles", "protocolMappers":
                [mapper("oidc-usermodel-realm-role-mapper"), mapper("oidc-usermodel-client-role-mapper")] }])),
        },
        ..Facts::unasked(Ok(builder().build().unwrap()), "not asked")
    }
}

fn report(facts: &Facts) -> Report {
    Report {
        issuer: Some(ISSUER.to_owned()),
        client_id: Some("svc".to_owned()),
        verdicts: ALL.iter().map(|check| (*check, check.verdict(facts))).collect(),
    }
}

/// The findings: check, severity, and all their words.
fn found(facts: &Facts) -> Vec<(&'static str, Severity, String)> {
    let mut all = Vec::new();
    for (check, verdict) in report(facts).verdicts {
        if let Verdict::Found(findings) = verdict {
            for finding in findings {
                let words = format!("{}\n{}\n{}", finding.found, finding.means, finding.remedy);
                all.push((check.name, finding.severity, words));
            }
        }
    }
    all
}

/// The one finding of `facts`.
#[track_caller]
fn one(facts: &Facts, check: &str, severity: Severity, words: &[&str]) {
    let all = found(facts);
    assert_eq!(all.len(), 1, "{all:?}");
    let (name, how, said) = &all[0];
    assert_eq!((*name, *how), (check, severity), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said}");
    }
}

fn with(settings: SettingsBuilder) -> Facts {
    Facts { settings: Ok(settings.build().unwrap()), ..facts() }
}

fn client_with(name: &str, value: Value) -> Facts {
    let mut facts = facts();
    if let Admin::Seen { client: Ok(client), .. } = &mut facts.admin {
        client[name] = value;
    }
    facts
}

#[test]
fn where_everything_is_right_there_is_no_finding_and_nothing_is_left_unchecked() {
    let facts = facts();
    assert_eq!(found(&facts), []);
    let text = report(&facts).table(Paint(false));
    assert!(!text.contains("not checked:") && !text.contains('\x1b'), "{text}");
    assert_eq!(report(&facts).severity(), None);
    assert!(report(&facts).table(Paint(true)).contains("\x1b[32m✓\x1b[0m issuer"));
}

#[test]
fn every_check_is_described_and_every_description_is_of_a_check() {
    let sections: Vec<&str> =
        DOCS.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let names: Vec<&str> = ALL.iter().map(|check| check.name).collect();
    assert_eq!(sections, names, "docs/doctor.md has other checks, or in another order");
    for name in names {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
    }
    // A finding with its way out stands in each of them.
    for section in DOCS.split("\n### `").skip(1) {
        for part in ["*Why.*", "*Remedy.*"] {
            assert!(section.contains(part), "{part} is missing in {section}");
        }
    }
}

#[test]
fn the_issuer_is_compared_to_the_letter_and_each_trap_has_its_own_remedy() {
    let issuer = |issuer: &str| {
        let mut document = discovery(URL);
        document["issuer"] = json!(issuer);
        Facts { discovery: answer(200, document), ..facts() }
    };
    let error = Severity::Error;
    one(
        &issuer("http://id.example.com/realms/shop"),
        "issuer",
        error,
        &["X-Forwarded-Proto", "proxy-headers=xforwarded"],
    );
    one(&issuer("https://id.example.com/auth/realms/shop"), "issuer", error, &["base path"]);
    one(
        &issuer("https://other.example.com/realms/shop"),
        "issuer",
        error,
        &["option hostname", "localhost and 127.0.0.1"],
    );
    let slash = with(builder().issuer(&format!("{ISSUER}/")));
    one(&slash, "issuer", error, &["KEYCLOAK_ISSUER", "slash"]);
    let internal = Facts {
        discovery: answer(200, discovery("https://kc.internal:8443")),
        ..with(builder().internal_url("https://kc.internal:8443"))
    };
    one(
        &internal,
        "issuer",
        error,
        &["hostname=https://id.example.com", "hostname-backchannel-dynamic=true"],
    );
    // What the server says is shown, but not as it likes.
    let wild = found(&issuer("https://\u{1b}[2J\n"));
    assert!(!wild[0].2.contains('\u{1b}'), "{wild:?}");
}

#[test]
fn browsers_that_would_be_sent_elsewhere_are_told_of() {
    let mut document = discovery(URL);
    document["authorization_endpoint"] =
        json!("http://10.0.0.7:8080/realms/shop/protocol/openid-connect/auth");
    let facts = Facts { discovery: answer(200, document), ..facts() };
    one(&facts, "endpoints", Severity::Warning, &["authorization_endpoint", "10.0.0.7", "hostname"]);
}

#[test]
fn clocks_apart_by_more_than_the_leeway_are_an_error_either_way() {
    let at = |seconds: i64| {
        let mut claims = claims();
        claims["iat"] = json!(NOW + seconds);
        claims["exp"] = json!(NOW + seconds + 300);
        Facts { claims: Some(claims), ..facts() }
    };
    for seconds in [-5, 0, 5] {
        assert_eq!(found(&at(seconds)), []);
    }
    one(&at(90), "clock", Severity::Error, &["90 s ahead", "token_not_yet_valid", "timedatectl"]);
    one(&at(-90), "clock", Severity::Error, &["90 s behind", "token_expired"]);
    let generous =
        Facts { claims: at(90).claims, ..with(builder().leeway(std::time::Duration::from_secs(120))) };
    assert_eq!(found(&generous), []);
    // Without a token, by the header.
    let mut facts = Facts { claims: None, ..facts() };
    facts.discovery.as_mut().unwrap().date = Some(NOW + 600);
    assert!(found(&facts).iter().any(|(name, _, words)| *name == "clock" && words.contains("Date header")));
}

#[test]
fn keys_that_sign_nothing_we_take_are_an_error() {
    for certs in [
        answer(200, json!({ "keys": [] })),
        answer(
            200,
            json!({ "keys": [{ "kid": "h", "kty": "oct", "alg": "HS256", "use": "sig", "k": "AAAA" }] }),
        ),
        answer(500, json!({})),
    ] {
        one(&Facts { certs, ..facts() }, "keys", Severity::Error, &["keys_unavailable", "rsa-generated"]);
    }
}

#[test]
fn what_comes_of_another_finding_is_not_told_twice() {
    let mut other = claims();
    other["aud"] = json!(["account"]);
    let facts = Facts {
        claims: Some(other),
        refusal: Some(("invalid_audience", "its audience is account".to_owned())),
        introspection: answer(200, json!({ "active": false })),
        ..facts()
    };
    one(&facts, "audience-mapper", Severity::Error, &["account", "Included Client Audience svc"]);
    let table = report(&facts).table(Paint(false));
    for line in
        ["not checked: it is not: audience-mapper says why", "the audience comes first (audience-mapper)"]
    {
        assert!(table.contains(line), "{table}");
    }
    let alone =
        Facts { refusal: Some(("invalid_signature", "it is not signed".to_owned())), ..self::facts() };
    one(&alone, "token-accepted", Severity::Error, &["invalid_signature", "docs/errors.md"]);
}

#[test]
fn a_lightweight_token_has_its_audience_at_introspection() {
    let mut light = claims();
    light["jti"] = json!("trltcc:16cbe9e0");
    for claim in ["aud", "realm_access", "allowed-origins"] {
        light.as_object_mut().unwrap().remove(claim);
    }
    let facts = Facts {
        claims: Some(light.clone()),
        refusal: Some(("missing_claim", "no aud".to_owned())),
        ..facts()
    };
    let all = found(&facts);
    assert!(
        all.iter().any(|(name, severity, _)| *name == "lightweight-tokens" && *severity == Severity::Error),
        "{all:?}"
    );
    assert!(all.iter().all(|(name, ..)| !["audience-mapper", "token-accepted"].contains(name)), "{all:?}");
    let introspects = with(builder().opaque_tokens(kc_core::settings::OpaqueTokens::Introspect));
    let all = found(&Facts { claims: Some(light), ..introspects });
    assert!(all.iter().all(|(name, ..)| *name == "web-origins"), "{all:?}");
}

#[test]
fn a_client_without_a_service_account_has_its_audience_by_its_mappers() {
    let off = json!({ "error": "unauthorized_client",
        "error_description": "Client not enabled to retrieve service account" });
    let mapper = |audience: &str| {
        json!([{ "protocolMapper": "oidc-audience-mapper",
            "config": { "included.client.audience": audience, "access.token.claim": "true" } }])
    };
    for (audience, line) in [
        ("svc", "  ✓ audience-mapper       the client has a mapper for it"),
        ("other", "  - audience-mapper       not checked: there is no token of the client to look at"),
    ] {
        let missing = || Err(Missing::because("there is no token of the client to look at"));
        let facts = Facts {
            token: answer(401, off.clone()),
            claims: None,
            introspection: missing(),
            userinfo: missing(),
            ..client_with("protocolMappers", mapper(audience))
        };
        let table = report(&facts).table(Paint(false));
        assert!(table.contains(line), "{table}");
        let found = found(&facts);
        assert!(
            found.iter().any(|(name, how, _)| (*name, *how) == ("service-account", Severity::Note)),
            "{found:?}"
        );
    }
}

#[test]
fn the_lifetime_is_that_of_the_token() {
    let living = |seconds: i64| {
        let mut claims = claims();
        claims["exp"] = json!(NOW + seconds);
        Facts { claims: Some(claims), ..facts() }
    };
    for seconds in [300, 900] {
        assert_eq!(found(&living(seconds)), []);
    }
    one(&living(901), "token-lifetime", Severity::Warning, &["901 s", "Access Token Lifespan: 5 Minutes"]);
    one(&living(299), "token-lifetime", Severity::Note, &["299 s"]);
}

#[test]
fn introspection_that_is_refused_broken_or_wrong_says_what_it_is() {
    let asked = |status, json| Facts { introspection: answer(status, json), ..facts() };
    let error = Severity::Error;
    one(&asked(200, json!({ "active": false })), "introspection", error, &["one host name"]);
    one(
        &asked(403, json!({ "error": "invalid_request" })),
        "introspection",
        error,
        &["Client authentication on"],
    );
    one(&asked(502, json!({})), "introspection", error, &["502", "proxy"]);
}

#[test]
fn userinfo_is_judged_by_its_media_type_and_algorithm() {
    let signed = |alg: &str| Answer {
        status: 200,
        media_type: "application/jwt".to_owned(),
        jwt_algorithm: Some(alg.to_owned()),
        ..Answer::default()
    };
    let facts = |answer| Facts { userinfo: Ok(answer), ..facts() };
    one(&facts(signed("RS256")), "userinfo", Severity::Note, &["signed_userinfo"]);
    one(&facts(signed("HS256")), "userinfo", Severity::Error, &["Fine grain OpenID Connect configuration"]);
    one(&facts(signed("RSA-OAEP")), "userinfo", Severity::Error, &["RSA-OAEP"]);
    let broken = Answer { status: 500, ..Answer::default() };
    one(&facts(broken), "userinfo", Severity::Error, &["500", "encryption"]);
}

#[test]
fn without_the_standard_flow_nothing_about_logins_is_asked() {
    let off = "error=unauthorized_client&error_description=Standard+flow+is+disabled+for+the+client.";
    let facts = Facts {
        login: redirect(off),
        login_without_pkce: redirect(off),
        logout: answer(400, Value::Null),
        ..client_with("attributes", json!({}))
    };
    assert_eq!(found(&facts), []);
    assert_eq!(
        report(&facts).table(Paint(false)).matches("not needed: the client logs nobody in").count(),
        5
    );
}

#[test]
fn a_back_channel_that_cannot_be_called_is_told_with_what_it_depends_on() {
    let called = |backchannel| Facts { backchannel, ..facts() };
    let refused = TransportError::Connect { reason: "Connection refused".to_owned() };
    one(&called(Err(Missing::Failed(refused))), "backchannel-logout", Severity::Note, &["Start the service"]);
    for status in [404, 503] {
        let answer = answer(status, Value::Null);
        one(&called(answer), "backchannel-logout", Severity::Warning, &["mounts its login"]);
    }
}

#[test]
fn refresh_tokens_of_public_clients_weigh_more() {
    let mut facts = client_with("publicClient", json!(true));
    if let Admin::Seen { realm: Ok(realm), .. } = &mut facts.admin {
        realm["refreshTokenMaxReuse"] = json!(2);
    }
    one(&facts, "refresh-rotation", Severity::Warning, &["3 times", "Refresh Token Max Reuse 0"]);
}

#[test]
fn changes_of_an_export_are_named_but_not_without_end() {
    let changes = |count: usize| (0..count).map(|n| format!("policy \"p{n}\" changed")).collect::<Vec<_>>();
    let export = |count| Facts {
        export: Some(Ok(changes(count))),
        ..with(builder().authorization_config("authz.json"))
    };
    assert_eq!(found(&export(0)), []);
    one(&export(7), "authorization-export", Severity::Warning, &["p4", "and 2 more", "kc authz diff --live"]);
}

#[test]
fn whoever_may_not_look_is_told_which_role_is_missing_and_the_rest_is_not_checked() {
    let why =
        "whoever the admin token is for may not look at the realm (403): they lack view-realm".to_owned();
    let mut facts = facts();
    if let Admin::Seen { realm, .. } = &mut facts.admin {
        *realm = Err(why);
    }
    one(&facts, "admin-access", Severity::Warning, &["(403)", "They lack view-realm"]);
    let table = report(&facts).table(Paint(false));
    assert!(
        table.contains("  - brute-force           not checked: whoever the admin token is for"),
        "{table}"
    );
}

#[test]
fn the_json_is_one_object_with_a_list_and_the_worst_on_top() {
    let facts = Facts { certs: answer(500, json!({})), ..facts() };
    let json = report(&facts).json();
    assert_eq!((&json["severity"], &json["summary"]["errors"]), (&json!("error"), &json!(1)));
    assert_eq!(json["checks"].as_array().unwrap().len(), ALL.len());
    let keys = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "keys").unwrap();
    assert_eq!((&keys["status"], &keys["findings"][0]["severity"]), (&json!("found"), &json!("error")));
}

//! Asks a real Keycloak and kc-dev the same questions about the realm `kc-demo` and compares the answers field by field.
//!
//! The real server is at `KC_TEST_KEYCLOAK_URL`, by default `http://127.0.0.1:18080`. Without it these tests fail:
//! agreement that nobody checked is none.

#[path = "agrees_with_keycloak/observed.rs"]
mod observed;

use std::future::Future;

use kc_dev::DevIssuer;
use observed::{Observed, PROTOCOL, REALM, Server, decoded};
use serde_json::{Value, json};

const USERS: [&str; 5] = ["alice", "bob", "carol", "erin", "frank"];

/// Every client that the password grant works with.
const CLIENTS: [&str; 11] = [
    "api",
    "no-aud",
    "signed-userinfo",
    "es256",
    "ps256",
    "eddsa",
    "spa",
    "lightweight",
    "jwt-introspect",
    "inventory",
    "admin-cli",
];

/// Runs the same questions against both servers.
async fn compare<F, Fut>(questions: F)
where
    F: Fn(Server) -> Fut,
    Fut: Future<Output = Observed>,
{
    let url = std::env::var("KC_TEST_KEYCLOAK_URL").unwrap_or_else(|_| "http://127.0.0.1:18080".to_owned());
    let real = Server::new(&url);
    assert!(
        real.is_up().await,
        "no Keycloak with the realm kc-demo at {url}; start it: cargo xtask keycloak start"
    );
    let issuer = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    let dev = questions(Server::new(issuer.base_url())).await;
    let real = questions(real).await;
    let differences = dev.differences(&real);
    assert!(dev.len() > 0, "nothing was asked");
    assert!(
        differences.is_empty(),
        "{} of {} answers differ:\n{}",
        differences.len(),
        dev.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn tokens_of_every_user_at_every_client() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for client in CLIENTS {
            for user in USERS {
                let plain = server.login(user, client, None).await;
                seen.add(format!("{user} at {client}"), server.observe(&plain));
                if client == "admin-cli" {
                    continue;
                }
                let openid = server.login(user, client, Some("openid")).await;
                seen.add(format!("{user} at {client}, openid"), server.observe(&openid));
                let info = server.userinfo(&openid.text("access_token")).await;
                seen.add(format!("userinfo of {user} at {client}"), server.observe(&info));
                for asking in ["api", "no-aud", "inventory", "lightweight"] {
                    for token in ["access_token", "id_token"] {
                        let answer = server.introspect(&openid.text(token), asking, None).await;
                        seen.add(
                            format!("{token} of {user} at {client}, asked by {asking}"),
                            server.observe(&answer),
                        );
                    }
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn scopes_and_what_they_bring() {
    const SCOPES: [&str; 19] = [
        "",
        " ",
        "openid openid email",
        "basic",
        "service_account roles",
        "address phone microprofile-jwt inventory-write",
        "openid microprofile-jwt",
        "openid offline_access",
        "offline_access",
        "organization",
        "openid organization",
        "organization:acme",
        "openid organization:*",
        "organization:nope",
        "organization organization:acme",
        "nope",
        "nope email",
        "openid phone nope",
        "openid inventory-write",
    ];
    compare(|server| async move {
        let mut seen = Observed::default();
        for scope in SCOPES {
            for (user, client) in [("alice", "api"), ("carol", "api"), ("frank", "api"), ("alice", "no-aud")]
            {
                let answer = server.login(user, client, Some(scope)).await;
                seen.add(format!("{user} at {client}, scope {scope:?}"), server.observe(&answer));
                if let Some(token) = answer.json()["access_token"].as_str() {
                    let info = server.userinfo(token).await;
                    seen.add(
                        format!("userinfo of {user} at {client}, scope {scope:?}"),
                        server.observe(&info),
                    );
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn service_accounts() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for client in ["api", "inventory"] {
            let secret = format!("{client}-secret");
            for scope in [None, Some("openid"), Some("offline_access"), Some("organization"), Some("nope")] {
                let mut form = vec![("grant_type", "client_credentials"), ("client_id", client)];
                form.push(("client_secret", &secret));
                form.extend(scope.map(|scope| ("scope", scope)));
                let answer = server.token(&form).await;
                seen.add(format!("{client}, scope {scope:?}"), server.observe(&answer));
                if let Some(token) = answer.json()["access_token"].as_str() {
                    let told = server.introspect(token, "api", None).await;
                    seen.add(format!("introspection of {client}, scope {scope:?}"), server.observe(&told));
                    let info = server.userinfo(token).await;
                    seen.add(format!("userinfo of {client}, scope {scope:?}"), server.observe(&info));
                }
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn errors_of_the_token_endpoint() {
    const API: &str = "client_id=api&client_secret=api-secret";
    const ALICE: &str = "grant_type=password&username=alice&password=alice";
    const ASSERTION: &str = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let bodies = [
        String::new(),
        "client_id=nope".to_owned(),
        "client_id=nope&grant_type=xx".to_owned(),
        format!("{API}&grant_type="),
        format!("{API}&grant_type=xx&grant_type=xx"),
        ALICE.to_owned(),
        format!("client_id=nope&{ALICE}"),
        format!("client_id=api&{ALICE}"),
        format!("client_id=api&client_secret=wrong&{ALICE}"),
        format!("client_id=api&client_secret=wrong&{ALICE}&username=bob"),
        format!("{API}&{ALICE}&foo=1&foo=1"),
        format!("{API}&client_id=api&{ALICE}"),
        format!("{API}&grant_type=password&username=alice&password=wrong"),
        format!("{API}&grant_type=password&username=nobody&password=x"),
        format!("{API}&grant_type=password&username=alice"),
        format!("{API}&grant_type=password&username=&password="),
        format!("{API}&grant_type=password&password=alice"),
        format!("{API}&grant_type=password&username=dave&password=dave"),
        format!("{API}&grant_type=password&username=dave&password=wrong"),
        format!("{API}&grant_type=password&username=service-account-api&password=x"),
        format!("{API}&grant_type=password&username=alice&password=wrong&scope=nope"),
        format!("{API}&grant_type=password&password=wrong&scope=nope"),
        format!("{API}&grant_type=password&username=ALICE&password=alice"),
        format!("{API}&grant_type=password&username=alice@example.test&password=alice"),
        format!("{API}&grant_type=refresh_token"),
        format!("{API}&grant_type=refresh_token&refresh_token="),
        format!("{API}&grant_type=refresh_token&refresh_token=garbage"),
        format!("{API}&grant_type=refresh_token&refresh_token=garbage&scope=nope"),
        "client_id=spa&grant_type=client_credentials".to_owned(),
        "client_id=spa&grant_type=client_credentials&scope=nope".to_owned(),
        "client_id=no-aud&client_secret=no-aud-secret&grant_type=client_credentials".to_owned(),
        format!("client_id=spa&client_secret=ignored&{ALICE}"),
        format!("client_id=dpop&client_secret=dpop-secret&{ALICE}"),
        format!("client_id=dpop&client_secret=wrong&{ALICE}"),
        "client_id=dpop&client_secret=dpop-secret&grant_type=client_credentials".to_owned(),
        format!("client_id=account&{ALICE}"),
        format!("client_id=account&{ALICE}&scope=nope"),
        format!("client_id=broker&{ALICE}"),
        format!("client_id=realm-management&{ALICE}"),
        format!("client_id=security-admin-console&{ALICE}"),
        format!("{ASSERTION}&{ALICE}"),
        format!("{ASSERTION}&client_assertion=garbage&{ALICE}"),
        format!("{ASSERTION}&client_assertion={}&{ALICE}", assertion("api")),
        format!("{ASSERTION}&client_assertion={}&{ALICE}", assertion("nope")),
    ];
    compare(|server| {
        let bodies = bodies.clone();
        async move {
            let mut seen = Observed::default();
            let url = format!("{PROTOCOL}/token");
            for body in bodies {
                let request = server.request("POST", &url).body(body.clone());
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                let answer = server.send(request).await;
                seen.add(body, server.observe(&answer));
            }
            for (id, secret) in
                [("api", "api-secret"), ("api", "api%2Dsecret"), ("api", "wrong"), ("nope", "x")]
            {
                for extra in [
                    "",
                    "&client_id=api",
                    "&client_id=no-aud",
                    "&client_secret=wrong",
                    "&client_secret=api-secret",
                ] {
                    let request = server
                        .request("POST", &url)
                        .basic_auth(id, Some(secret))
                        .body(format!("{ALICE}{extra}"));
                    let request = request.header("content-type", "application/x-www-form-urlencoded");
                    seen.add(
                        format!("Basic {id}:{secret}, {extra}"),
                        server.observe(&server.send(request).await),
                    );
                }
            }
            for value in ["Bearer x", "Basic !!!", "Basic", "Basic Zm9v"] {
                let request = server.request("POST", &url).header("authorization", value).body(ALICE);
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                seen.add(format!("Authorization: {value}"), server.observe(&server.send(request).await));
            }
            for kind in ["application/json", "text/plain"] {
                let request =
                    server.request("POST", &url).header("content-type", kind).body(format!("{API}&{ALICE}"));
                seen.add(format!("as {kind}"), server.observe(&server.send(request).await));
            }
            seen
        }
    })
    .await;
}

/// An assertion by a client that is registered for secrets.
fn assertion(client: &str) -> String {
    let part = |value: Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let claims = json!({ "iss": client, "sub": client, "aud": "x", "exp": 4_102_444_800_i64, "jti": "1" });
    format!("{}.{}.AAAA", part(json!({ "alg": "RS256", "kid": "x" })), part(claims))
}

#[tokio::test]
async fn refreshing() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for (user, client, scope) in [
            ("alice", "api", "openid"),
            ("alice", "api", "email"),
            ("alice", "api", "openid email phone organization"),
            ("alice", "api", "openid offline_access"),
            ("carol", "api", "openid organization"),
            ("alice", "no-aud", "openid offline_access"),
            ("alice", "lightweight", "openid"),
            ("bob", "eddsa", "openid"),
        ] {
            let first = server.login(user, client, Some(scope)).await.text("refresh_token");
            for narrower in
                [None, Some("openid"), Some("email"), Some("phone"), Some("basic"), Some("nope"), Some("")]
            {
                let answer = server.refresh(&first, client, narrower).await;
                seen.add(format!("{user} at {client}, {scope:?} then {narrower:?}"), server.observe(&answer));
            }
            let name = format!("{user} at {client}, {scope:?}");
            let other = if client == "api" { "no-aud" } else { "api" };
            seen.add(
                format!("{name}: by another client"),
                server.observe(&server.refresh(&first, other, None).await),
            );
            for (asking, hint) in
                [(client, None), (client, Some("refresh_token")), (other, Some("refresh_token"))]
            {
                let told = server.introspect(&first, asking, hint).await;
                seen.add(format!("{name}: introspected by {asking} with {hint:?}"), server.observe(&told));
            }
        }
        let login = server.login("alice", "api", Some("openid")).await;
        for kind in ["access_token", "id_token"] {
            let answer = server.refresh(&login.text(kind), "api", None).await;
            seen.add(format!("{kind} as refresh token"), server.observe(&answer));
        }
        let answer = server.refresh(&tampered(&login.text("refresh_token")), "api", None).await;
        seen.add("tampered", server.observe(&answer));
        seen
    })
    .await;
}

/// The token with another signature of the same length.
fn tampered(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    format!("{signed}.{}", "A".repeat(signature.len()))
}

#[tokio::test]
async fn introspection_and_its_errors() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let login = server.login("alice", "api", Some("openid")).await;
        let token = login.text("access_token");
        for hint in ["access_token", "refresh_token", "junk"] {
            let told = server.introspect(&token, "api", Some(hint)).await;
            seen.add(format!("access token with hint {hint}"), server.observe(&told));
        }
        for (name, token) in
            [("garbage", "garbage".to_owned()), ("empty", String::new()), ("tampered", tampered(&token))]
        {
            seen.add(name, server.observe(&server.introspect(&token, "api", None).await));
        }
        let url = format!("{PROTOCOL}/token/introspect");
        for form in [
            vec![("client_id", "api"), ("client_secret", "wrong")],
            vec![("client_id", "api")],
            vec![("client_id", "nope"), ("client_secret", "x")],
            vec![],
            vec![("client_id", "spa")],
            vec![("client_id", "account")],
            vec![("client_id", "broker")],
            vec![("client_id", "api"), ("client_secret", "api-secret"), ("token", "twice")],
        ] {
            let name = format!("asked with {form:?}");
            let form: Vec<_> = form.into_iter().chain([("token", token.as_str())]).collect();
            seen.add(name, server.observe(&server.post(&url, &form).await));
        }
        let form = [("client_id", "api"), ("client_secret", "api-secret")];
        seen.add("no token", server.observe(&server.post(&url, &form).await));
        for (id, secret) in [("api", "api-secret"), ("api", "wrong"), ("nope", "x")] {
            let request =
                server.request("POST", &url).basic_auth(id, Some(secret)).form(&[("token", &token)]);
            seen.add(format!("Basic {id}:{secret}"), server.observe(&server.send(request).await));
        }
        let request = server.request("POST", &url).bearer_auth(&token).form(&[("token", &token)]);
        seen.add("Bearer", server.observe(&server.send(request).await));

        let own = server.login("alice", "jwt-introspect", Some("openid")).await.text("access_token");
        for (name, token) in
            [("own", own.as_str()), ("not in the audience", &token), ("garbage, as JWT", "garbage")]
        {
            for (asking, accept) in [
                ("jwt-introspect", "application/jwt"),
                ("jwt-introspect", "application/json"),
                ("api", "application/jwt"),
            ] {
                let secret = format!("{asking}-secret");
                let form = [("token", token), ("client_id", asking), ("client_secret", secret.as_str())];
                let request = server.request("POST", &url).header("accept", accept).form(&form);
                seen.add(
                    format!("{name}, by {asking}, {accept}"),
                    server.observe(&server.send(request).await),
                );
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn userinfo_and_its_errors() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let url = format!("{PROTOCOL}/userinfo");
        let login = server.login("alice", "api", Some("openid")).await;
        let (token, id) = (login.text("access_token"), login.text("id_token"));
        let lightweight = server.login("alice", "lightweight", Some("openid")).await.text("access_token");
        let values = [
            ("lower case", format!("bearer {token}")),
            ("empty", "Bearer ".to_owned()),
            ("no credentials", "Bearer".to_owned()),
            ("two words", format!("Bearer {token} x")),
            ("garbage", "Bearer garbage".to_owned()),
            ("tampered", format!("Bearer {}", tampered(&token))),
            ("ID token", format!("Bearer {id}")),
            ("refresh token", format!("Bearer {}", login.text("refresh_token"))),
            ("lightweight", format!("Bearer {lightweight}")),
            ("Basic", "Basic YXBpOmFwaS1zZWNyZXQ=".to_owned()),
            ("DPoP", format!("DPoP {token}")),
        ];
        for (name, value) in values {
            let request = server.request("GET", &url).header("authorization", value);
            seen.add(name, server.observe(&server.send(request).await));
        }
        seen.add("nothing", server.observe(&server.get(&url).await));
        seen.add("in the query", server.observe(&server.get(&format!("{url}?access_token={token}")).await));
        seen.add("in the form", server.observe(&server.post(&url, &[("access_token", &token)]).await));
        seen.add("an empty form", server.observe(&server.post(&url, &[("x", "1")]).await));
        let request = server.request("POST", &url).bearer_auth(&token).form(&[("access_token", &token)]);
        seen.add("twice", server.observe(&server.send(request).await));
        let request = server.request("GET", &url).bearer_auth(&token).header("accept", "application/jwt");
        seen.add("accept JWT", server.observe(&server.send(request).await));
        seen
    })
    .await;
}

#[tokio::test]
async fn logout_and_revocation() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let (logout, revoke) = (format!("{PROTOCOL}/logout"), format!("{PROTOCOL}/revoke"));
        let api = [("client_id", "api"), ("client_secret", "api-secret")];
        let no_aud = [("client_id", "no-aud"), ("client_secret", "no-aud-secret")];
        let wrong = [("client_id", "api"), ("client_secret", "wrong")];
        for (url, field) in [(&logout, "refresh_token"), (&revoke, "token")] {
            for scope in ["openid", "openid offline_access"] {
                let login = server.login("alice", "api", Some(scope)).await;
                let (access, id) = (login.text("access_token"), login.text("id_token"));
                let refresh = login.text("refresh_token");
                let steps = [
                    ("wrong secret", wrong.to_vec(), refresh.as_str()),
                    ("unknown client", vec![("client_id", "nope")], &refresh),
                    ("no client", vec![], &refresh),
                    ("another client", no_aud.to_vec(), &refresh),
                    ("garbage", api.to_vec(), "garbage"),
                    ("ID token", api.to_vec(), &id),
                    ("access token", api.to_vec(), &access),
                    ("refresh token", api.to_vec(), &refresh),
                    ("again", api.to_vec(), &refresh),
                ];
                for (step, mut form, token) in steps {
                    form.push((field, token));
                    let name = format!("{url}, {scope}: {step}");
                    seen.add(name.clone(), server.observe(&server.post(url, &form).await));
                    for (kind, token, hint) in [
                        ("access", &access, None),
                        ("id", &id, None),
                        ("refresh", &refresh, Some("refresh_token")),
                    ] {
                        let told = server.introspect(token, "api", hint).await.json()["active"].clone();
                        seen.add(format!("{name}, then {kind} token"), told);
                    }
                    let info = server.userinfo(&access).await;
                    seen.add(format!("{name}, then userinfo"), server.observe(&info));
                }
                let answer = server.refresh(&refresh, "api", None).await;
                seen.add(format!("{url}, {scope}: refresh after it"), server.observe(&answer));
            }
        }
        let answer = server.post(&revoke, &api).await;
        seen.add("revoke nothing", server.observe(&answer));
        let token = server.login("alice", "spa", Some("openid")).await.text("refresh_token");
        for url in [&revoke, &logout] {
            let form = [("client_id", "spa"), ("token", &token), ("refresh_token", &token)];
            seen.add(format!("{url} of a public client"), server.observe(&server.post(url, &form).await));
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn documents_and_urls() {
    compare(|server| async move {
        let mut seen = Observed::default();
        seen.add("realm", server.observe(&server.get(REALM).await));
        for key in server.get(&format!("{PROTOCOL}/certs")).await.json()["keys"].as_array().expect("keys") {
            seen.add(format!("key {}", key["alg"]), server.plain("", key));
        }
        let certs = server.get(&format!("{PROTOCOL}/certs")).await;
        seen.add("headers of the JWKS", json!([certs.status, certs.headers["cache-control"].to_str().ok()]));
        for path in [
            format!("{REALM}/nope"),
            format!("{REALM}/.well-known/nope"),
            format!("{PROTOCOL}/nope"),
            PROTOCOL.to_owned(),
            format!("{REALM}/protocol/nope/token"),
            format!("{PROTOCOL}/token/"),
            "/realms/nope".to_owned(),
            "/realms/nope/.well-known/openid-configuration".to_owned(),
            "/realms/nope/protocol/openid-connect/token".to_owned(),
            "/realms/KC-DEMO".to_owned(),
            "/realms".to_owned(),
            "/nope".to_owned(),
            "/.well-known/openid-configuration".to_owned(),
            "/.well-known/oauth-authorization-server".to_owned(),
            "/.well-known/openid-configuration/realms/kc-demo".to_owned(),
        ] {
            seen.add(format!("GET {path}"), server.observe(&server.get(&path).await));
        }
        for path in ["", "/.well-known/openid-configuration", "/protocol/openid-connect/certs"] {
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"] {
                let answer = server.send(server.request(method, &format!("{REALM}{path}"))).await;
                seen.add(format!("{method} {path:?}"), server.observe(&answer));
            }
        }
        for path in ["token", "token/introspect", "revoke"] {
            for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
                let answer = server.send(server.request(method, &format!("{PROTOCOL}/{path}"))).await;
                seen.add(format!("{method} {path}"), server.observe(&answer));
            }
        }
        for method in ["PUT", "DELETE", "OPTIONS"] {
            let answer = server.send(server.request(method, &format!("{PROTOCOL}/userinfo"))).await;
            seen.add(format!("{method} userinfo"), server.observe(&answer));
        }
        seen
    })
    .await;
}

/// Members of Keycloak's discovery document that kc-dev leaves out, each with the reason. A stale entry fails.
const NOT_SERVED: [(&str, &str); 34] = [
    ("authorization_encryption_alg_values_supported", "no encrypted answers"),
    ("authorization_encryption_enc_values_supported", "no encrypted answers"),
    ("authorization_response_iss_parameter_supported", "no browser login yet"),
    ("authorization_signing_alg_values_supported", "no browser login yet"),
    ("backchannel_authentication_endpoint", "no CIBA"),
    ("backchannel_authentication_request_signing_alg_values_supported", "no CIBA"),
    ("backchannel_logout_session_supported", "no back-channel logout yet"),
    ("backchannel_logout_supported", "no back-channel logout yet"),
    ("backchannel_token_delivery_modes_supported", "no CIBA"),
    ("check_session_iframe", "no browser login yet"),
    ("claims_parameter_supported", "no browser login yet"),
    ("code_challenge_methods_supported", "no browser login yet"),
    ("device_authorization_endpoint", "no device flow yet"),
    ("dpop_signing_alg_values_supported", "no DPoP yet"),
    ("frontchannel_logout_session_supported", "no browser login yet"),
    ("frontchannel_logout_supported", "no browser login yet"),
    ("grant_types_supported", "would announce grants that are refused"),
    ("id_token_encryption_alg_values_supported", "no encrypted tokens"),
    ("id_token_encryption_enc_values_supported", "no encrypted tokens"),
    ("mtls_endpoint_aliases", "no TLS"),
    ("prompt_values_supported", "no browser login yet"),
    ("pushed_authorization_request_endpoint", "no browser login yet"),
    ("registration_endpoint", "no client registration"),
    ("request_object_encryption_alg_values_supported", "no request objects"),
    ("request_object_encryption_enc_values_supported", "no request objects"),
    ("request_object_signing_alg_values_supported", "no request objects"),
    ("request_parameter_supported", "no request objects"),
    ("request_uri_parameter_supported", "no request objects"),
    ("require_pushed_authorization_requests", "no browser login yet"),
    ("require_request_uri_registration", "no request objects"),
    ("response_modes_supported", "no browser login yet"),
    ("tls_client_certificate_bound_access_tokens", "no TLS"),
    ("userinfo_encryption_alg_values_supported", "no encrypted answers"),
    ("userinfo_encryption_enc_values_supported", "no encrypted answers"),
];

#[tokio::test]
async fn discovery() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for path in [
            format!("{REALM}/.well-known/openid-configuration"),
            format!("{REALM}/.well-known/oauth-authorization-server"),
            format!("/.well-known/oauth-authorization-server{REALM}"),
        ] {
            let answer = server.get(&path).await;
            let mut observed = server.observe(&answer);
            if let Some(members) = observed["body"].as_object_mut() {
                // Left out by kc-dev means there in Keycloak; a reason for anything else is stale.
                let is_whole = members.contains_key("grant_types_supported");
                for (name, reason) in NOT_SERVED {
                    assert_eq!(members.remove(name).is_some(), is_whole, "{name} ({reason}) is stale");
                }
            }
            seen.add(path, observed);
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn the_issuer_does_not_follow_the_host_header() {
    let issuer = DevIssuer::builder().shared_keys().start().await.expect("kc-dev starts");
    let by_name = Server::new(&issuer.base_url().replace("127.0.0.1", "localhost"));
    let token = by_name.login("alice", "api", None).await.text("access_token");
    // Keycloak would say localhost here: an issuer of one name is what tests need.
    assert_eq!(decoded(&token)["claims"]["iss"], json!(issuer.issuer()));
}

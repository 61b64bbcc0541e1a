//! What is sent: every route with every kind of caller, and everything that a stranger might try.

use kc_dev::{Alg, DevIssuer, TokenKind};

/// A request, ready to be sent.
pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Recorded {
    fn new(method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let lines: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        Self::raw(method, path, &lines)
    }

    fn raw(method: &str, path: &str, headers: &[(&str, &[u8])]) -> Self {
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\nhost: service\r\nconnection: close\r\n").into_bytes();
        let mut name = format!("{method} {path}");
        for (header, value) in headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
            let shown: String = String::from_utf8_lossy(value).chars().take(60).collect();
            name.push_str(&format!(" [{header}: {shown:?}]"));
        }
        bytes.extend_from_slice(b"\r\n");
        Self { name, bytes }
    }
}

const ROUTES: [(&str, &str); 17] = [
    ("GET", "/health"),
    ("GET", "/.well-known/oauth-protected-resource"),
    ("GET", "/me"),
    ("GET", "/items"),
    ("POST", "/items?item_name=Box%20%C3%A4"),
    ("POST", "/items"),
    ("DELETE", "/items/1"),
    ("DELETE", "/items/x"),
    ("GET", "/admin/users"),
    ("GET", "/reports"),
    ("GET", "/cases"),
    ("POST", "/cases"),
    ("GET", "/service-token"),
    ("GET", "/inventory"),
    ("POST", "/inventory"),
    ("GET", "/transfer"),
    ("GET", "/nope"),
];

async fn bearer(issuer: &DevIssuer, user: &str) -> String {
    format!("Bearer {}", issuer.token(user, "api").await.unwrap())
}

/// Every route, with nobody, and with every kind of user.
pub(crate) async fn routes(issuer: &DevIssuer) -> Vec<Recorded> {
    let mut callers = vec![None, Some("Bearer a.b.c".to_owned())];
    for user in ["alice", "bob", "carol", "erin", "frank"] {
        callers.push(Some(bearer(issuer, user).await));
    }
    let mut recorded = Vec::new();
    for caller in &callers {
        let headers: Vec<(&str, &str)> =
            caller.iter().map(|value| ("authorization", value.as_str())).collect();
        recorded.extend(ROUTES.iter().map(|(method, path)| Recorded::new(method, path, &headers)));
    }
    recorded
}

/// Methods that routes have not, and `HEAD`.
async fn methods(issuer: &DevIssuer) -> Vec<Recorded> {
    let alice = bearer(issuer, "alice").await;
    let mut recorded = Vec::new();
    for path in ["/health", "/me", "/items", "/items/1", "/cases", "/nope"] {
        for method in ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"] {
            if (path, method) == ("/items/1", "DELETE") {
                continue;
            }
            recorded.push(Recorded::new(method, path, &[]));
            recorded.push(Recorded::new(method, path, &[("authorization", &alice)]));
        }
    }
    recorded
}

/// `Authorization` in every form that is nearly right.
async fn credentials(issuer: &DevIssuer) -> Vec<Recorded> {
    let alice = issuer.token("alice", "api").await.unwrap();
    let mut recorded = Vec::new();
    for scheme in [
        "bearer ",
        "BEARER ",
        "Bearer   ",
        "Bearer\t",
        "Bearer \t",
        "Bearer",
        "Bearer,",
        "Basic ",
        "DPoP ",
        "",
        "Token ",
    ] {
        recorded.push(Recorded::new("GET", "/me", &[("authorization", &format!("{scheme}{alice}"))]));
    }
    for value in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Basic",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearer =",
        "Bearer a=b",
        "Bearer a==",
    ] {
        recorded.push(Recorded::new("GET", "/me", &[("authorization", value)]));
    }
    for value in [&b"Bearer \xff\xfe"[..], b"Bearer \xc3\xa4", b"\xff"] {
        recorded.push(Recorded::raw("GET", "/me", &[("authorization", value)]));
    }
    let good = format!("Bearer {alice}");
    for (first, second) in [(good.as_str(), good.as_str()), ("Basic x", &good), (&good, "Basic x"), ("", "")]
    {
        recorded.push(Recorded::new("GET", "/me", &[("authorization", first), ("Authorization", second)]));
    }
    recorded.push(Recorded::new("GET", &format!("/me?access_token={alice}"), &[]));
    recorded.push(Recorded::new("GET", "/me", &[("cookie", &format!("access_token={alice}"))]));
    recorded.push(Recorded::new(
        "GET",
        "/me",
        &[("upgrade", "websocket"), ("cookie", &format!("access_token={alice}"))],
    ));
    recorded
}

/// Tokens of every algorithm, and tokens with every defect.
async fn tokens(issuer: &DevIssuer) -> Vec<Recorded> {
    let mut tokens = Vec::new();
    let mint = || issuer.mint().user("alice").client("api");
    for alg in [
        Alg::Rs256,
        Alg::Rs384,
        Alg::Rs512,
        Alg::Ps256,
        Alg::Ps384,
        Alg::Ps512,
        Alg::Es256,
        Alg::Es384,
        Alg::Es512,
        Alg::EdDsa,
    ] {
        tokens.push(mint().alg(alg).sign().await.unwrap());
    }
    for kind in [TokenKind::Id, TokenKind::Refresh, TokenKind::Offline, TokenKind::Logout] {
        tokens.push(mint().kind(kind).sign().await.unwrap());
    }
    for claim in ["iss", "aud", "exp", "typ", "sub", "iat"] {
        tokens.push(mint().without(claim).sign().await.unwrap());
        for value in [
            serde_json::json!(null),
            "x".into(),
            1.into(),
            true.into(),
            serde_json::json!([]),
            serde_json::json!({}),
        ] {
            tokens.push(mint().claim(claim, value).sign().await.unwrap());
        }
    }
    for (claim, value) in [
        ("cnf", serde_json::json!({"jkt": "x"})),
        ("nbf", 9_999_999_999_i64.into()),
        ("iat", 9_999_999_999_i64.into()),
        ("realm_access", "admin".into()),
        ("resource_access", serde_json::json!({"api": {"roles": [1]}})),
        ("email_verified", "true".into()),
    ] {
        tokens.push(mint().claim(claim, value).sign().await.unwrap());
    }
    for (name, value) in [
        ("typ", serde_json::json!("at+jwt")),
        ("typ", "JOSE".into()),
        ("typ", 1.into()),
        ("kid", 7.into()),
        ("kid", "unknown".into()),
        ("crit", serde_json::json!(["exp"])),
        ("b64", true.into()),
        ("zip", "DEF".into()),
        ("alg", "none".into()),
        ("alg", "HS256".into()),
        ("alg", 1.into()),
    ] {
        tokens.push(mint().header(name, value).sign().await.unwrap());
    }
    tokens.push(mint().expires_in(-60).sign().await.unwrap());
    tokens.push(mint().unsigned().sign().await.unwrap());
    tokens.push(mint().unknown_key(Alg::Rs256).sign().await.unwrap());
    tokens.push(mint().raw_payload(br#"{"iss":"a","iss":"b"}"#.to_vec()).sign().await.unwrap());
    tokens.push(mint().raw_payload(b"[]".to_vec()).sign().await.unwrap());
    let good = mint().sign().await.unwrap();
    for mutated in [
        format!("{good}="),
        format!("{good}."),
        format!(".{good}"),
        good.replacen('.', "..", 1),
        format!("{good}.{good}"),
        format!("{good}.a.b"),
        good.replacen('.', "", 1),
        good.chars().rev().collect(),
        "a".repeat(48 * 1024),
        "a".repeat(48 * 1024 + 1),
    ] {
        tokens.push(mutated);
    }
    let headers = tokens.iter().map(|token| format!("Bearer {token}"));
    headers.map(|value| Recorded::new("GET", "/me", &[("authorization", &value)])).collect()
}

/// Paths that a router and a guard might read differently.
pub(crate) async fn paths(issuer: &DevIssuer) -> Vec<Recorded> {
    let alice = bearer(issuer, "alice").await;
    let mut recorded = Vec::new();
    for path in [
        "/items",
        "/items/",
        "//items",
        "/items//",
        "/./items",
        "/items/.",
        "/x/../items",
        "/items/..",
        "/Items",
        "/ITEMS",
        "/%69tems",
        "/item%73",
        "/items%2f",
        "/items%2F1",
        "/items/%31",
        "/items/1/",
        "/items/1/2",
        "/items;x=1",
        "/items;/../me",
        "/items/%2e%2e/me",
        "/items/..%2fme",
        "/items/%252e%252e/me",
        "/items%3b",
        "/items%00",
        "/items%20",
        "/items?x",
        "/items?/health",
        "/health/../items",
        "/health/%2e%2e/items",
        "/health/..;/items",
        "/health",
        "/health/",
        "/health/x",
        "/reports",
        "/reports/x",
        "/me/../health",
        "/health%2f..%2fme",
        "/items/%zz",
        "/items/%",
        "/items/\u{7f}",
        "/me#",
        "/me%23",
        "/me%3f",
        "/\\me",
        "/me\\",
    ] {
        if path.contains('\u{7f}') {
            continue;
        }
        recorded.push(Recorded::new("GET", path, &[]));
        recorded.push(Recorded::new("GET", path, &[("authorization", &alice)]));
        recorded.push(Recorded::new("DELETE", path, &[]));
    }
    recorded
}

/// What a browser sees without a session, and what a stranger sends to the login's endpoints.
pub(crate) async fn pages(issuer: &DevIssuer) -> Vec<Recorded> {
    let alice = bearer(issuer, "alice").await;
    let session = format!("kc-session={}", "A".repeat(43));
    let mut recorded = Vec::new();
    for path in ["/", "/account", "/account?tab=1", "/admin/", "/transfer"] {
        for headers in [
            &[][..],
            &[("accept", "text/html")],
            &[("accept", "text/html"), ("sec-fetch-mode", "cors")],
            &[("accept", "application/json")],
            &[("accept", "text/html"), ("authorization", &alice)],
            &[("accept", "text/html"), ("authorization", "Bearer x")],
            &[("accept", "text/html"), ("cookie", &session)],
            &[("accept", "application/json"), ("cookie", &session)],
        ] {
            recorded.push(Recorded::new("GET", path, headers));
            recorded.push(Recorded::new("HEAD", path, headers));
        }
    }
    for path in [
        "/oidc/authenticate",
        "/oidc/authenticate?next=//evil.test",
        "/oidc/callback",
        "/oidc/callback?state=x&code=y",
        "/oidc/callback?state=x&error=access_denied",
        "/oidc/logout",
        "/oidc/backchannel-logout",
        "/oidc/frontchannel-logout?iss=x&sid=y",
        "/oidc/nope",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
            recorded.push(Recorded::new(method, path, &[("content-length", "0")]));
        }
        let form = ("content-type", "application/x-www-form-urlencoded");
        recorded.push(Recorded::new("POST", path, &[form, ("content-length", "0"), ("cookie", &session)]));
    }
    // A body that never comes: each service waits for as long as it is ready to.
    let form = ("content-type", "application/x-www-form-urlencoded");
    for path in ["/oidc/logout", "/oidc/backchannel-logout"] {
        let headers = [form, ("content-length", "99999"), ("cookie", &session)];
        recorded.push(Recorded::new("POST", path, &headers));
    }
    recorded
}

/// Requests from pages of other origins.
async fn origins(issuer: &DevIssuer) -> Vec<Recorded> {
    let alice = bearer(issuer, "alice").await;
    let mut recorded = Vec::new();
    for origin in [
        "http://localhost:3000",
        "http://localhost:5173",
        "http://localhost:3001",
        "http://LOCALHOST:3000",
        "null",
        "*",
        "",
    ] {
        for path in ["/me", "/nope", "/health"] {
            recorded.push(Recorded::new("GET", path, &[("origin", origin)]));
            recorded.push(Recorded::new("GET", path, &[("origin", origin), ("authorization", &alice)]));
            recorded.push(Recorded::new("OPTIONS", path, &[("origin", origin)]));
            let method = ("access-control-request-method", "DELETE");
            recorded.push(Recorded::new("OPTIONS", path, &[("origin", origin), method]));
        }
    }
    recorded
}

/// All of it.
pub(crate) async fn all(issuer: &DevIssuer) -> Vec<Recorded> {
    let mut recorded = routes(issuer).await;
    recorded.extend(methods(issuer).await);
    recorded.extend(credentials(issuer).await);
    recorded.extend(tokens(issuer).await);
    recorded.extend(paths(issuer).await);
    recorded.extend(origins(issuer).await);
    recorded
}

//! The page at `/`, and whom it and the control paths are for.

use kc_dev::{Defect, DevIssuer};
use reqwest::header::{HOST, ORIGIN};
use reqwest::{RequestBuilder, Response};
use serde_json::json;

use crate::asking::{http, issuer, keys, part};

/// What the page says, and how.
struct Page {
    status: u16,
    headers: reqwest::header::HeaderMap,
    html: String,
}

async fn page(request: RequestBuilder) -> Page {
    let answer: Response = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Page { status, headers, html: answer.text().await.expect("text") }
}

fn root(issuer: &DevIssuer) -> String {
    format!("{}/", issuer.base_url())
}

/// As the page's own form sends it.
fn form(issuer: &DevIssuer, fields: &[(&str, &str)]) -> RequestBuilder {
    let request = http().post(root(issuer)).header(ORIGIN, issuer.base_url());
    request.header("sec-fetch-site", "same-origin").form(fields)
}

/// What is in the element of that id, as text.
fn element(html: &str, id: &str) -> String {
    let (_, rest) =
        html.split_once(&format!("<pre id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}:\n{html}"));
    let (_, rest) = rest.split_once('>').expect("a tag");
    let (inside, _) = rest.split_once("</pre>").expect("its end");
    let mut text = String::new();
    for part in inside.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    for (escape, letter) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        text = text.replace(escape, letter);
    }
    text
}

#[tokio::test]
async fn it_makes_the_token_that_the_form_asks_for_and_shows_what_is_in_it() {
    let issuer = issuer().await;
    let made = page(form(
        &issuer,
        &[
            ("do", "mint"),
            ("user", "carol"),
            ("client", "api"),
            ("roles", "admin, api/api-admin"),
            ("audience", "shop"),
            ("scope", "openid email"),
            ("expires_in", "60"),
            ("groups", "/night"),
            ("acr", "gold"),
        ],
    ))
    .await;
    assert_eq!(made.status, 200, "{}", made.html);
    let token = element(&made.html, "jwt");
    let claims = part(&token, 1);
    assert_eq!((&claims["preferred_username"], &claims["aud"]), (&json!("carol"), &json!("shop")));
    assert!(claims["realm_access"]["roles"].as_array().expect("roles").contains(&json!("admin")));
    assert_eq!(claims["resource_access"]["api"]["roles"], json!(["api-admin"]));
    assert_eq!((&claims["groups"][1], &claims["acr"]), (&json!("/night"), &json!("gold")));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&element(&made.html, "payload")).expect("JSON"),
        claims
    );
    assert!(element(&made.html, "send").contains(&token));
    assert!(made.html.contains("value=\"carol\""), "the form stays filled in");

    // The shell's line makes the same token again.
    let again = element(&made.html, "again");
    let body = again.split_once(" -d '").expect("a body").1.trim_end_matches('\'');
    let answer = http().post(format!("{}/_kc-dev/tokens", issuer.base_url())).body(body.to_owned());
    let (status, answer) = crate::asking::send(answer).await;
    assert_eq!(status, 200, "{answer}");
    let twin = part(crate::asking::text(&answer, "access_token"), 1);
    for claim in ["sub", "aud", "realm_access", "resource_access", "groups", "acr", "scope"] {
        assert_eq!(twin[claim], claims[claim], "{claim}");
    }
}

#[tokio::test]
async fn every_broken_kind_can_be_chosen() {
    let issuer = issuer().await;
    let shown = page(http().get(root(&issuer))).await.html;
    for defect in Defect::ALL {
        assert!(shown.contains(&format!("<option value=\"{defect}\">")), "{defect}");
        let fields = [("do", "mint"), ("user", "alice"), ("scope", "openid"), ("broken", defect.name())];
        let made = page(form(&issuer, &fields)).await;
        assert_eq!(made.status, 200, "{defect}: {}", made.html);
        assert!(made.html.contains("A service must refuse it"), "{defect}");
    }
}

#[tokio::test]
async fn a_name_that_the_realm_lacks_is_made_up_and_the_page_says_so() {
    let issuer = issuer().await;
    let made =
        page(form(&issuer, &[("user", "zoe"), ("scope", "openid"), ("only", "yes"), ("roles", "x/y")])).await;
    assert!(made.html.contains("this one is made up"), "{}", made.html);
    let claims = part(&element(&made.html, "jwt"), 1);
    assert_eq!(
        claims["realm_access"]["roles"],
        json!(["x/y"]),
        "x is no client: the slash belongs to the name"
    );
}

#[tokio::test]
async fn what_can_not_be_made_is_explained_on_the_page() {
    let issuer = issuer().await;
    for (fields, said) in [
        ([("user", "alice"), ("expires_in", "soon")].as_slice(), "whole number of seconds"),
        (&[("user", "alice"), ("scope", "nope")], "may not ask for the scope"),
        (&[("client", "spa")], "no service account"),
        (&[("user", "alice"), ("client", "gone")], "no client"),
        (&[("user", "alice"), ("broken", "nope")], "expired"),
    ] {
        let refused = page(form(&issuer, fields)).await;
        assert_eq!(refused.status, 400);
        assert!(refused.html.contains(said), "{said}: {}", refused.html);
    }
}

#[tokio::test]
async fn keys_are_rotated_and_replaced_by_its_buttons() {
    let issuer = issuer().await;
    let first = issuer.kid(kc_dev::Alg::Rs256).await.expect("a key");
    let rotated = page(form(&issuer, &[("do", "rotate")])).await;
    assert_eq!((rotated.status, &rotated.headers["location"]), (303, &"/#keys".parse().expect("a value")));
    let second = issuer.kid(kc_dev::Alg::Rs256).await.expect("a key");
    assert_ne!(first, second);
    assert_eq!(page(form(&issuer, &[("do", "replace")])).await.status, 303);
    let listed = keys(&issuer).await;
    assert!(listed.iter().any(|key| key["kid"] == json!(first)), "only the last one is taken out");
    assert!(listed.iter().all(|key| key["kid"] != json!(second)));
    assert!(page(http().get(root(&issuer))).await.html.contains("its tokens are distrusted"));
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_mint_nor_rotate() {
    let issuer = issuer().await;
    let kid = issuer.kid(kc_dev::Alg::Rs256).await.expect("a key");
    let sent = |headers: &[(&str, &str)]| {
        let request = http().post(root(&issuer)).form(&[("do", "rotate")]);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let own = issuer.base_url();
    let port = issuer.address().port();
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    let other_name = format!("http://localhost:{port}");
    for headers in [
        [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")].as_slice(),
        &[("origin", "https://evil.test")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "null")],
        // A site is more than an origin: another port is another program.
        &[("origin", &other_port), ("sec-fetch-site", "same-site")],
        &[("origin", &other_port)],
        &[("origin", &other_name)],
        &[("origin", own), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        // Nothing says who sent it.
        &[],
    ] {
        let refused = page(sent(headers)).await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert!(refused.html.contains("own page"), "{}", refused.html);
    }
    assert_eq!(issuer.kid(kc_dev::Alg::Rs256).await.expect("a key"), kid, "nothing was rotated");
    let get = http().get(format!("{}?do=rotate&user=alice", root(&issuer)));
    assert!(!page(get).await.html.contains("id=\"jwt\""), "a link mints nothing");
    assert_eq!(issuer.kid(kc_dev::Alg::Rs256).await.expect("a key"), kid);
    assert_eq!(page(sent(&[("origin", own)])).await.status, 303);
}

#[tokio::test]
async fn a_name_that_was_made_to_lead_here_opens_nothing() {
    let issuer = issuer().await;
    let port = issuer.address().port();
    let evil = format!("evil.test:{port}");
    for path in ["/", "/_kc-dev/", "/_kc-dev/page.js", "/_kc-dev/page.css"] {
        let request = http().get(format!("{}{path}", issuer.base_url()));
        let refused = page(request.header(HOST, &evil)).await;
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.html.contains("Host"), "{}", refused.html);
        assert!(!refused.html.contains("alice"), "{path}");
    }
    let origin = format!("http://{evil}");
    let mint = http().post(root(&issuer)).header(HOST, &evil).header(ORIGIN, &origin);
    let mint = mint.header("sec-fetch-site", "same-origin").form(&[("user", "alice"), ("scope", "openid")]);
    assert_eq!(page(mint).await.status, 403);
    let control = http().post(format!("{}/_kc-dev/tokens", issuer.base_url())).header(HOST, &evil);
    assert_eq!(page(control.json(&json!({ "user": "alice" }))).await.status, 403);
    for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
        assert_eq!(page(http().get(root(&issuer)).header(HOST, host)).await.status, 200);
    }
    // The login page lists the passwords of the realm's file.
    let login = format!(
        "{}?client_id=spa&response_type=code&redirect_uri=http://127.0.0.1/spa",
        crate::asking::url(&issuer, "auth")
    );
    let refused = page(http().get(login).header(HOST, &evil)).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.html.contains("alice"), "{}", refused.html);
    // The service under test may well know Keycloak's own paths under another name.
    let certs = http().get(crate::asking::url(&issuer, "certs")).header(HOST, "host.docker.internal:8080");
    assert_eq!(page(certs).await.status, 200);
}

#[tokio::test]
async fn nothing_from_a_realm_file_or_a_form_becomes_html() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";
    let realm = json!({
        "realm": format!("r{evil}"),
        "roles": { "realm": [{ "name": evil }] },
        "clients": [{ "clientId": format!("c{evil}"), "secret": "s", "directAccessGrantsEnabled": true }],
        "groups": [{ "name": evil }],
        "users": [{
            "username": format!("u{evil}"), "enabled": true, "firstName": evil, "realmRoles": [evil], "groups": [format!("/{evil}")],
        }],
    });
    let issuer = DevIssuer::builder()
        .shared_keys()
        .realm_json(realm.to_string())
        .start()
        .await
        .expect("kc-dev starts");
    let client = format!("c{evil}");
    let user = format!("u{evil}");
    let mut pages = vec![page(http().get(root(&issuer))).await];
    for name in [user.as_str(), evil] {
        let fields = [
            ("user", name),
            ("client", &client),
            ("roles", evil),
            ("groups", evil),
            ("audience", evil),
            ("scope", "openid"),
            ("acr", evil),
            ("service", evil),
        ];
        pages.push(page(form(&issuer, &fields)).await);
        let fields =
            [("user", name), ("client", evil), ("scope", evil), ("expires_in", evil), ("broken", evil)];
        pages.push(page(form(&issuer, &fields)).await);
    }
    for page in pages {
        let html = page.html.to_lowercase();
        assert!(html.contains("&lt;script&gt;"), "it is there as text");
        for tag in ["<script>", "<img", "onerror=alert(2)>&amp;\"", "\"'>"] {
            assert!(!html.contains(tag), "{tag} in {html}");
        }
        assert_eq!(html.matches("<script ").count(), 1, "the page's own");
    }
}

#[tokio::test]
async fn no_browser_keeps_it_frames_it_or_asks_anybody_else() {
    let issuer = issuer().await;
    let pages = [page(http().get(root(&issuer))).await, page(form(&issuer, &[("user", "alice")])).await];
    for page in pages {
        assert_eq!(page.status, 200);
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(
            (header("cache-control"), header("x-frame-options")),
            ("no-store".to_owned(), "DENY".to_owned())
        );
        assert_eq!(header("referrer-policy"), "same-origin");
        for outside in ["https://", "//cdn", "<style", "style=\"", "onclick"] {
            assert!(!page.html.contains(outside), "{outside}");
        }
        assert!(!page.html.contains("alice-password") && !page.html.contains("api-secret"), "no secrets");
    }
}

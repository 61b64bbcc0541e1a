//! Codes and the tokens that they give.

use crate::browser::{Browser, brought};
use crate::compare;
use crate::observed::{Answer, Observed, Server};

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const S256: [(&str, Option<&str>); 2] =
    [("code_challenge", Some(CHALLENGE)), ("code_challenge_method", Some("S256"))];

/// Parameters that are changed, or (`None`) left out.
type Fields = Vec<(&'static str, Option<&'static str>)>;

/// The token request that goes with [`login_query`], with some fields changed or left out.
pub(crate) async fn exchange(server: &Server, login: &Answer, changes: &[(&str, Option<&str>)]) -> Answer {
    let code = brought(login).remove("code").unwrap_or_default();
    let usual = [
        ("grant_type", "authorization_code"),
        ("client_id", "api"),
        ("client_secret", "api-secret"),
        ("redirect_uri", crate::browser::CALLBACK),
        ("code", &code),
    ];
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = usual.into_iter().filter(|(name, _)| !changed(name));
    let form: Vec<_> =
        kept.chain(changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)))).collect();
    server.token(&form).await
}

#[tokio::test]
async fn tokens_for_codes() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for client in
            ["api", "no-aud", "lightweight", "es256", "ps256", "eddsa", "signed-userinfo", "inventory"]
        {
            for user in ["alice", "frank"] {
                for scope in [None, Some("openid"), Some("openid offline_access phone")] {
                    let changes = [("client_id", Some(client)), ("scope", scope)];
                    let login = Browser::new(&server).login(user, &changes).await;
                    let secret = format!("{client}-secret");
                    let form = [("client_id", Some(client)), ("client_secret", Some(&*secret))];
                    let answer = exchange(&server, &login, &form).await;
                    let name = format!("{user} at {client}, {scope:?}");
                    seen.add(name.clone(), server.observe(&answer));
                    if let Some(token) = answer.json()["access_token"].as_str() {
                        let told = server.introspect(token, "api", None).await;
                        seen.add(format!("{name}: introspected"), server.observe(&told));
                        seen.add(format!("{name}: userinfo"), server.observe(&server.userinfo(token).await));
                        let refresh = answer.text("refresh_token");
                        let refreshed = server.refresh(&refresh, client, None).await;
                        seen.add(format!("{name}: refreshed"), server.observe(&refreshed));
                    }
                }
            }
        }
        for nonce in [None, Some("")] {
            let login = Browser::new(&server).login("alice", &[("nonce", nonce)]).await;
            seen.add(format!("nonce {nonce:?}"), server.observe(&exchange(&server, &login, &[]).await));
        }
        let spa = [("client_id", Some("spa")), S256[0], S256[1]];
        let login = Browser::new(&server).login("bob", &spa).await;
        let form = [("client_id", Some("spa")), ("client_secret", None), ("code_verifier", Some(VERIFIER))];
        seen.add("spa", server.observe(&exchange(&server, &login, &form).await));
        seen
    })
    .await;
}

#[tokio::test]
async fn codes_that_are_not_exchanged() {
    let plain = [("code_challenge", Some(VERIFIER)), ("code_challenge_method", Some("plain"))];
    let spa = [("client_id", Some("spa")), S256[0], S256[1]];
    let as_spa = [("client_id", Some("spa")), ("client_secret", None)];
    let long: &'static str = "v".repeat(129).leak();
    let wrong = Some("wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong");
    let cases: Vec<(Fields, Fields)> = vec![
        (vec![], vec![("redirect_uri", Some("http://127.0.0.1:1/oidc/callback"))]),
        (vec![], vec![("redirect_uri", None)]),
        (vec![], vec![("redirect_uri", Some(""))]),
        (vec![], vec![("client_secret", Some("wrong"))]),
        (vec![], vec![("client_id", Some("no-aud")), ("client_secret", Some("no-aud-secret"))]),
        (vec![], vec![("code", Some("garbage"))]),
        (vec![], vec![("code", Some("x.y.z"))]),
        (vec![], vec![("code", Some(""))]),
        (vec![], vec![("code", None)]),
        (vec![], vec![("code_verifier", Some(VERIFIER))]),
        (vec![], vec![("scope", Some("nope"))]),
        (S256.to_vec(), vec![]),
        (S256.to_vec(), vec![("code_verifier", Some(VERIFIER))]),
        (S256.to_vec(), vec![("code_verifier", wrong)]),
        (S256.to_vec(), vec![("code_verifier", Some("short"))]),
        (S256.to_vec(), vec![("code_verifier", Some(""))]),
        (S256.to_vec(), vec![("code_verifier", Some(long))]),
        (plain.to_vec(), vec![("code_verifier", Some(VERIFIER))]),
        (plain.to_vec(), vec![("code_verifier", wrong)]),
        (spa.to_vec(), as_spa.to_vec()),
        (
            vec![("client_id", Some("dpop"))],
            vec![("client_id", Some("dpop")), ("client_secret", Some("dpop-secret"))],
        ),
    ];
    compare(|server| {
        let cases = cases.clone();
        async move {
            let mut seen = Observed::default();
            for (asked, changes) in cases {
                let login = Browser::new(&server).login("alice", &asked).await;
                let name = format!("{asked:?}, {changes:?}");
                seen.add(name.clone(), server.observe(&exchange(&server, &login, &changes).await));
                let verifier = asked.iter().any(|(name, _)| *name == "code_challenge").then_some(VERIFIER);
                let right = exchange(&server, &login, &[("code_verifier", verifier)]).await;
                seen.add(format!("{name}, then the right way"), server.observe(&right));
            }
            seen
        }
    })
    .await;
}

#[tokio::test]
async fn a_code_used_twice_takes_back_what_it_gave() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let mut browser = Browser::new(&server);
        let login = browser.login("alice", &[]).await;
        let first = exchange(&server, &login, &[]).await;
        let (access, refresh) = (first.text("access_token"), first.text("refresh_token"));
        seen.add("again", server.observe(&exchange(&server, &login, &[]).await));
        seen.add("introspection", server.observe(&server.introspect(&access, "api", None).await));
        seen.add("userinfo", server.observe(&server.userinfo(&access).await));
        seen.add("refresh", server.observe(&server.refresh(&refresh, "api", None).await));
        seen.add("the browser", server.shown(&browser.authorize(&[("prompt", Some("none"))]).await));
        seen
    })
    .await;
}

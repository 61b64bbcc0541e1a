//! Credentials: what is a bearer token, and what is none.

use crate::case::{Case, CaseResult};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: header";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("bearer/good", "RFC 6750 §2.1", async |kit: &Kit| {
            kit.me(&kit.token("alice").await?).await?.has_status(200)
        }),
        Case::new("bearer/none", "RFC 6750 §3.1", async |kit: &Kit| {
            kit.send(&Request::get("/me")).await?.refused(401, "not_authenticated")
        }),
        lines("bearer/empty-header", CONTRACT, NOBODY, |_| vec![String::new()]),
        lines("bearer/scheme-in-lower-case", "RFC 9110 §11.1", GOOD, |t| vec![format!("bearer {t}")]),
        lines("bearer/scheme-in-upper-case", "RFC 9110 §11.1", GOOD, |t| vec![format!("BEARER {t}")]),
        lines("bearer/scheme-in-mixed-case", "RFC 9110 §11.1", GOOD, |t| vec![format!("bEaReR {t}")]),
        lines("bearer/several-spaces", "RFC 9110 §11.4", GOOD, |t| vec![format!("Bearer    {t}")]),
        lines("bearer/blanks-around-the-value", "RFC 9110 §5.5", GOOD, |t| vec![format!("  Bearer {t}  ")]),
        lines("bearer/tab-after-the-scheme", "RFC 9110 §11.4", BAD, |t| vec![format!("Bearer\t{t}")]),
        lines("bearer/tab-before-the-token", "RFC 9110 §11.4", BAD, |t| vec![format!("Bearer \t{t}")]),
        lines("bearer/no-token", "RFC 6750 §3.1", BAD, |_| vec!["Bearer".to_owned()]),
        lines("bearer/only-spaces-for-a-token", "RFC 6750 §3.1", BAD, |_| vec!["Bearer    ".to_owned()]),
        lines("bearer/two-equal-headers", "RFC 6750 §3.1", BAD, |t| vec![format!("Bearer {t}"); 2]),
        lines("bearer/bad-header-before-the-good", "RFC 6750 §3.1", BAD, |t| {
            vec!["Bearer garbage".to_owned(), format!("Bearer {t}")]
        }),
        lines("bearer/good-header-before-a-bad", "RFC 6750 §3.1", BAD, |t| {
            vec![format!("Bearer {t}"), "Bearer garbage".to_owned()]
        }),
        lines("bearer/basic-and-bearer", CONTRACT, BAD, |t| {
            vec!["Basic YTpi".to_owned(), format!("Bearer {t}")]
        }),
        lines("bearer/empty-and-bearer", CONTRACT, BAD, |t| vec![String::new(), format!("Bearer {t}")]),
        lines("bearer/two-tokens-joined-by-a-comma", "RFC 6750 §2.1", BAD, |t| {
            vec![format!("Bearer {t}, Bearer {t}")]
        }),
        lines("bearer/two-tokens-with-a-space", "RFC 6750 §2.1", BAD, |t| vec![format!("Bearer {t} {t}")]),
        lines("bearer/quoted-token", "RFC 6750 §2.1", BAD, |t| vec![format!("Bearer \"{t}\"")]),
        lines("bearer/percent-in-the-token", "RFC 6750 §2.1", BAD, |t| vec![format!("Bearer {t}%20")]),
        lines("bearer/equals-sign-inside", "RFC 6750 §2.1", BAD, |t| vec![format!("Bearer a={t}")]),
        lines("bearer/letters-beyond-ascii", "RFC 6750 §2.1", BAD, |t| vec![format!("Bearer {t}\u{e4}")]),
        Case::new("bearer/bytes-beyond-utf-8", "RFC 6750 §2.1", async |kit: &Kit| {
            let request = Request::get("/me").authorization(b"Bearer \xff\xfe\x80");
            kit.send(&request).await?.refused(400, "invalid_request")
        }),
        lines("bearer/basic-is-not-ours", CONTRACT, NOBODY, |_| vec!["Basic YWxpY2U6YWxpY2U=".to_owned()]),
        lines("bearer/another-scheme-is-not-ours", CONTRACT, NOBODY, |t| vec![format!("Token {t}")]),
        lines("bearer/dpop-scheme-is-not-ours", "RFC 9449 §7.1", NOBODY, |t| vec![format!("DPoP {t}")]),
        lines("bearer/scheme-glued-to-the-token", "RFC 9110 §11.4", NOBODY, |t| vec![format!("Bearer{t}")]),
        lines("bearer/token-without-a-scheme", "RFC 9110 §11.4", NOBODY, |t| vec![t.to_owned()]),
        Case::new("bearer/header-name-in-any-case", "RFC 9110 §5.1", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            let request = Request::get("/me").header("aUTHORIZATION", format!("Bearer {token}"));
            kit.send(&request.holding(&token)).await?.has_status(200)
        }),
        Case::new("bearer/token-in-the-query-is-ignored", "RFC 6750 §2.3", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            let request = Request::get(format!("/me?access_token={token}")).holding(&token);
            kit.send(&request).await?.refused(401, "not_authenticated")
        }),
        Case::new("bearer/bad-token-in-the-query-is-ignored", "RFC 6750 §2.3", async |kit: &Kit| {
            kit.get("/me?access_token=garbage", &kit.token("alice").await?).await?.has_status(200)
        }),
        Case::new("bearer/token-in-the-form-is-ignored", "RFC 6750 §2.2", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            let form = format!("access_token={token}");
            let request = Request::new("POST", "/items?item_name=x").holding(&token);
            let request = request.body("application/x-www-form-urlencoded", form);
            kit.send(&request).await?.refused(401, "not_authenticated")
        }),
        elsewhere("bearer/token-in-a-cookie-is-ignored", &["Cookie"], "access_token="),
        elsewhere(
            "bearer/token-in-other-headers-is-ignored",
            &[
                "Proxy-Authorization",
                "X-Forwarded-Authorization",
                "X-Authorization",
                "X-Forwarded-Access-Token",
            ],
            "Bearer ",
        ),
        elsewhere(
            "bearer/token-of-a-websocket-handshake-is-ignored",
            &["Sec-WebSocket-Protocol"],
            "bearer, ",
        ),
        Case::new("bearer/identity-headers-are-ignored", "RFC 9110 §17.1", async |kit: &Kit| {
            let mut request = Request::get("/me");
            for name in ["X-Forwarded-User", "X-Auth-Request-User", "Remote-User", "X-Remote_User", "X-User"]
            {
                request = request.header(name, "alice");
            }
            kit.send(&request).await?.refused(401, "not_authenticated")
        }),
        Case::new("bearer/nothing-is-remembered-on-a-connection", "RFC 9110 §3.3", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            let mut connection = kit.connect().await?;
            let with = Request::get("/me").bearer(&token);
            let first = kit.send_on(&mut connection, &with).await?;
            first.has_status(200)?;
            if first.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
                // A connection of one request remembers nothing.
                return Ok(());
            }
            let without = kit.send_on(&mut connection, &Request::get("/me")).await?;
            without.refused(401, "not_authenticated")?;
            kit.send_on(&mut connection, &with).await?.has_status(200)
        }),
        Case::new("bearer/every-request-is-its-own", "RFC 9110 §3.3", async |kit: &Kit| {
            for (user, other) in [("alice", "bob"), ("bob", "alice")] {
                let body = kit.me(&kit.token(user).await?).await?.json()?;
                let got = body.get("username").and_then(serde_json::Value::as_str);
                crate::case::ensure(got == Some(user), || {
                    format!("GET /me after {other}'s: expected {user}, got {got:?}")
                })?;
            }
            Ok(())
        }),
    ]
}

type Check = fn(&crate::reply::Reply) -> CaseResult;
const GOOD: Check = |reply| reply.has_status(200);
const BAD: Check = |reply| reply.refused(400, "invalid_request");
const NOBODY: Check = |reply| reply.refused(401, "not_authenticated");

/// `GET /me` with these `Authorization` lines, made of a good token.
fn lines(id: &str, spec: &'static str, check: Check, lines: fn(&str) -> Vec<String>) -> Case {
    Case::new(id, spec, async move |kit| {
        let token = kit.token("alice").await?;
        let mut request = Request::get("/me").holding(&token);
        for line in lines(&token) {
            request = request.authorization(line);
        }
        check(&kit.send(&request).await?)
    })
}

/// A good token in places where it is none.
fn elsewhere(id: &str, names: &'static [&'static str], prefix: &'static str) -> Case {
    Case::new(id, "RFC 6750 §2.1", async move |kit| {
        let token = kit.token("alice").await?;
        for name in names {
            let request = Request::get("/me").header(name, format!("{prefix}{token}")).holding(&token);
            kit.send(&request).await?.refused(401, "not_authenticated")?;
        }
        Ok(())
    })
}

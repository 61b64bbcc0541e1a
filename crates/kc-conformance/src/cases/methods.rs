//! Methods: HEAD as GET, everything unlisted refused.

use crate::case::{Case, ensure};
use crate::http::Request;
use crate::kit::Kit;

const ALLOW: &str = "RFC 9110 §15.5.6";

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("methods/head-answers-as-get", "RFC 9110 §9.3.2", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            for path in ["/me", "/items", "/health"] {
                let get = kit.send(&Request::get(path).bearer(&token)).await?;
                let mut connection = kit.connect().await?;
                let request = Request::new("HEAD", path).bearer(&token);
                let head = kit.send_on(&mut connection, &request).await?;
                head.has_status(get.status)?;
                ensure(head.lasting_headers() == get.lasting_headers(), || {
                    format!(
                        "HEAD {path}: expected the headers {:?}, got {:?}",
                        get.lasting_headers(),
                        head.lasting_headers()
                    )
                })?;
                ensure(!connection.sends_more().await, || format!("HEAD {path}: expected no body, got one"))?;
            }
            Ok(())
        }),
        Case::new("methods/head-is-guarded", "RFC 9110 §9.3.2", async |kit: &Kit| {
            for path in ["/me", "/items", "/admin/users", "/reports", "/cases", "/service-token"] {
                let reply = kit.send(&Request::new("HEAD", path)).await?;
                reply.has_status(401)?;
                reply.challenge()?;
            }
            Ok(())
        }),
        Case::new("methods/head-needs-the-same-roles", "RFC 9110 §9.3.2", async |kit: &Kit| {
            let token = kit.token("carol").await?;
            for path in ["/items", "/admin/users", "/reports", "/cases", "/service-token"] {
                kit.send(&Request::new("HEAD", path).bearer(&token)).await?.has_status(403)?;
            }
            Ok(())
        }),
        Case::new("methods/head-of-a-refusal-has-no-body", "RFC 9110 §9.3.2", async |kit: &Kit| {
            let mut connection = kit.connect().await?;
            let reply = kit.send_on(&mut connection, &Request::new("HEAD", "/me")).await?;
            reply.has_status(401)?;
            ensure(!connection.sends_more().await, || "HEAD /me: expected no body, got one".to_owned())
        }),
        Case::new("methods/head-counts-as-get-in-a-map-of-methods", "contract: routes", async |kit: &Kit| {
            let token = kit.mint().client_roles("api", ["judge"]).sign().await?;
            kit.send(&Request::new("HEAD", "/cases").bearer(&token)).await?.has_status(200)
        }),
        Case::new("methods/get-is-case-sensitive", "RFC 9110 §9.1", async |kit: &Kit| {
            for method in ["get", "Get", "gET"] {
                let request = Request::new(method, "/me").bearer(&kit.token("alice").await?);
                let reply = kit.send(&request).await?;
                reply.kept_out()?;
            }
            Ok(())
        }),
        Case::new("methods/overrides-are-ignored", "RFC 9110 §9.1", async |kit: &Kit| {
            let token = kit.token("alice").await?;
            for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
                let request = Request::get("/items").header(name, "POST").bearer(&token);
                kit.send(&request).await?.has_status(200)?;
                let request = Request::new("POST", "/items?item_name=x&_method=GET").header(name, "GET");
                kit.send(&request.bearer(&kit.token("bob").await?)).await?.refused(403, "missing_roles")?;
            }
            Ok(())
        }),
        Case::new("methods/not-found-for-everybody", "contract: order", async |kit: &Kit| {
            kit.send(&Request::get("/nowhere")).await?.refused(404, "not_found")?;
            kit.get("/nowhere", "garbage").await?.refused(404, "not_found")?;
            kit.get("/nowhere", &kit.token("alice").await?).await?.refused(404, "not_found")?;
            kit.send(&Request::new("DELETE", "/nowhere")).await?.refused(404, "not_found")
        }),
        Case::new("methods/options-star", "RFC 9110 §9.3.7", async |kit: &Kit| {
            let reply = kit.send(&Request::new("OPTIONS", "*")).await?;
            ensure(reply.status != 500, || reply.unlike("anything but 500").to_string())
        }),
    ];
    for method in ["PUT", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "QUERY", "FOO", "GETX"] {
        let name = method.to_lowercase();
        cases.push(Case::new(format!("methods/{name}-is-not-allowed"), ALLOW, async move |kit| {
            for (path, allowed) in [("/me", ["GET", "HEAD"].as_slice()), ("/items", &["GET", "HEAD", "POST"])]
            {
                let reply = kit.send(&Request::new(method, path)).await?;
                reply.refused(405, "method_not_allowed")?;
                let allow = reply.header_values("allow").join(",");
                let mut got: Vec<&str> = allow.split(',').map(str::trim).collect();
                got.sort_unstable();
                ensure(got == allowed, || {
                    format!("{method} {path}: expected Allow: {allowed:?}, got {got:?}")
                })?;
            }
            Ok(())
        }));
    }
    cases
}

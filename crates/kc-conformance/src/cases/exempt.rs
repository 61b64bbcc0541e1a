//! Paths that the settings exempt from authentication, and those that only look so.

use serde_json::json;

use crate::case::{Case, Environment, Setup};
use crate::http::Request;
use crate::kit::Kit;

const CONTRACT: &str = "contract: exempt paths";

const EXEMPT: Setup = Setup::Shared(&Environment {
    name: "exempt",
    variables: &[("KEYCLOAK_EXEMPT_PATHS", " /cases/ ,/items/5,/report,/ME,/admin")],
});

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("exempt/no-token-needed", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/cases")).await?.is(200, &json!({"cases": []}))?;
            kit.send(&Request::new("POST", "/cases")).await?.has_status(201)?;
            kit.send(&Request::new("DELETE", "/items/5")).await?.has_status(204)
        }),
        Case::new("exempt/never-authenticated", CONTRACT, async |kit: &Kit| {
            kit.get("/cases", "garbage").await?.has_status(200)?;
            let two = Request::get("/cases").authorization("Bearer a").authorization("Bearer b");
            kit.send(&two).await?.has_status(200)
        }),
        Case::new("exempt/a-handler-that-asks-who-calls-says-401", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/admin/users")).await?.refused(401, "not_authenticated")
        }),
        Case::new("exempt/others-are-guarded", CONTRACT, async |kit: &Kit| {
            for path in ["/me", "/items", "/reports", "/service-token"] {
                kit.send(&Request::get(path)).await?.refused(401, "not_authenticated")?;
            }
            Ok(())
        }),
        Case::new("exempt/head-too", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::new("HEAD", "/cases")).await?.has_status(200)
        }),
        Case::new("exempt/whole-segments", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/reports")).await?.refused(401, "not_authenticated")?;
            kit.send(&Request::new("DELETE", "/items/55")).await?.refused(401, "not_authenticated")
        }),
        Case::new("exempt/case-sensitive", CONTRACT, async |kit: &Kit| {
            kit.send(&Request::get("/me")).await?.refused(401, "not_authenticated")
        }),
        Case::new("exempt/query-is-not-part-of-it", "GHSA-7rh7-c77v-6434", async |kit: &Kit| {
            kit.send(&Request::get("/me?/cases")).await?.refused(401, "not_authenticated")?;
            kit.send(&Request::get("/cases?x=/../me")).await?.has_status(200)
        }),
        deleting("exempt/encoded-digit", "RFC 3986 §6.2.2.2", &["/items/%35", "/item%73/5", "/items/%2535"]),
        deleting("exempt/path-parameters", "CVE-2026-74909", &["/items/5;x=1", "/items/5;", "/items;x/5"]),
        deleting(
            "exempt/encoded-semicolon",
            "CVE-2026-15573",
            &["/items/5%3B", "/items/5%3bx", "/items%3B/5"],
        ),
        deleting("exempt/doubled-slash", CONTRACT, &["//items/5", "/items//5", "///items/5"]),
        deleting(
            "exempt/dot-segments",
            CONTRACT,
            &[
                "/items/5/../6",
                "/items/./5",
                "/items/6/../5",
                "/cases/../items/6",
                "/items/5/.",
                "/cases/../items/5",
            ],
        ),
        deleting(
            "exempt/encoded-dot-segments",
            CONTRACT,
            &["/items/5/%2e%2e/6", "/cases/%2e%2e/items/6", "/cases/.%2e/items/6", "/items/%2e/5"],
        ),
        deleting(
            "exempt/encoded-slash",
            CONTRACT,
            &["/items%2f5", "/items/5%2f..%2f6", "/cases%2f..%2fitems/6", "/cases/..%2fitems/6"],
        ),
        deleting(
            "exempt/backslash",
            CONTRACT,
            &["/items/5\\..\\6", "/cases\\..\\items\\6", "/items\\5", "/cases/..%5citems/6"],
        ),
        deleting("exempt/doubly-encoded", CONTRACT, &["/cases/%252e%252e/items/6", "/items/5%252f..%252f6"]),
    ];
    cases.push(Case::new("exempt/the-guarded-through-the-exempt", "CVE-2026-9800", async |kit: &Kit| {
        for target in
            ["/cases/../me", "/cases/%2e%2e/me", "/cases/..;/me", "/cases%2f..%2fme", "/cases//../me"]
        {
            kit.send(&Request::get(target)).await?.kept_out()?;
        }
        Ok(())
    }));
    cases.into_iter().map(|case| case.with(EXEMPT)).collect()
}

/// Targets that are not the exempt path as it is written, and so delete nothing.
fn deleting(id: &str, spec: &'static str, targets: &'static [&'static str]) -> Case {
    Case::new(id, spec, async move |kit| {
        for target in targets {
            kit.send(&Request::new("DELETE", target)).await?.kept_out()?;
        }
        Ok(())
    })
}

//! Paths that look like others: whatever a router makes of them, nobody gets in without a token.

use crate::case::{Case, ensure};
use crate::http::Request;
use crate::kit::Kit;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = TRICKS
        .iter()
        .map(|(name, spec, targets)| {
            Case::new(format!("paths/{name}"), spec, async move |kit: &Kit| {
                for target in *targets {
                    kit.send(&Request::get(target)).await?.kept_out()?;
                }
                Ok(())
            })
        })
        .collect();
    cases.push(Case::new("paths/same-path-same-rule", "CVE-2026-15573", async |kit: &Kit| {
        // A path that reaches the handler for somebody with the role must ask for the role.
        let (may, may_not) = (kit.token("bob").await?, kit.token("carol").await?);
        for target in [
            "/reports",
            "/reports/",
            "//reports",
            "/reports?x=1",
            "/%72eports",
            "/reports;x=1",
            "/./reports",
            "/x/../reports",
            "/Reports",
            "/reports%2f",
            "/reports/.",
            "/reports#x",
            "/reports%3f",
        ] {
            let allowed = kit.get(target, &may).await?;
            let refused = kit.get(target, &may_not).await?;
            let consistent =
                if allowed.status == 200 { refused.status == 403 } else { refused.status != 200 };
            ensure(consistent, || {
                format!(
                    "GET {target}: expected 403 without the role where it is 200 with it, got {} and {}",
                    refused.status, allowed.status
                )
            })?;
        }
        Ok(())
    }));
    cases.push(Case::new("paths/query-decides-nothing", "GHSA-7rh7-c77v-6434", async |kit: &Kit| {
        for target in ["/me?/health", "/me?path=/health", "/me?x=/../health", "/me?", "/me?access_token="] {
            kit.send(&Request::get(target)).await?.refused(401, "not_authenticated")?;
        }
        Ok(())
    }));
    cases.push(Case::new(
        "paths/forwarding-headers-decide-nothing",
        "GHSA-7x63-xv5r-3p2x",
        async |kit: &Kit| {
            for name in
                ["X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Original-URI"]
            {
                let request = Request::get("/me").header(name, "/health");
                kit.send(&request).await?.refused(401, "not_authenticated")?;
            }
            let request = Request::get("/health").header("X-Original-URL", "/me");
            kit.send(&request).await?.has_status(200)
        },
    ));
    cases.push(Case::new("paths/user-agent-decides-nothing", "GHSA-5hvv-m4w4-gf6v", async |kit: &Kit| {
        for agent in ["kube-probe/1.31", "GoogleHC/1.0", "ELB-HealthChecker/2.0"] {
            let request = Request::get("/me").header("User-Agent", agent);
            kit.send(&request).await?.refused(401, "not_authenticated")?;
        }
        Ok(())
    }));
    cases.push(Case::new("paths/absolute-form", "RFC 9112 §3.2.2", async |kit: &Kit| {
        let target = format!("http://{}/me", kit.address()?);
        kit.send(&Request::get(&target)).await?.kept_out()?;
        kit.send(&Request::get("http://evil.example/health@/me")).await?.kept_out()
    }));
    cases.push(Case::new("paths/bytes-beyond-ascii", "RFC 3986 §2", async |kit: &Kit| {
        let reply = kit.send(&Request::get(b"/me\xff")).await?;
        reply.kept_out()?;
        kit.send(&Request::get("/m\u{e9}")).await?.kept_out()
    }));
    cases
}

/// Name, source, targets that must not answer with what `/me`, `/items` or `/admin/users` answer.
type Trick = (&'static str, &'static str, &'static [&'static str]);

const TRICKS: &[Trick] = &[
    ("trailing-slash", "RFC 3986 §6.2.3", &["/me/", "/items/", "/admin/users/"]),
    ("doubled-slash", "RFC 3986 §6.2", &["//me", "/admin//users", "//admin/users", "///items"]),
    ("dot-segments", "RFC 3986 §5.2.4", &["/./me", "/health/../me", "/me/.", "/me/x/..", "/../me"]),
    ("encoded-dot-segments", "RFC 3986 §6.2.2", &["/%2e/me", "/health/%2e%2e/me", "/health/.%2E/me"]),
    ("encoded-letters", "RFC 3986 §6.2.2.2", &["/%6de", "/%6De", "/m%65", "/admin/%75sers"]),
    ("encoded-slash", "RFC 3986 §2.2", &["/admin%2fusers", "/admin%2Fusers", "/%2fme", "/me%2f"]),
    ("doubly-encoded", "RFC 3986 §2.4", &["/%256de", "/health%252f..%252fme", "/%25%36%64e"]),
    ("path-parameters", "CVE-2026-74909", &["/me;x=1", "/me;", "/;/me", "/health;/../me", "/admin;x/users"]),
    ("encoded-semicolon", "CVE-2026-15573", &["/me%3B", "/me%3bx=1", "/admin%3B/users"]),
    ("backslash", "WHATWG URL §4.4", &["/\\me", "\\me", "/admin\\users", "/health\\..\\me", "/%5cme"]),
    ("other-case", "RFC 3986 §6.2.2.1", &["/ME", "/Me", "/Admin/Users", "/ITEMS"]),
    ("encoded-question-mark", "RFC 3986 §2.2", &["/me%3f", "/health%3f/../me", "/me%3Fx=1"]),
    ("fragment", "GHSA-pxq7-h93f-9jrg", &["/me#/health", "/me%23/health"]),
    (
        "encoded-blanks-and-nul",
        "RFC 3986 §2",
        &["/me%20", "/me%00", "/%00me", "/me%0a", "/me%0d%0a", "/me%09"],
    ),
    ("overlong-utf-8", "RFC 3629 §3", &["/%c0%ae%c0%ae/me", "/admin%c0%afusers"]),
    ("broken-percent", "RFC 3986 §2.1", &["/me%", "/me%2", "/me%zz", "/%u006de"]),
    ("suffixes", "RFC 3986 §3.3", &["/me.json", "/me.html", "/items.json", "/admin/users.xml"]),
];

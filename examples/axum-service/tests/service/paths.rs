//! A property: whatever is done to a path, no guarded route answers without a token.

use crate::harness::{Connection, Service, Setup, issuer};

const GUARDED: [&str; 7] =
    ["/me", "/items", "/items/1", "/admin/users", "/reports", "/cases", "/service-token"];

/// Every path that one change makes of `path`, at every place.
fn mutations(path: &str) -> Vec<Vec<u8>> {
    const INSERTED: [&[u8]; 18] = [
        b"/",
        b"//",
        b"/.",
        b"/./",
        b"/../",
        b"%2f",
        b"%2F",
        b"%5c",
        b"%00",
        b"%2e",
        b"%252f",
        b";",
        b";a=b",
        b"\\",
        b"?",
        b"#",
        b"%",
        b"\xc3\xa4",
    ];
    let bytes = path.as_bytes();
    let mut all = Vec::new();
    for place in 0..bytes.len() {
        let (before, after) = bytes.split_at(place);
        let (here, rest) = (after[0], &after[1..]);
        all.extend(INSERTED.iter().map(|inserted| [before, inserted, after].concat()));
        // The byte left out, doubled, in the other case, and percent-encoded once and twice.
        all.push([before, rest].concat());
        all.push([before, &[here, here], rest].concat());
        all.push([before, &[here ^ 0x20], rest].concat());
        all.push([before, format!("%{here:02x}").as_bytes(), rest].concat());
        all.push([before, format!("%25{here:02x}").as_bytes(), rest].concat());
    }
    all.extend(INSERTED.iter().map(|appended| [bytes, appended].concat()));
    // Not a request line at all.
    all.retain(|path| {
        path.first() == Some(&b'/') && path.iter().all(|byte| byte.is_ascii_graphic() || *byte >= 0x80)
    });
    all.sort_unstable();
    all.dedup();
    all
}

/// Sends every mutation without a token, and asserts that what answers is a refusal or the public route.
async fn nothing_is_open(service: &Service) -> usize {
    let mut connection = Connection::open(service).await;
    let mut sent = 0;
    for path in GUARDED.iter().flat_map(|path| mutations(path)) {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let answer = connection.exchange(method, &path).await;
            // What is left of a path with a `#` or a `?` in it may be a page: everybody's, or one that leads to the login.
            let home = answer.status == 200 && (path.starts_with(b"/#") || path.starts_with(b"/?"));
            let home = home && (method == "HEAD" || answer.body.contains("You are not logged in"));
            let login =
                answer.header("location").is_some_and(|to| to.starts_with("/oidc/authenticate?next="));
            let login = answer.status == 302 && login;
            assert!(
                home || login || (400..500).contains(&answer.status),
                "{method} {}: {answer:?}",
                String::from_utf8_lossy(&path)
            );
            sent += 1;
        }
    }
    sent
}

#[tokio::test]
async fn no_mutation_of_a_guarded_path_answers_without_a_token() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    assert!(nothing_is_open(&service).await > 4000);
}

#[tokio::test]
async fn an_exemption_opens_no_mutation_of_a_guarded_path() {
    let issuer = issuer().await;
    let service = Setup::of(&issuer).set("KEYCLOAK_EXEMPT_PATHS", "/health,/public,/m,/item,/admin/user");
    assert!(nothing_is_open(&service.start().await).await > 4000);
}

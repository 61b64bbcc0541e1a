//! The `Authorization` header, in every spelling that a client or an attacker comes up with.

use crate::harness::{Service, issuer};

#[tokio::test]
async fn bearer_is_read_in_any_case_with_any_number_of_spaces() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for before in ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer     ", "  Bearer "] {
        let answer =
            service.request("GET", "/me").header("Authorization", format!("{before}{token}")).send().await;
        assert_eq!(answer.status, 200, "{before:?}");
    }
    let answer = service.request("GET", "/me").header("aUTHORIZATION", format!("Bearer {token}  ")).send();
    assert_eq!(answer.await.status, 200);
}

#[tokio::test]
async fn what_is_not_bearer_is_no_credentials() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    for value in [
        "".to_owned(),
        "   ".to_owned(),
        "Basic YWxpY2U6YWxpY2U=".to_owned(),
        token.clone(),
        format!("Bearer{token}"),
        format!("Bearer,{token}"),
        format!("Bearer:{token}"),
        format!("Token {token}"),
        format!("DPoP {token}"),
        format!("JWT Bearer {token}"),
    ] {
        let answer = service.request("GET", "/me").header("Authorization", &value).send().await;
        answer.assert_refused(401, "not_authenticated");
    }
}

#[tokio::test]
async fn a_bearer_header_that_is_bad_is_an_invalid_request() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    let token = token.as_bytes();
    for (value, detail) in [
        (b"Bearer".to_vec(), "The Authorization header has no token after Bearer"),
        (b"Bearer   ".to_vec(), "The Authorization header has no token after Bearer"),
        ([b"Bearer\t", token].concat(), "Bearer and the token have to be separated by spaces"),
        ([b"Bearer \t", token].concat(), "Bearer and the token have to be separated by spaces"),
        ([b"Bearer ", token, b" x"].concat(), "The bearer token has characters that no token has"),
        ([b"Bearer ", token, b"\tx"].concat(), "The bearer token has characters that no token has"),
        ([b"Bearer ", token, b",x"].concat(), "The bearer token has characters that no token has"),
        (
            [b"Bearer ", token, b", Bearer ", token].concat(),
            "The bearer token has characters that no token has",
        ),
        ([b"Bearer \"", token, b"\""].concat(), "The bearer token has characters that no token has"),
        ([b"Bearer ", token, b"%20"].concat(), "The bearer token has characters that no token has"),
        (b"Bearer aa=.bbbb.cccc".to_vec(), "The bearer token has characters that no token has"),
        ([b"Bearer =", token].concat(), "The bearer token has characters that no token has"),
        (b"Bearer \xc3\xa4".to_vec(), "The bearer token has characters that no token has"),
        (b"Bearer \xff\xfe".to_vec(), "The bearer token has characters that no token has"),
        (b"Bearer <script>".to_vec(), "The bearer token has characters that no token has"),
    ] {
        let answer = service.request("GET", "/me").header("Authorization", &value).send().await;
        answer.assert_refused(400, "invalid_request");
        assert_eq!(answer.json()["detail"], detail);
        let challenge =
            format!(r#"Bearer realm="kc-demo", error="invalid_request", error_description="{detail}""#);
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused_whatever_they_hold() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let good = format!("Bearer {}", issuer.token("alice", "api").await.unwrap());
    for (first, second) in [
        (good.as_str(), good.as_str()),
        (&good, "Basic YTpi"),
        ("Basic YTpi", &good),
        ("Basic YTpi", "Basic YTpi"),
        (&good, ""),
        ("", ""),
    ] {
        let request =
            service.request("GET", "/me").header("Authorization", first).header("authorization", second);
        let answer = request.send().await;
        answer.assert_refused(400, "invalid_request");
        assert_eq!(answer.json()["detail"], "There is more than one Authorization header");
    }
}

#[tokio::test]
async fn a_token_anywhere_but_in_the_header_is_not_looked_at() {
    let issuer = issuer().await;
    let service = Service::of(&issuer).await;
    let token = issuer.token("alice", "api").await.unwrap();
    service.keep_secret(&token);
    for target in [format!("/me?access_token={token}"), format!("/me?token={token}&bearer={token}")] {
        service.request("GET", target).send().await.assert_refused(401, "not_authenticated");
    }
    for name in ["Proxy-Authorization", "X-Authorization", "X-Access-Token", "Authorization_"] {
        let answer = service.request("GET", "/me").header(name, format!("Bearer {token}")).send().await;
        answer.assert_refused(401, "not_authenticated");
    }
    let cookies = format!("access_token={token}; Authorization=Bearer {token}");
    service
        .request("GET", "/me")
        .header("Cookie", cookies)
        .send()
        .await
        .assert_refused(401, "not_authenticated");
    // And one that is good in the header is not spoilt by another in the query.
    let answer = service.get("/me?access_token=garbage", &token).await;
    assert_eq!(answer.status, 200);
}

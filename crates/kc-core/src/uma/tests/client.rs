use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const TOKEN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

async fn allows(answer: Answer, wanted: &[Wanted]) -> Result<bool, UmaError> {
    uma_client(&realm(answer, resources())).allows(TOKEN, wanted, &PushedClaims::new()).await
}

async fn any_of_it(answer: Answer) -> Result<bool, UmaError> {
    let wanted = [Wanted::of_scope("view")];
    uma_client(&realm(answer, resources())).any(TOKEN, &wanted, &PushedClaims::new()).await
}

fn view() -> Wanted {
    Wanted::of(STORE, ["view"])
}

#[tokio::test]
async fn the_grant_is_asked_for_with_the_callers_token_and_no_other_credentials() {
    let realm = realm(denied(), resources());
    let wanted = [Wanted::of(STORE, ["view", "add"]), Wanted::of("bin", [""; 0])];
    let claims = PushedClaims::new().with("room", ["lab", "hall"]);
    uma_client(&realm).allows(TOKEN, &wanted, &claims).await.unwrap();
    let request = realm.decisions.last();
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        form(&request),
        [
            field("grant_type", "urn:ietf:params:oauth:grant-type:uma-ticket"),
            field("audience", "inventory"),
            field("response_mode", "permissions"),
            field("permission", "afaa8b6b-1d92#view,add"),
            field("permission", "bin"),
            field("claim_token", "eyJyb29tIjpbImxhYiIsImhhbGwiXX0"),
            field("claim_token_format", "urn:ietf:params:oauth:token-type:jwt"),
        ]
    );
    let authorization = &request.headers()["authorization"];
    assert!(authorization.is_sensitive());
    assert_eq!(authorization.to_str().unwrap(), format!("Bearer {TOKEN}"));
    assert_eq!(realm.tokens.requests() + realm.protection.requests(), 0);
}

#[tokio::test]
async fn all_that_was_asked_for_has_to_be_among_what_is_granted() {
    let both = [Wanted::of(STORE, ["view", "add"])];
    let two = [view(), Wanted::of("bin", ["empty"])];
    let anything = [Wanted::of(STORE, [""; 0])];
    for (permissions, wanted, expected) in [
        (vec![granted(STORE, &["view", "add"])], &both[..], true),
        (vec![granted(STORE, &["view"]), granted(STORE, &["add"])], &both, true),
        // Keycloak's own yes.
        (vec![granted(STORE, &["view"])], &both, false),
        (vec![granted(STORE, &["view"]), granted("bin", &["add"])], &both, false),
        (vec![granted(STORE, &[])], &both, false),
        (vec![], &both, false),
        (vec![granted(STORE, &["view"]), granted("bin", &["empty"])], &two, true),
        (vec![granted(STORE, &["view"])], &two, false),
        (vec![granted("bin", &["view", "empty"])], &two, false),
        (vec![granted(STORE, &[])], &anything, true),
        (vec![granted(STORE, &["view"])], &anything, true),
        (vec![granted("bin", &["view"])], &anything, false),
    ] {
        let text = format!("{permissions:?} {wanted:?}");
        assert_eq!(allows(grants(&permissions), wanted).await, Ok(expected), "{text}");
    }
}

/// What a user calls theirs is up to them.
#[tokio::test]
async fn a_permission_of_another_resource_of_the_same_name_is_another_permission() {
    assert_eq!(allows(grants(&[granted(OTHER, &["view"])]), &[view()]).await, Ok(false));
    let nameless = json!({ "rsname": STORE, "scopes": ["view"] });
    assert_eq!(allows(grants(&[nameless]), &[view()]).await, Ok(false));
}

#[tokio::test]
async fn only_for_a_single_scope_of_whatever_resource_keycloaks_yes_is_taken() {
    for (wanted, mode) in [
        (vec![Wanted::of_scope("view")], "decision"),
        (vec![Wanted::of_scope("view"), Wanted::of_scope("add")], "permissions"),
        (vec![view()], "permissions"),
        (vec![Wanted::of(STORE, [""; 0])], "permissions"),
    ] {
        let realm = realm(denied(), resources());
        assert_eq!(uma_client(&realm).allows(TOKEN, &wanted, &PushedClaims::new()).await, Ok(false));
        assert_eq!(form(&realm.decisions.last())[2].1, mode, "{wanted:?}");
    }
    let yes = Answer::reply(200, r#"{"result":true}"#);
    assert_eq!(allows(yes.clone(), &[Wanted::of_scope("view")]).await, Ok(true));
    assert_eq!(any_of_it(Answer::reply(200, r#"{"result":false}"#)).await, Ok(false));
    // The answer to another question than was asked.
    assert!(matches!(allows(yes, &[view()]).await, Err(UmaError::Nonsense { .. })));
    assert!(matches!(any_of_it(grants(&[granted(STORE, &["view"])])).await, Err(UmaError::Nonsense { .. })));
}

#[tokio::test]
async fn of_nothing_nothing_is_granted_and_what_would_be_read_otherwise_is_not_asked() {
    let realm = realm(grants(&[granted(STORE, &["view"])]), resources());
    let client = uma_client(&realm);
    let none = PushedClaims::new();
    assert_eq!(client.allows(TOKEN, &[], &none).await, Ok(false));
    assert_eq!(client.any(TOKEN, &[], &none).await, Ok(false));
    for wanted in [
        Wanted::of("", ["view"]),
        Wanted::of("a#b", ["view"]),
        Wanted::of("store", [""]),
        Wanted::of("store", ["view,add"]),
        Wanted::of("store", ["view#add"]),
        Wanted::of_scope(""),
        Wanted::of_scope("view,add"),
    ] {
        let outcome = client.allows(TOKEN, std::slice::from_ref(&wanted), &none).await;
        assert!(matches!(outcome, Err(UmaError::Unaskable { .. })), "{wanted:?}: {outcome:?}");
    }
    for token in ["a\r\nx: y", "a\nb"] {
        let outcome = client.allows(token, &[view()], &none).await;
        assert!(matches!(outcome, Err(UmaError::Unaskable { .. })), "{outcome:?}");
    }
    assert_eq!(realm.decisions.requests(), 0);
}

#[tokio::test]
async fn a_denial_is_what_keycloak_calls_one_to_the_letter() {
    assert_eq!(allows(denied(), &[view()]).await, Ok(false));
    for (status, body) in [
        (403, ""),
        (403, "<html>"),
        (403, r#"{"error":"access_denied"}"#),
        (403, r#"{"error":"access_denied","error_description":"rate limit"}"#),
        (403, r#"{"error":"access_denied","error_description":"request_submitted"}"#),
        (403, r#"{"error":"access_denied","error":"access_denied","error_description":"not_authorized"}"#),
        (403, r#"{"error":"invalid_ticket","error_description":"not_authorized"}"#),
        (401, r#"{"error":"access_denied","error_description":"not_authorized"}"#),
        (400, r#"{"error":"access_denied","error_description":"not_authorized"}"#),
        (400, r#"{"error":"invalid_request","error_description":"Unknown resource server id: [nope]"}"#),
        (401, r#"{"error":"invalid_client"}"#),
        (404, r#"{"error":"Realm does not exist"}"#),
        (429, ""),
        (500, r#"{"result":true}"#),
        (503, r#"[{"rsid":"afaa8b6b-1d92","scopes":["view"]}]"#),
    ] {
        let outcome = allows(Answer::reply(status, body), &[view()]).await;
        assert!(matches!(outcome, Err(UmaError::Status { .. })), "{status} {body}: {outcome:?}");
    }
}

#[tokio::test]
async fn only_status_200_grants_and_a_redirect_does_not() {
    for status in [201, 202, 204, 206, 301, 302, 307, 308] {
        let body = format!(r#"[{{"rsid":"{STORE}","scopes":["view"]}}]"#);
        let error = allows(Answer::reply(status, body), &[view()]).await.unwrap_err();
        let expected = StatusCode::from_u16(status).unwrap();
        assert_eq!(error, UmaError::Status { status: expected, code: None });
    }
}

#[tokio::test]
async fn what_there_is_not_and_a_token_that_is_refused_are_neither_yes_nor_no() {
    for code in ["invalid_resource", "invalid_scope"] {
        let body = json!({ "error": code, "error_description": "Resource with id [x] does not exist." });
        let error = allows(Answer::reply(400, body.to_string()), &[view()]).await.unwrap_err();
        assert!(matches!(&error, UmaError::Unknown { code: said } if said.as_str() == code), "{error:?}");
        assert!(error.diagnosis("inventory").contains("correct the rule"));
    }
    let body = r#"{"error":"invalid_grant","error_description":"Invalid bearer token"}"#;
    assert_eq!(allows(Answer::reply(400, body), &[view()]).await, Err(UmaError::TokenRefused));
    let failure = TransportError::Timeout { after: Duration::from_secs(5) };
    let outcome = allows(Answer::Fail(failure.clone()), &[view()]).await;
    assert_eq!(outcome, Err(UmaError::Unreachable(failure)));
}

#[tokio::test]
async fn nonsense_grants_nothing() {
    for body in [
        "",
        "null",
        "true",
        "{}",
        "\"view\"",
        "[",
        "[]]",
        "[true]",
        "[[]]",
        "[null]",
        r#"{"result":true}"#,
        r#"{"rsid":"afaa8b6b-1d92","scopes":["view"]}"#,
        r#"[{"rsid":"afaa8b6b-1d92","scopes":"view"}]"#,
        r#"[{"rsid":"afaa8b6b-1d92","scopes":{"view":true}}]"#,
        r#"[{"rsid":"afaa8b6b-1d92","scopes":["view",1]}]"#,
        r#"[{"rsid":["afaa8b6b-1d92"],"scopes":["view"]}]"#,
        r#"[{"rsid":"bin","rsid":"afaa8b6b-1d92","scopes":["view"]}]"#,
        r#"[{"rsid":"afaa8b6b-1d92","rsname":5,"scopes":["view"]}]"#,
        r#"[{"rsid":"afaa8b6b-1d92","scopes":["view"]},5]"#,
        "<!DOCTYPE html><html>Log in</html>",
    ] {
        let outcome = allows(Answer::reply(200, body), &[view()]).await;
        assert!(matches!(outcome, Err(UmaError::Nonsense { .. })), "{body}: {outcome:?}");
    }
    assert_eq!(allows(Answer::reply(200, "[]"), &[view()]).await, Ok(false));
    for body in [
        "",
        "true",
        "[]",
        "{}",
        r#"{"result":"true"}"#,
        r#"{"result":1}"#,
        r#"{"result":null}"#,
        r#"{"Result":true}"#,
        r#"{"result":false,"result":true}"#,
        r#"{"result":true,"x":{"a":1,"a":2}}"#,
    ] {
        let outcome = any_of_it(Answer::reply(200, body)).await;
        assert!(matches!(outcome, Err(UmaError::Nonsense { .. })), "{body}: {outcome:?}");
    }
}

/// What somebody in between could answer.
fn answers() -> impl Strategy<Value = String> {
    let id = prop_oneof![Just(STORE), Just(OTHER), Just("store"), Just("")];
    let scope = prop_oneof![Just("view"), Just("add"), Just("VIEW"), Just("view,add"), Just("")];
    let one = (id, prop::collection::vec(scope, 0..3)).prop_map(|(id, scopes)| granted(id, &scopes));
    let list = prop::collection::vec(one, 0..4).prop_map(|all| serde_json::Value::from(all).to_string());
    let cut =
        (list.clone(), any::<prop::sample::Index>(), any::<char>()).prop_map(|(mut text, at, letter)| {
            let at = at.index(text.len() + 1);
            text.insert(at, letter);
            text
        });
    prop_oneof![list, cut, ".*", Just(r#"{"result":true}"#.to_owned())]
}

proptest! {
    #[test]
    fn no_answer_grants_but_a_list_with_all_that_was_asked_for(status in 200_u16..600, good in any::<bool>(), body in answers()) {
        let status = if good { 200 } else { status };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let wanted = [Wanted::of(STORE, ["view", "add"])];
        let allowed = runtime.block_on(allows(Answer::reply(status, body.clone()), &wanted));
        let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap_or_default();
        let of_it = |scope: &str| list.iter().any(|one| {
            one["rsid"] == STORE && one["scopes"].as_array().is_some_and(|scopes| scopes.contains(&json!(scope)))
        });
        let right = status == 200 && of_it("view") && of_it("add");
        prop_assert!(allowed != Ok(true) || right, "{} {}: {:?}", status, body, allowed);
    }
}

#[tokio::test]
async fn scopes_and_ids_are_compared_to_the_letter() {
    for (id, scope) in [
        (STORE, "VIEW"),
        (STORE, "view "),
        (STORE, "view,add"),
        (STORE, "vie"),
        ("AFAA8B6B-1D92", "view"),
        ("afaa8b6b-1d92#", "view"),
        ("", "view"),
    ] {
        assert_eq!(allows(grants(&[granted(id, &[scope])]), &[view()]).await, Ok(false), "{id} {scope}");
    }
}

#[tokio::test]
async fn neither_errors_nor_debug_show_the_token_or_a_claim() {
    let realm = realm(denied(), resources());
    let mut texts =
        vec![format!("{:?} {:?}", uma_client(&realm), PushedClaims::new().with("room", ["the-secret-room"]))];
    for status in [200, 302, 400, 401, 403, 500] {
        for body in [
            json!({ "error": TOKEN, "error_description": TOKEN }).to_string(),
            json!({ "error": "invalid_grant", "error_description": TOKEN }).to_string(),
            json!([{ "rsid": [TOKEN] }]).to_string(),
            TOKEN.to_owned(),
        ] {
            let claims = PushedClaims::new().with("room", ["the-secret-room"]);
            realm.decisions.answer_from_now(Answer::reply(status, body));
            if let Err(error) = uma_client(&realm).allows(TOKEN, &[view()], &claims).await {
                texts.push(format!("{error} {error:?} {}", error.diagnosis("inventory")));
            }
        }
    }
    for text in texts {
        assert!(!text.contains(TOKEN) && !text.contains("the-secret-room"), "{text}");
    }
}

//! Answers that are signed.

use super::*;

#[tokio::test]
async fn signed_userinfo_is_verified_and_used() {
    let realm = Realm::new();
    for changes in [json!({}), json!({ "aud": ["x", "app"] }), json!({ "exp": NOW + 9, "iat": NOW })] {
        let transport =
            reply(200, &[(CONTENT_TYPE, "application/jwt;charset=UTF-8")], realm.signed(&changes));
        let verified =
            realm.validator_of_signed(&transport).validate(&realm.token(&json!({}))).await.unwrap();
        let members: Value = verified.claims_as().unwrap();
        assert_eq!((&members["department"], &members["aud"]), (&json!("signed"), &json!(["api"])));
    }
}

#[tokio::test]
async fn signed_userinfo_that_is_not_what_it_should_be_is_not_trusted() {
    let realm = Realm::new();
    let other_realm = Realm::new();
    let base64 = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
    let payload = base64(&json!({ "iss": ISSUER, "aud": "web", "sub": "42" }).to_string());
    let signature = realm.signed(&json!({})).rsplit('.').next().unwrap().to_owned();
    for (body, code) in [
        (other_realm.signed(&json!({})), "invalid_signature"),
        (format!("{}.{payload}.", base64(r#"{"alg":"none"}"#)), "unsupported_algorithm"),
        (
            format!("{}.{payload}.{signature}", base64(r#"{"alg":"HS256","kid":"k1"}"#)),
            "unsupported_algorithm",
        ),
        (format!("{}.{payload}.{signature}", base64(r#"{"alg":"EdDSA","kid":"k1"}"#)), "invalid_signature"),
        (format!("{}.{payload}.{signature}", base64(r#"{"alg":"EdDSA","kid":"k2"}"#)), "unknown_key"),
        (realm.signed(&json!({ "iss": "https://kc.test/realms/b" })), "invalid_issuer"),
        (realm.signed(&json!({ "iss": null })), "missing_claim"),
        (realm.signed(&json!({ "aud": "api" })), "invalid_audience"),
        (realm.signed(&json!({ "aud": null })), "missing_claim"),
        (realm.signed(&json!({ "exp": NOW - 60 })), "token_expired"),
        (realm.signed(&json!({ "iat": NOW + 60 })), "token_not_yet_valid"),
        (realm.signed(&json!({ "typ": "ID" })), "wrong_token_type"),
        (realm.signed(&json!({ "typ": "Bearer" })), "wrong_token_type"),
        (realm.signed(&json!({ "nonce": "n" })), "wrong_token_type"),
        (realm.signed(&json!({ "cnf": {} })), "wrong_token_type"),
        ("a.b.c.d.e".to_owned(), "malformed_token"),
        (alice().to_string(), "malformed_token"),
        (String::new(), "malformed_token"),
    ] {
        let transport = reply(200, &[JWT], body);
        let error =
            userinfo_error(realm.validator_of_signed(&transport).validate(&realm.token(&json!({}))).await);
        let UserinfoError::Untrusted(error) = error else { panic!("{code}: {error:?}") };
        assert_eq!(error.code(), code);
    }
}

#[tokio::test]
async fn signed_userinfo_about_somebody_else_refuses_the_token() {
    let realm = Realm::new();
    let transport = reply(200, &[JWT], realm.signed(&json!({ "sub": "43" })));
    let outcome = realm.validator_of_signed(&transport).validate(&realm.token(&json!({}))).await;
    assert_eq!(outcome.unwrap_err(), ValidationError::Token(TokenError::Inactive));
    let transport = reply(200, &[JWT], realm.signed(&json!({ "sub": null })));
    let outcome = realm.validator_of_signed(&transport).validate(&realm.token(&json!({}))).await;
    assert!(matches!(userinfo_error(outcome), UserinfoError::Nonsense { .. }));
}

#[tokio::test]
async fn a_plain_answer_is_refused_where_a_signed_one_is_expected_and_the_other_way_round() {
    let realm = Realm::new();
    let token = realm.token(&json!({}));
    let outcome = realm.validator_of_signed(&plain(&alice())).validate(&token).await;
    assert_eq!(userinfo_error(outcome), UserinfoError::Unsigned);
    let transport = reply(200, &[JWT], realm.signed(&json!({})));
    assert_eq!(userinfo_error(realm.validator(&transport).validate(&token).await), UserinfoError::Signed);
    let transport = reply(200, &[JSON], realm.signed(&json!({})));
    assert_eq!(
        userinfo_error(realm.validator_of_signed(&transport).validate(&token).await),
        UserinfoError::Unsigned
    );
}

#[tokio::test]
async fn an_algorithm_that_was_narrowed_away_is_not_trusted() {
    let realm = Realm::new();
    let transport = reply(200, &[JWT], realm.signed(&json!({})));
    let signature = realm.signature().algorithms([Algorithm::Rs256]);
    let validator = UserinfoValidator::after(realm.jwt_validator(), endpoint(&transport).signed(signature));
    let error = userinfo_error(validator.validate(&realm.token(&json!({}))).await);
    assert_eq!(error, UserinfoError::Untrusted(TokenError::UnsupportedAlgorithm));
}

#[tokio::test]
async fn no_other_token_of_the_realm_passes_for_userinfo() {
    let realm = Realm::new();
    let claims = json!({ "iss": ISSUER, "aud": "web", "sub": "42", "exp": NOW + 300 });
    for (typ, trusted) in [("JWT", true), ("at+jwt", false), ("logout+jwt", false), ("dpop+jwt", false)] {
        let body = realm.sign_under(&json!({ "alg": "EdDSA", "kid": "k1", "typ": typ }), &claims);
        let transport = reply(200, &[JWT], body);
        let outcome = realm.validator_of_signed(&transport).validate(&realm.token(&json!({}))).await;
        assert_eq!(outcome.is_ok(), trusted, "{typ}: {outcome:?}");
    }
}

#![cfg(test)]
//! `kc explain`, as whoever types it sees it.

mod kc;

use std::collections::BTreeMap;
use std::process::Output;
use std::sync::Arc;

use kc_core::keys::PinnedKeys;
use kc_core::validator::{JwtValidator, TokenValidator as _, ValidationError};
use kc_core::wire::Problem;
use kc_dev::{Alg, DevIssuer, Mint, TokenKind};
use serde_json::{Value, json};

/// An issuer, its keys in a file, and a service of its client `api`.
struct Setup {
    issuer: DevIssuer,
    folder: tempfile::TempDir,
}

impl Setup {
    async fn new() -> Self {
        let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let keys = issuer.jwks().await.unwrap().to_string();
        std::fs::write(folder.path().join("keys.json"), keys).unwrap();
        Self { issuer, folder }
    }

    fn mint(&self) -> Mint {
        self.issuer.mint().user("alice")
    }

    fn run(&self, variables: &[(&str, &str)], options: &[&str], token: &str) -> Output {
        let service = [
            ("KEYCLOAK_URL", self.issuer.base_url()),
            ("KEYCLOAK_REALM", self.issuer.realm()),
            ("KEYCLOAK_CLIENT_ID", "api"),
        ];
        let variables = [&service, variables].concat();
        kc::run(self.folder.path(), &variables, &[&["explain"], options].concat(), token.as_bytes())
    }

    fn explained(&self, variables: &[(&str, &str)], options: &[&str], token: &str) -> Explained {
        let output = self.run(variables, &[options, &["--json", "-"]].concat(), token);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"));
        Explained { json, exit: output.status.code().unwrap() }
    }

    /// What a service's validator says of a token.
    async fn verdict(&self, token: &str) -> &'static str {
        let keys = self.issuer.jwks().await.unwrap().to_string();
        let keys = Arc::new(PinnedKeys::from_jwks(keys.as_bytes()).unwrap());
        match JwtValidator::builder(self.issuer.issuer(), ["api"], keys).build().validate(token).await {
            Ok(_) => "accepted",
            Err(ValidationError::Token(error)) => error.code(),
            Err(other) => panic!("{other}"),
        }
    }
}

struct Explained {
    json: Value,
    exit: i32,
}

impl Explained {
    fn code(&self) -> &str {
        match self.json["accepted"].as_bool().unwrap() {
            true => "accepted",
            false => self.json["refusal"]["code"].as_str().unwrap(),
        }
    }

    /// The steps with this status, as `name` or `name:code`.
    fn steps(&self, status: &str) -> Vec<String> {
        let steps = self.json["steps"].as_array().unwrap().iter().filter(|step| step["status"] == status);
        let named = steps.map(|step| match step["code"].as_str() {
            Some(code) => format!("{}:{code}", step["name"].as_str().unwrap()),
            None => step["name"].as_str().unwrap().to_owned(),
        });
        named.collect()
    }

    fn step(&self, name: &str) -> &str {
        let step = self.json["steps"].as_array().unwrap().iter().find(|step| step["name"] == name);
        step.unwrap_or_else(|| panic!("{name} in {:#}", self.json))["detail"].as_str().unwrap()
    }
}

/// A token, the verdict on it, and each step that says a reason.
struct Case(&'static str, String, &'static str, &'static [&'static str]);

#[expect(clippy::too_many_lines, reason = "a table")]
async fn cases(setup: &Setup) -> Vec<Case> {
    let now = setup.issuer.now();
    let token = async |mint: Mint| mint.sign().await.unwrap();
    let good = token(setup.mint()).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    // The last letter has bits that are none of the signature's; the first has not.
    let mut letters = signature.chars();
    let other = if letters.next() == Some('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{other}{}", letters.as_str());
    let other_payload = token(setup.mint().claim("aud", "other")).await;
    let other_payload = other_payload.split('.').nth(1).unwrap().to_owned();
    let deep = format!(r#"{{"typ":"Bearer","a":{}1{}}}"#, "[".repeat(20), "]".repeat(20));
    vec![
        Case("good", good.clone(), "accepted", &[]),
        Case(
            "cut off",
            good.chars().take(good.len() / 2).collect(),
            "malformed_token",
            &["shape:malformed_token"],
        ),
        Case("opaque", "opaque".to_owned(), "malformed_token", &["shape:malformed_token"]),
        Case("encrypted", "a.b.c.d.e".to_owned(), "malformed_token", &["shape:malformed_token"]),
        Case(
            "padded",
            format!("{header}.{payload}.{signature}=="),
            "malformed_token",
            &["shape:malformed_token"],
        ),
        Case(
            "two issuers",
            token(setup.mint().raw_payload(r#"{"iss":"a","iss":"b","typ":"Bearer"}"#)).await,
            "malformed_token",
            &[
                "shape:malformed_token",
                "issuer:invalid_issuer",
                "audience:missing_claim",
                "exp:missing_claim",
            ],
        ),
        Case(
            "too deep",
            token(setup.mint().raw_payload(deep)).await,
            "malformed_token",
            &["shape:malformed_token", "issuer:missing_claim", "audience:missing_claim", "exp:missing_claim"],
        ),
        Case(
            "critical",
            token(setup.mint().header("crit", json!(["exp"]))).await,
            "malformed_token",
            &["header:malformed_token"],
        ),
        Case(
            "too large",
            format!("{good}{}", "A".repeat(50_000)),
            "token_too_large",
            &["shape:token_too_large", "signature:invalid_signature"],
        ),
        Case(
            "unsigned",
            token(setup.mint().unsigned()).await,
            "unsupported_algorithm",
            &["algorithm:unsupported_algorithm"],
        ),
        Case(
            "refresh",
            token(setup.mint().kind(TokenKind::Refresh)).await,
            "unsupported_algorithm",
            &["algorithm:unsupported_algorithm", "kind:wrong_token_type", "audience:invalid_audience"],
        ),
        Case(
            "unknown key",
            token(setup.mint().unknown_key(Alg::Es256).claim("aud", "other")).await,
            "unknown_key",
            &["key:unknown_key", "audience:invalid_audience"],
        ),
        Case("forged", forged, "invalid_signature", &["signature:invalid_signature"]),
        Case(
            "another payload",
            format!("{header}.{other_payload}.{signature}"),
            "invalid_signature",
            &["signature:invalid_signature", "audience:invalid_audience"],
        ),
        Case(
            "ID token",
            token(setup.mint().kind(TokenKind::Id)).await,
            "wrong_token_type",
            &["kind:wrong_token_type"],
        ),
        Case(
            "untyped",
            token(setup.mint().without("typ")).await,
            "wrong_token_type",
            &["kind:wrong_token_type"],
        ),
        Case(
            "logout token",
            token(setup.mint().header("typ", "logout+jwt")).await,
            "wrong_token_type",
            &["kind:wrong_token_type"],
        ),
        Case(
            "bound",
            token(setup.mint().claim("cnf", json!({ "jkt": "x" })).claim("typ", "DPoP")).await,
            "bound_token",
            &["bound:bound_token"],
        ),
        Case(
            "everything",
            token(setup.mint().claim("cnf", json!({})).claim("iss", "x").claim("aud", "y").expires_in(-60))
                .await,
            "bound_token",
            &["bound:bound_token", "issuer:invalid_issuer", "audience:invalid_audience", "exp:token_expired"],
        ),
        Case(
            "other issuer",
            token(setup.mint().claim("iss", "https://other")).await,
            "invalid_issuer",
            &["issuer:invalid_issuer"],
        ),
        Case(
            "no issuer",
            token(setup.mint().without("iss")).await,
            "missing_claim",
            &["issuer:missing_claim"],
        ),
        Case(
            "other audience",
            token(setup.mint().claim("aud", "account")).await,
            "invalid_audience",
            &["audience:invalid_audience"],
        ),
        Case(
            "no audience",
            token(setup.mint().without("aud")).await,
            "missing_claim",
            &["audience:missing_claim"],
        ),
        Case("expired", token(setup.mint().expires_in(-60)).await, "token_expired", &["exp:token_expired"]),
        Case("endless", token(setup.mint().without("exp")).await, "missing_claim", &["exp:missing_claim"]),
        Case(
            "of the future",
            token(setup.mint().claim("iat", now + 100)).await,
            "token_not_yet_valid",
            &["iat:token_not_yet_valid"],
        ),
        Case(
            "later",
            token(setup.mint().claim("nbf", now + 100)).await,
            "token_not_yet_valid",
            &["nbf:token_not_yet_valid"],
        ),
        Case(
            "misshapen",
            token(setup.mint().claim("groups", 5).claim("email", json!([])).expires_in(-60)).await,
            "malformed_claim",
            &["claims:malformed_claim", "exp:token_expired"],
        ),
        Case(
            "a date in words",
            token(setup.mint().claim("exp", "tomorrow")).await,
            "malformed_claim",
            &["claims:malformed_claim"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_agree_with_the_verdict_of_the_validator() {
    let setup = Setup::new().await;
    let offline = ["--jwks", "keys.json", "--issuer", setup.issuer.issuer(), "--audience", "api"];
    let mut wrong = String::new();
    for Case(name, token, code, steps) in cases(&setup).await {
        let verdict = setup.verdict(&token).await;
        let online = setup.explained(&[], &[], &token);
        let offline = setup.explained(&[("KEYCLOAK_URL", "not read")], &offline, &token);
        for explained in [online, offline] {
            let (said, bad) = (explained.code(), explained.steps("bad"));
            let exit = i32::from(code != "accepted");
            if verdict != code || said != code || bad != *steps || explained.exit != exit {
                wrong.push_str(&format!("{name}: {verdict}, {said}, {bad:?}, exit {}\n", explained.exit));
            }
            if code != "accepted" {
                let refusal = &explained.json["refusal"];
                assert!(!refusal["remedy"].as_str().unwrap().is_empty(), "{name}: {refusal}");
                assert_eq!(refusal["status"], 401, "{name}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_the_service_can_refuse_is_explained_too() {
    let setup = Setup::new().await;
    let token = setup.mint().sign().await.unwrap();
    let secret = setup.issuer.client_secret("api").unwrap().to_owned();
    let introspect = [("KEYCLOAK_OPAQUE_TOKENS", "introspect"), ("KEYCLOAK_CLIENT_SECRET", secret.as_str())];

    let broken = setup.explained(&[], &[], "quo\"te");
    assert_eq!((broken.code(), broken.exit), ("invalid_request", 1));
    assert_eq!(broken.steps("bad"), ["shape:invalid_request"]);

    let inactive = setup.explained(&introspect, &[], "opaque");
    assert_eq!((inactive.code(), inactive.exit), ("token_inactive", 1));
    assert_eq!(inactive.steps("bad"), ["introspection:token_inactive"]);

    let lightweight = setup.mint().without("aud").sign().await.unwrap();
    let active = setup.explained(&introspect, &[], &lightweight);
    assert_eq!((active.code(), active.exit), ("accepted", 0), "{:#}", active.json);
    assert!(active.steps("bad").is_empty());
    let unasked = setup.explained(&introspect, &["--jwks", "keys.json"], &lightweight);
    assert_eq!((unasked.code(), unasked.exit), ("introspection_unavailable", 2));
    assert!(unasked.step("introspection").contains("nobody is asked"), "{:#}", unasked.json);

    let long = setup.mint().claim("sub", "x".repeat(300)).sign().await.unwrap();
    let nobody = setup.explained(&[], &[], &long);
    assert_eq!(
        (nobody.code(), nobody.steps("bad")),
        ("user_unknown", vec!["subject:user_unknown".to_owned()])
    );

    let known = setup.explained(&[("KEYCLOAK_CREATE_USERS", "false")], &[], &token);
    assert_eq!(known.code(), "accepted");
    assert!(known.step("subject").contains("is not looked at"), "{:#}", known.json);

    setup.issuer.set_not_before(setup.issuer.now() + 100);
    let revoked = setup.explained(&[], &[], &token);
    assert_eq!(
        (revoked.code(), revoked.steps("bad")),
        ("token_revoked", vec!["revoked:token_revoked".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_realm_that_cannot_be_asked_is_no_verdict_and_the_tokens_issuer_is_never_asked() {
    let setup = Setup::new().await;
    let token = setup.mint().sign().await.unwrap();
    setup.issuer.reset_requests();
    let elsewhere = [("KEYCLOAK_URL", "http://127.0.0.1:9")];
    let explained = setup.explained(&elsewhere, &[], &token);
    assert_eq!((explained.code(), explained.exit), ("keys_unavailable", 2));
    assert!(explained.step("key").contains("no connection"), "{:#}", explained.json);
    assert_eq!(explained.steps("bad"), ["issuer:invalid_issuer"], "what can be judged without keys is");
    let offline = setup.explained(&[], &["--jwks", "keys.json"], &token);
    assert_eq!((offline.code(), offline.exit), ("accepted", 0));
    assert_eq!(setup.issuer.requests(kc_dev::Endpoint::Certs), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_answered_as_the_service_would() {
    let setup = Setup::new().await;
    let token = setup.mint().realm_roles(["clerk"]).client_roles("api", ["reader"]).sign().await.unwrap();
    let passes = setup.explained(&[], &["--role", "clerk", "--role=reader", "--scope", "openid"], &token);
    assert_eq!(passes.exit, 0, "{:#}", passes.json);
    assert_eq!(passes.step("realm roles"), "clerk");
    assert_eq!(passes.step("client roles"), "of api: reader");
    let refused = setup.explained(&[], &["--role", "judge"], &token);
    let rule = &refused.json["rules"][0];
    assert_eq!((refused.exit, refused.code()), (1, "accepted"));
    assert_eq!((&rule["passes"], &rule["refusal"]["status"]), (&json!(false), &json!(403)), "{rule}");
    let refused = setup.explained(&[], &["--resource", "order", "--permission", "read"], &token);
    assert_eq!((refused.exit, &refused.json["rules"][0]["passes"]), (1, &json!(false)));
    let expired = setup.mint().expires_in(-60).sign().await.unwrap();
    assert_eq!(setup.explained(&[], &["--role", "judge"], &expired).json["rules"][0]["passes"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_get_marks_the_answer_and_what_to_do() {
    let setup = Setup::new().await;
    let token = setup.mint().claim("aud", "account").expires_in(-125).sign().await.unwrap();
    let output = setup.run(&[], &["-"], &format!("Bearer {token}\n"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "✓ signature     made with that key",
        "✗ audience      its audience is [\"account\"], expected [\"api\"]",
        "✗ exp           it ended 2 min ",
        "401 invalid_audience: Invalid token audience",
        "WWW-Authenticate: Bearer realm=",
        "What to do (docs/errors.md, `invalid_audience`)",
        "*Configure a new mapper*",
    ] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(!said.contains('\u{1b}'), "no colours where there is no terminal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_the_token_nor_who_somebody_is_is_printed() {
    let setup = Setup::new().await;
    let personal = ["alice@mail.test", "Alicia", "+49-30-1", "alice-name"];
    let mint = |aud: &str| {
        let mint = setup.mint().claim("email", "alice@mail.test").claim("given_name", "Alicia");
        mint.claim("phone", "+49-30-1").claim("preferred_username", "alice-name").claim("aud", aud)
    };
    for aud in ["api", "other"] {
        let token = mint(aud).sign().await.unwrap();
        let subject = setup.issuer.user_id("alice").unwrap();
        for options in [&["-"][..], &["--json", "-"]] {
            let output = setup.run(&[], options, &token);
            let said = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            for secret in token.split('.').chain(personal).chain([subject]) {
                assert!(!said.contains(secret), "{secret} in {said}");
            }
            assert!(said.contains("phone") && said.contains("email"), "{said}");
        }
        let output = setup.run(&[], &["--claims", "-"], &token);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(personal.iter().all(|claim| said.contains(claim)), "{said}");
        assert!(token.split('.').all(|part| !said.contains(part)), "{said}");
    }
    // Whatever else was pasted is a secret, too.
    let output = setup.run(&[], &["-"], "hunter2");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_says_why_and_exits_with_2() {
    let setup = Setup::new().await;
    let token = setup.mint().sign().await.unwrap();
    for (variables, options, input, why) in [
        (&[][..], &[][..], "", "the token is missing"),
        (&[], &["-"], "", "there is no token on standard input"),
        (&[], &["-"], "one two", "more than one word"),
        (&[], &["-", "-"], "", "more than one token"),
        (&[], &["--speed", "-"], "", "\"--speed\" is not known"),
        (&[], &["--audience", "x", "-"], "", "--audience goes with --issuer"),
        (&[], &["--issuer", "x", "-"], "", "--issuer needs --jwks"),
        (&[], &["--issuer", "x", "--jwks", "keys.json", "-"], "", "--issuer needs --audience"),
        (&[], &["--resource", "x", "-"], "", "--resource needs --permission"),
        (&[], &["--at", "soon", "-"], "", "--at \"soon\""),
        (&[("KEYCLOAK_URL", "")], &["-"], "x", "KEYCLOAK_URL is empty"),
        (&[("KEYCLOAK_LEEWAY_SECONDS", "long")], &["-"], "x", "KEYCLOAK_LEEWAY_SECONDS"),
    ] {
        let output = setup.run(variables, options, input);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{why} in {said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(output.stdout.is_empty());
    }
    let help = setup.run(&[], &["--help"], "");
    assert_eq!(help.status.code(), Some(0));
    let as_argument = setup.run(&[], &[&token], "");
    assert_eq!(as_argument.status.code(), Some(0));
}

/// Codes that a token cannot bring about by itself, and why. What is here needs no step that names it; `docs/errors.md` has a section
/// all the same.
const NOT_OF_A_TOKEN: [(&str, &str); 14] = [
    ("authorization_unavailable", "Keycloak gave no answer about a permission"),
    ("csrf_failed", "of a session"),
    ("internal_error", "of a handler"),
    ("login_unavailable", "of a login"),
    ("method_not_allowed", "of a path"),
    ("not_authenticated", "there is no token"),
    ("not_found", "of a path"),
    ("permission_required", "of a rule that sends a client for a ticket"),
    ("service_token_unavailable", "of the service's own token"),
    ("session_expired", "of a session"),
    ("session_store_unavailable", "of a session"),
    ("step_up_required", "of a rule about the login, which --routes tells"),
    // Asserted below, and in `what_only_the_service_can_refuse_is_explained_too` and
    // `a_realm_that_cannot_be_asked_is_no_verdict_and_the_tokens_issuer_is_never_asked`.
    ("keys_unavailable", "asserted there"),
    ("introspection_unavailable", "asserted there"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_code_is_explained_with_what_to_do_or_is_none_that_a_token_brings() {
    let setup = Setup::new().await;
    let mut explained: BTreeMap<String, Value> = BTreeMap::new();
    let mut add = |refusal: &Value| {
        explained.insert(refusal["code"].as_str().unwrap().to_owned(), refusal.clone());
    };
    for Case(_, token, code, _) in cases(&setup).await {
        if code != "accepted" {
            add(&setup.explained(&[], &["--jwks", "keys.json"], &token).json["refusal"]);
        }
    }
    let token = setup.mint().sign().await.unwrap();
    let secret = setup.issuer.client_secret("api").unwrap().to_owned();
    let introspect = [("KEYCLOAK_OPAQUE_TOKENS", "introspect"), ("KEYCLOAK_CLIENT_SECRET", secret.as_str())];
    add(&setup.explained(&[], &[], "quo\"te").json["refusal"]);
    add(&setup.explained(&introspect, &[], "opaque").json["refusal"]);
    let long = setup.mint().claim("sub", "x".repeat(300)).sign().await.unwrap();
    add(&setup.explained(&[], &[], &long).json["refusal"]);
    for rule in [&["--role", "judge"], &["--scope", "nothing"]] {
        add(&setup.explained(&[], rule, &token).json["rules"][0]["refusal"]);
    }
    setup.issuer.set_not_before(setup.issuer.now() + 100);
    add(&setup.explained(&[], &[], &token).json["refusal"]);

    for code in Problem::codes() {
        let other = NOT_OF_A_TOKEN.iter().any(|(known, _)| *known == code);
        match explained.get(code) {
            Some(refusal) => {
                assert!(!other, "{code} is explained, and need not be on the list");
                assert!(!refusal["remedy"].as_str().unwrap().is_empty(), "{code}: {refusal}");
                assert_eq!(refusal["documentation"], format!("docs/errors.md#{code}"));
            }
            None => assert!(
                other,
                "{code} is new: add a token to `cases` that brings it, or the reason that none does"
            ),
        }
    }
}

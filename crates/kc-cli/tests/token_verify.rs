#![cfg(test)]
//! `kc token verify`, as whoever types it sees it.

mod kc;

use std::process::Output;

use kc_dev::{Alg, DevIssuer, TokenKind};
use serde_json::{Value, json};

/// An issuer, and its keys in a file.
struct Setup {
    issuer: DevIssuer,
    folder: tempfile::TempDir,
}

impl Setup {
    async fn new() -> Self {
        let setup = Self {
            issuer: DevIssuer::builder().shared_keys().start().await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        setup.write("keys.json", &setup.issuer.jwks().await.unwrap().to_string());
        setup
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn run(&self, options: &[&str], input: &[u8]) -> Output {
        let arguments = [&["token", "verify"], options].concat();
        kc::run(self.folder.path(), &[], &arguments, input)
    }

    /// The verdicts on these lines, and the exit code.
    fn verdicts(&self, options: &[&str], lines: &str) -> (Vec<Value>, i32) {
        let mut all = vec!["--jwks", "keys.json"];
        all.extend(options);
        all.push("-");
        let output = self.run(&all, lines.as_bytes());
        let stdout = String::from_utf8(output.stdout).unwrap();
        (
            stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            output.status.code().unwrap(),
        )
    }

    fn code(&self, options: &[&str], token: &str) -> String {
        let (verdicts, exit) = self.verdicts(options, &format!("{token}\n"));
        let [verdict] = verdicts.as_slice() else { panic!("{verdicts:?}") };
        assert_eq!(exit, i32::from(verdict["valid"] == false), "{verdict}");
        verdict["code"].as_str().unwrap_or("valid").to_owned()
    }
}

#[tokio::test]
async fn a_good_token_is_valid_and_nothing_more_is_said() {
    let setup = Setup::new().await;
    let token = setup.issuer.token("alice", "api").await.unwrap();
    let options = ["--jwks", "keys.json", "--issuer", setup.issuer.issuer(), "--audience=other,api", "-"];
    let output = setup.run(&options, token.as_bytes());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"valid\":true,\"code\":null,\"detail\":null}\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    let as_argument = setup.run(&["--jwks", "keys.json", &token], b"");
    assert_eq!(as_argument.stdout, output.stdout);
    let said = String::from_utf8_lossy(&as_argument.stderr).into_owned();
    assert!(
        said.contains("the issuer is not checked") && said.contains("the audience is not checked"),
        "{said}"
    );
}

#[tokio::test]
async fn each_line_gets_its_verdict_and_one_bad_token_shows_in_the_exit_code() {
    let setup = Setup::new().await;
    let good = setup.issuer.token("alice", "api").await.unwrap();
    let endless = "a".repeat(200_000);
    let lines = format!("{good}\r\n\nnonsense\n{endless}\n{good}");
    let (verdicts, exit) = setup.verdicts(&[], &lines);
    let codes: Vec<_> = verdicts.iter().map(|verdict| verdict["code"].clone()).collect();
    let malformed = json!("malformed_token");
    assert_eq!(codes, [Value::Null, malformed.clone(), malformed, json!("token_too_large"), Value::Null]);
    assert_eq!(exit, 1);
    assert_eq!(setup.verdicts(&[], ""), (Vec::new(), 0));
    let output = setup.run(&["--jwks", "keys.json", "-"], b"\xff\xfe\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("malformed_token"));
}

#[tokio::test]
async fn every_option_is_heeded() {
    let setup = Setup::new().await;
    let mint = || setup.issuer.mint().user("alice");
    let token = mint().expires_in(60).sign().await.unwrap();
    let now = setup.issuer.now();
    let at = |secs: i64| (now + secs).to_string();
    assert_eq!(setup.code(&["--issuer", "http://other"], &token), "invalid_issuer");
    assert_eq!(setup.code(&["--audience", "other"], &token), "invalid_audience");
    assert_eq!(setup.code(&["--at", &at(64)], &token), "valid");
    assert_eq!(setup.code(&["--at", &at(66)], &token), "token_expired");
    assert_eq!(setup.code(&["--at", &at(66), "--leeway", "10"], &token), "valid");
    assert_eq!(setup.code(&["--at", &at(61), "--leeway=0"], &token), "token_expired");
    assert_eq!(setup.code(&["--at", &at(-60)], &token), "token_not_yet_valid");
    assert_eq!(setup.code(&["--alg", "ES256,PS256"], &token), "unsupported_algorithm");
    assert_eq!(setup.code(&["--alg", "ES256, RS256"], &token), "valid");
}

#[tokio::test]
async fn other_kinds_of_token_are_told_apart() {
    let setup = Setup::new().await;
    let mint = || setup.issuer.mint().user("alice");
    let id = mint().kind(TokenKind::Id).sign().await.unwrap();
    assert_eq!(setup.code(&[], &id), "wrong_token_type");
    let untyped = mint().without("typ").sign().await.unwrap();
    assert_eq!(setup.code(&[], &untyped), "valid", "of an issuer that is no Keycloak");
    let marked = mint().without("typ").claim("nonce", "n").sign().await.unwrap();
    assert_eq!(setup.code(&[], &marked), "wrong_token_type");
    assert_eq!(setup.code(&[], &mint().unsigned().sign().await.unwrap()), "unsupported_algorithm");
    assert_eq!(setup.code(&[], &mint().unknown_key(Alg::Rs256).sign().await.unwrap()), "unknown_key");
}

#[tokio::test]
async fn keys_come_as_a_set_a_single_key_or_pem() {
    let setup = Setup::new().await;
    let token = setup.issuer.mint().user("alice").sign().await.unwrap();
    let jwks = setup.issuer.jwks().await.unwrap();
    let kid = setup.issuer.kid(Alg::Rs256).await.unwrap();
    let mut key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap().clone();
    let code = |name: &str, text: String| {
        setup.write(name, &text);
        let output = setup.run(&["--jwks", name, "-"], token.as_bytes());
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        verdict["code"].as_str().unwrap_or("valid").to_owned()
    };
    assert_eq!(code("one.json", key.to_string()), "valid");
    assert_eq!(code("key.pem", setup.issuer.public_key_pem(Alg::Rs256).await.unwrap()), "valid");
    key["kid"] = json!("another");
    assert_eq!(code("set.json", json!({ "keys": [key] }).to_string()), "unknown_key");
    assert_eq!(code("lone.json", key.to_string()), "valid", "a single key is meant, whatever it is called");
    key.as_object_mut().unwrap().remove("kid");
    assert_eq!(code("nameless.json", json!({ "keys": [key] }).to_string()), "valid");
    let symmetric =
        json!({ "kty": "oct", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA" });
    assert_eq!(code("symmetric.json", symmetric.to_string()), "unknown_key");
}

#[tokio::test]
async fn what_cannot_be_run_says_why_and_exits_with_2() {
    let setup = Setup::new().await;
    setup.write("text", "no keys");
    setup.write("list.json", "[]");
    for (options, why) in [
        (&["-"][..], "--jwks is missing"),
        (&["--jwks", "keys.json"], "the token is missing"),
        (&["--jwks", "nowhere.json", "-"], "nowhere.json can't be read: No such file"),
        (&["--jwks", "text", "-"], "text: it is no JSON, and"),
        (&["--jwks", "list.json", "-"], "neither a JWK set nor a JWK"),
        (&["--jwks", "keys.json", "--alg", "HS256", "-"], "--alg \"HS256\" is not one of RS256"),
        (&["--jwks", "keys.json", "--at", "soon", "-"], "--at \"soon\" is no number"),
        (&["--jwks", "keys.json", "--leeway", "301", "-"], "--leeway \"301\""),
        (&["--jwks", "keys.json", "--audience", "a,,b", "-"], "has an empty item"),
        (&["--jwks", "keys.json", "--audience"], "--audience needs a value"),
        (&["--jwks", "keys.json", "--speed", "-"], "the option \"--speed\" is not known"),
        (&["--jwks", "keys.json", "-x", "-"], "the option \"-x\" is not known"),
        (&["--jwks", "keys.json", "a", "b"], "more than one token"),
    ] {
        let output = setup.run(options, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(why), "{options:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]));
    }
}

#[tokio::test]
async fn help_names_every_option() {
    let setup = Setup::new().await;
    let output = setup.run(&["--help"], b"");
    let help = String::from_utf8(output.stdout).unwrap();
    for option in ["--jwks", "--issuer", "--audience", "--at", "--alg", "--leeway", "--help"] {
        assert!(help.contains(option), "{option}");
    }
    assert_eq!(output.status.code(), Some(0));
}

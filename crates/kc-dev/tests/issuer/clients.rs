//! Clients that prove themselves by a signed JWT.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use kc_dev::{DEMO_REALM, DevIssuer};
use serde_json::{Value, json};

use crate::asking::{Answer, http, refused, send, url};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Bench {
    issuer: DevIssuer,
    key: EcdsaKeyPair,
}

fn encoded(value: &Value) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string())
}

impl Bench {
    /// The demo realm with a client `signer` whose key we hold, and `sealer` which signs with its secret.
    async fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let point = key.public_key().as_ref()[1..].to_vec();
        let number = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "x": number(&point[..32]), "y": number(&point[32..]) });
        let mut realm: Value = serde_json::from_str(DEMO_REALM).expect("JSON");
        let clients = realm["clients"].as_array_mut().expect("clients");
        clients.push(json!({
            "clientId": "signer", "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-jwt",
            "attributes": { "use.jwks.string": "true", "jwks.string": json!({ "keys": [jwk] }).to_string() },
        }));
        clients.push(json!({
            "clientId": "sealer", "serviceAccountsEnabled": true, "clientAuthenticatorType": "client-secret-jwt",
            "secret": "sealer-secret",
        }));
        let builder = DevIssuer::builder().shared_keys().realm_json(realm.to_string());
        Self { issuer: builder.start().await.expect("kc-dev starts"), key }
    }

    fn claims(&self, jti: &str) -> Value {
        let exp = self.issuer.now() + 30;
        json!({ "iss": "signer", "sub": "signer", "aud": self.issuer.issuer(), "exp": exp, "jti": jti })
    }

    fn signed(&self, claims: &Value, kid: &str) -> String {
        let message = format!("{}.{}", encoded(&json!({ "alg": "ES256", "kid": kid })), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes()).expect("signed");
        format!("{message}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(signature.as_ref()))
    }

    async fn ask(&self, endpoint: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
        let form: Vec<_> = proof.iter().chain(more).collect();
        send(http().post(url(&self.issuer, endpoint)).form(&form)).await
    }

    async fn token(&self, assertion: &str) -> Answer {
        self.ask("token", assertion, &[("grant_type", "client_credentials")]).await
    }
}

#[tokio::test]
async fn a_good_assertion_is_good_once_and_at_every_endpoint() {
    let bench = Bench::new().await;
    let assertion = bench.signed(&bench.claims("1"), "k1");
    let (status, answer) = bench.token(&assertion).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bench.token(&assertion).await, refused("invalid_client", "Token reuse detected"));
    for (jti, endpoint, more) in [
        ("2", "token/introspect", ("token", "x")),
        ("3", "revoke", ("token", "x")),
        ("4", "token/introspect", ("token", "x")),
    ] {
        let mut claims = bench.claims(jti);
        claims["aud"] = json!([url(&bench.issuer, "token")]);
        assert_eq!(bench.ask(endpoint, &bench.signed(&claims, "k1"), &[more]).await.0, 200, "{endpoint}");
    }
}

#[tokio::test]
async fn each_defect_of_an_assertion_is_told() {
    let bench = Bench::new().await;
    let changed = |name: &str, value: Value| {
        let mut claims = bench.claims(name);
        claims[name] = value;
        bench.signed(&claims, "k1")
    };
    let without = |name: &str| {
        let mut claims = bench.claims(name);
        claims.as_object_mut().expect("claims").remove(name);
        bench.signed(&claims, "k1")
    };
    let (good, _) = bench
        .signed(&bench.claims("tampered"), "k1")
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a JWT");
    let failed = "Client authentication with signed JWT failed: Signature on JWT token failed validation";
    for (assertion, why) in [
        (changed("aud", json!("x")), "Invalid token audience"),
        (changed("aud", json!([bench.issuer.issuer(), "x"])), "Multiple audiences not allowed"),
        (changed("exp", json!(bench.issuer.now() - 60)), "Token is not active"),
        (without("exp"), "Token exp claim is required"),
        (without("jti"), "Token jti claim is required"),
        (bench.signed(&bench.claims("kid"), "k2"), "Unable to load public key"),
        (format!("{good}.{}", "A".repeat(86)), failed),
    ] {
        assert_eq!(bench.token(&assertion).await, refused("invalid_client", why));
    }
    for (name, value) in [("iss", "other"), ("sub", "api")] {
        assert_eq!(bench.token(&changed(name, json!(value))).await.0, 401, "{name}");
    }
    let form = [("grant_type", "client_credentials"), ("client_id", "api")];
    let mismatch = bench.ask("token", &bench.signed(&bench.claims("id"), "k1"), &form).await;
    assert_eq!((mismatch.0, &mismatch.1["error"]), (401, &json!("unauthorized_client")));
    let form = [("grant_type", "client_credentials"), ("client_id", "signer"), ("client_secret", "x")];
    let secret = send(http().post(url(&bench.issuer, "token")).form(&form)).await;
    assert_eq!(secret, refused("invalid_client", "Parameter client_assertion_type is missing"));
}

#[tokio::test]
async fn a_secret_can_seal_an_assertion() {
    let bench = Bench::new().await;
    for (secret, jti, status) in [("sealer-secret", "1", 200), ("wrong", "2", 400)] {
        let mut claims = bench.claims(jti);
        (claims["iss"], claims["sub"]) = (json!("sealer"), json!("sealer"));
        let message = format!("{}.{}", encoded(&json!({ "alg": "HS256" })), encoded(&claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
        let assertion = format!("{message}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(tag.as_ref()));
        assert_eq!(bench.token(&assertion).await.0, status);
    }
}

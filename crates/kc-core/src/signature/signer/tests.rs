use aws_lc_rs::encoding::{
    AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, EcPrivateKeyRfc5915Der, Pkcs8V1Der,
};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, UnparsedPublicKey, VerificationAlgorithm};
use base64_simd::STANDARD;
use serde_json::{Value, json};

use super::*;

fn pem(label: &str, der: &[u8]) -> Secret {
    let base64 = STANDARD.encode_to_string(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    Secret::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")))
}

fn rsa() -> (Vec<u8>, Vec<u8>) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    (der.as_ref().to_vec(), pair.public_key().as_ref().to_vec())
}

fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> (EcdsaKeyPair, Vec<u8>) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    (pair, public)
}

/// Checks a compact JWS with the library's verifier and gives its header back.
fn verified(jwt: &Secret, algorithm: &'static dyn VerificationAlgorithm, public: &[u8]) -> Value {
    let (signed, signature) = jwt.expose().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    UnparsedPublicKey::new(algorithm, public).verify(signed.as_bytes(), &signature).unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(payload).unwrap()).unwrap();
    assert_eq!(payload, json!({ "iss": "api" }));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(header).unwrap()).unwrap()
}

fn sign(pem: &Secret, algorithm: Algorithm) -> Secret {
    SigningKey::from_pem(pem, algorithm, Some("k1")).unwrap().sign_jwt(&json!({ "iss": "api" })).unwrap()
}

#[test]
fn every_rsa_algorithm_makes_a_signature_that_verifies() {
    let (der, public) = rsa();
    let pem = pem("PRIVATE KEY", &der);
    let cases: [(Algorithm, &'static dyn VerificationAlgorithm); 6] = [
        (Algorithm::Rs256, &lc::RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rs384, &lc::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rs512, &lc::RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::Ps256, &lc::RSA_PSS_2048_8192_SHA256),
        (Algorithm::Ps384, &lc::RSA_PSS_2048_8192_SHA384),
        (Algorithm::Ps512, &lc::RSA_PSS_2048_8192_SHA512),
    ];
    for (algorithm, verifier) in cases {
        let header = verified(&sign(&pem, algorithm), verifier, &public);
        assert_eq!(header, json!({ "alg": algorithm.name(), "typ": "JWT", "kid": "k1" }));
    }
}

#[test]
fn every_ecdsa_algorithm_makes_a_signature_of_fixed_length_that_verifies() {
    let cases: [(Algorithm, &'static EcdsaSigningAlgorithm, &'static dyn VerificationAlgorithm); 3] = [
        (Algorithm::Es256, &lc::ECDSA_P256_SHA256_FIXED_SIGNING, &lc::ECDSA_P256_SHA256_FIXED),
        (Algorithm::Es384, &lc::ECDSA_P384_SHA384_FIXED_SIGNING, &lc::ECDSA_P384_SHA384_FIXED),
        (Algorithm::Es512, &lc::ECDSA_P521_SHA512_FIXED_SIGNING, &lc::ECDSA_P521_SHA512_FIXED),
    ];
    for (algorithm, curve, verifier) in cases {
        let (pair, public) = ec(curve);
        let pem = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
        assert_eq!(verified(&sign(&pem, algorithm), verifier, &public)["alg"], algorithm.name());
    }
}

#[test]
fn ed25519_signs_from_both_versions_of_pkcs8() {
    let pair = Ed25519KeyPair::generate().unwrap();
    for der in [pair.to_pkcs8v1().unwrap(), pair.to_pkcs8().unwrap()] {
        let jwt = sign(&pem("PRIVATE KEY", der.as_ref()), Algorithm::EdDsa);
        assert_eq!(verified(&jwt, &lc::ED25519, pair.public_key().as_ref())["alg"], "EdDSA");
    }
}

#[test]
fn a_pkcs1_key_is_read() {
    let (pkcs8, public) = rsa();
    // In PKCS#8 the PKCS#1 key is the last octet string; of an RSA-2048 key it starts at byte 26.
    let jwt = sign(&pem("RSA PRIVATE KEY", &pkcs8[26..]), Algorithm::Rs256);
    verified(&jwt, &lc::RSA_PKCS1_2048_8192_SHA256, &public);
}

#[test]
fn a_sec1_key_is_read_past_its_parameters() {
    let (pair, public) = ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING);
    let der = AsDer::<EcPrivateKeyRfc5915Der<'_>>::as_der(&pair.private_key()).unwrap();
    let text = format!(
        "-----BEGIN EC PARAMETERS-----\r\nBggqhkjOPQMBBw==\r\n-----END EC PARAMETERS-----\r\n{}",
        pem("EC PRIVATE KEY", der.as_ref()).expose().replace('\n', "\r\n")
    );
    verified(&sign(&Secret::new(text), Algorithm::Es256), &lc::ECDSA_P256_SHA256_FIXED, &public);
}

#[test]
fn a_key_without_a_name_signs_without_kid() {
    let (pair, public) = ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING);
    let pem = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let key = SigningKey::from_pem(&pem, Algorithm::Es256, None).unwrap();
    let jwt = key.sign_jwt(&json!({ "iss": "api" })).unwrap();
    assert_eq!(
        verified(&jwt, &lc::ECDSA_P256_SHA256_FIXED, &public),
        json!({ "alg": "ES256", "typ": "JWT" })
    );
}

#[test]
fn a_key_of_another_kind_or_curve_is_rejected_by_name() {
    let (p256, _) = ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING);
    let pem = pem("PRIVATE KEY", p256.to_pkcs8v1().unwrap().as_ref());
    for algorithm in
        [Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs512]
    {
        let error = SigningKey::from_pem(&pem, algorithm, None).unwrap_err();
        assert!(matches!(error, SigningKeyError::Rejected { algorithm: of, .. } if of == algorithm));
        assert!(error.to_string().contains(algorithm.name()), "{error}");
    }
}

#[test]
fn an_rsa_key_below_2048_bits_is_rejected() {
    const RSA_1024: &str = concat!(
        "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOvZk7fwD+m1oODp",
        "Kv1jm4hluH4aHU5mmCMfzVtevvFrbWU8KCvQt+cmuSiZV/y7EIVsVrOFTLFqwc0Y",
        "INpIsh6Ksuz7I8DdGENAgmBHTnbIRM7MifEG7cqQF93WDz9G9k1X50xfBP1+5HBE",
        "e5tzi814V+8bOm74kiQmgmoYUW1pAgMBAAECgYB/ZgtGO5XM78CUXT9MmqakOhY7",
        "f82+0OpzZrVeGsLX0+jG24Tzjg4Y/bDc/mAp875L5Ca9WE8CMyG2sMbmQoh7r2h+",
        "nNoiJu3qUZZxIsI7rdKAfVTIb6zxXJkY2e+rSFPA4iQDGw909DMGfrfIgq8Zh233",
        "gTCFJObAPjJ9sh4SEQJBAP1M5+V1asURUKX7OkQu98AsQpIo9xRNNVJTrujXUayM",
        "XRr/oKOjphB9DpSzXQbv0OHiKxp5+NTmeEWu/84TfS0CQQDuXQ9Zz2fW3xYR9soT",
        "2L94dOQTo1dF+VsVCRwuuWmhKRXdI8xlVE91HWCW3i6vbjtaTiyL8Th7KEDlklNp",
        "nu6tAkAKhEPoifx53CMuEQU1SYHtz6if6uV/SUladrD/Z9kzQcynz087HBNMAfU2",
        "BVBqdlCE4GALxF6pcDw0IHTseHCtAkBsZzws/wtdiDV0VAVRA1kIwjhbygRN2XqX",
        "1X3Qrhgg6Bt+Z+J0DuTYAVVFJ6SZugsaJcVSm5CxSfxBq8ttlI89AkEA7KMQ2eSy",
        "bwXe80+0rT68xy4bCQ/shSZz5Cf3h9+VueNJ3woXll75CjmZVjRMLCDmlPfhX6Zg",
        "8AiGCkXq86HKPg==",
    );
    let pem = pem("PRIVATE KEY", &STANDARD.decode_to_vec(RSA_1024).unwrap());
    let error = SigningKey::from_pem(&pem, Algorithm::Rs256, None).unwrap_err();
    assert!(matches!(error, SigningKeyError::Rejected { .. }), "{error}");
}

#[test]
fn what_is_no_single_private_key_is_refused_with_the_reason() {
    let (pair, _) = ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING);
    let good = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let good = good.expose();
    let cases = [
        (String::new(), SigningKeyError::NoPrivateKey),
        ("hunter2".to_owned(), SigningKeyError::NoPrivateKey),
        (good.replace("PRIVATE KEY", "PUBLIC KEY"), SigningKeyError::OnlyPublic),
        (good.replace("PRIVATE KEY", "CERTIFICATE"), SigningKeyError::OnlyPublic),
        (good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), SigningKeyError::Encrypted),
        (
            good.replace("PRIVATE KEY", "EC PRIVATE KEY").replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1),
            SigningKeyError::Encrypted,
        ),
        (good.replace("-----END", "-----FIN"), SigningKeyError::Malformed),
        (good.replacen('\n', "\n*", 1), SigningKeyError::Malformed),
        ("-----BEGIN PRIVATE KEY".to_owned(), SigningKeyError::Malformed),
        (format!("{good}{good}"), SigningKeyError::SeveralKeys),
    ];
    for (text, expected) in cases {
        let got = SigningKey::from_pem(&Secret::new(text.as_str()), Algorithm::Es256, None);
        assert_eq!(got.unwrap_err(), expected, "{text}");
    }
}

#[test]
fn debug_shows_no_key() {
    let (pair, _) = ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING);
    let pem = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
    let key = SigningKey::from_pem(&pem, Algorithm::Es256, Some("k1")).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey { algorithm: Es256, id: Some(\"k1\"), .. }");
}

/// The contents of the elements of a DER sequence (X.690 §8.9).
fn elements(mut der: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let [_tag, first, rest @ ..] = der {
        let longer = usize::from(if *first >= 0x80 { first & 0x7f } else { 0 });
        let length = match longer {
            0 => usize::from(*first),
            _ => rest[..longer].iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)),
        };
        all.push(&rest[longer..longer + length]);
        der = &rest[longer + length..];
    }
    all
}

/// A private JWK, and the public key as the library's verifier takes it.
type PrivateAndPublic = (Value, Vec<u8>);

fn rsa_jwk() -> PrivateAndPublic {
    let (der, public) = rsa();
    let pkcs8 = elements(elements(&der)[0]);
    let pkcs1 = elements(elements(pkcs8[2])[0]);
    let number = |nth: usize| {
        let bytes: &[u8] = pkcs1[nth];
        URL_SAFE_NO_PAD.encode_to_string(bytes.strip_prefix(&[0]).unwrap_or(bytes))
    };
    let jwk = json!({
        "kty": "RSA", "kid": "r1", "n": number(1), "e": number(2), "d": number(3), "p": number(4), "q": number(5),
        "dp": number(6), "dq": number(7), "qi": number(8),
    });
    (jwk, public)
}

fn ec_jwk(curve: &'static EcdsaSigningAlgorithm, name: &str) -> PrivateAndPublic {
    let (pair, public) = ec(curve);
    let (x, y) = public[1..].split_at(public.len() / 2);
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let jwk = json!({ "kty": "EC", "crv": name, "kid": "e1", "x": text(x), "y": text(y), "d": text(private.as_ref()) });
    (jwk, public)
}

fn ed25519_jwk() -> PrivateAndPublic {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let seed = pair.seed().unwrap();
    let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().unwrap();
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "o1", "use": "sig", "x": text(&public),
        "d": text(seed.as_ref()),
    });
    (jwk, public)
}

fn read(jwk: &Value) -> Result<SigningKey, SigningKeyError> {
    SigningKey::read(&Secret::new(format!("\n {jwk}")), None, None)
}

/// RFC 7518 §6, RFC 8037 §2.
#[test]
fn a_private_jwk_of_every_kind_signs_by_the_algorithm_that_its_kind_has() {
    let cases: [(PrivateAndPublic, &'static dyn VerificationAlgorithm, Algorithm, &str); 5] = [
        (rsa_jwk(), &lc::RSA_PKCS1_2048_8192_SHA256, Algorithm::Rs256, "r1"),
        (
            ec_jwk(&lc::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            &lc::ECDSA_P256_SHA256_FIXED,
            Algorithm::Es256,
            "e1",
        ),
        (
            ec_jwk(&lc::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            &lc::ECDSA_P384_SHA384_FIXED,
            Algorithm::Es384,
            "e1",
        ),
        (
            ec_jwk(&lc::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            &lc::ECDSA_P521_SHA512_FIXED,
            Algorithm::Es512,
            "e1",
        ),
        (ed25519_jwk(), &lc::ED25519, Algorithm::EdDsa, "o1"),
    ];
    for ((jwk, public), verifier, algorithm, id) in cases {
        let key = read(&jwk).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!((key.algorithm(), key.id()), (algorithm, Some(id)));
        verified(&key.sign_jwt(&json!({ "iss": "api" })).unwrap(), verifier, &public);
        assert_eq!(key, read(&jwk).unwrap());
        assert_ne!(key, SigningKey::read(&Secret::new(jwk.to_string()), None, Some("other")).unwrap());
        assert!(!format!("{key:?}").contains(jwk["d"].as_str().unwrap()));
    }
}

#[test]
fn the_algorithm_of_a_jwk_binds() {
    let (mut jwk, public) = rsa_jwk();
    jwk["alg"] = json!("PS256");
    let key = read(&jwk).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Ps256);
    verified(&key.sign_jwt(&json!({ "iss": "api" })).unwrap(), &lc::RSA_PSS_2048_8192_SHA256, &public);
    let text = Secret::new(jwk.to_string());
    assert!(SigningKey::read(&text, Some(Algorithm::Ps256), None).is_ok());
    for wanted in [Algorithm::Rs256, Algorithm::Es256] {
        let error = SigningKey::read(&text, Some(wanted), None).unwrap_err();
        assert!(matches!(error, SigningKeyError::Rejected { .. }), "{error:?}");
    }
    for named in ["ES256", "HS256", "RSA-OAEP"] {
        jwk["alg"] = json!(named);
        let error = read(&jwk).unwrap_err();
        assert!(matches!(error, SigningKeyError::Rejected { .. }), "{named}: {error:?}");
    }
}

#[test]
fn a_jwk_that_cannot_sign_is_refused_without_repeating_it() {
    let (good, _) = ec_jwk(&lc::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let (other, _) = ec_jwk(&lc::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
    let cases = [
        (with("d", Value::Null), "Malformed"),
        (with("use", json!("enc")), "NoPrivateKey"),
        (with("kty", json!("oct")), "NoPrivateKey"),
        (with("crv", json!("secp256k1")), "NoPrivateKey"),
        (with("x", json!("=")), "Malformed"),
        (with("x", other["x"].clone()), "Rejected"),
        (with("d", other["d"].clone()), "Rejected"),
        (json!({ "keys": [good] }), "SeveralKeys"),
        (json!({ "kty": "EC", "crv": "P-256", "x": good["x"], "y": good["y"] }), "OnlyPublic"),
        (json!({}), "OnlyPublic"),
    ];
    for (jwk, expected) in cases {
        let error = read(&jwk).unwrap_err();
        let text = format!("{error:?} {error}");
        assert!(text.starts_with(expected), "{expected}: {text}");
        assert!(!text.contains(good["d"].as_str().unwrap()) && !text.contains(other["d"].as_str().unwrap()));
    }
    let twice = good.to_string().replacen('{', "{\"kid\":\"x\",", 1);
    assert_eq!(SigningKey::read(&Secret::new(twice), None, None).unwrap_err(), SigningKeyError::Malformed);
}

#[test]
fn pem_is_read_without_being_told_what_kind_of_key_it_holds() {
    let (der, _) = rsa();
    let (p384, _) = ec(&lc::ECDSA_P384_SHA384_FIXED_SIGNING);
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let sec1: EcPrivateKeyRfc5915Der<'_> = p384.private_key().as_der().unwrap();
    for (text, algorithm) in [
        (pem("PRIVATE KEY", &der), Algorithm::Rs256),
        (pem("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref()), Algorithm::Es384),
        (pem("EC PRIVATE KEY", sec1.as_ref()), Algorithm::Es384),
        (pem("PRIVATE KEY", ed25519.to_pkcs8v1().unwrap().as_ref()), Algorithm::EdDsa),
    ] {
        assert_eq!(SigningKey::read(&text, None, None).unwrap().algorithm(), algorithm);
    }
    assert_eq!(
        SigningKey::read(&pem("PRIVATE KEY", b"nonsense"), None, None).unwrap_err(),
        SigningKeyError::UnknownKind
    );
    let ps = SigningKey::read(&pem("PRIVATE KEY", &der), Some(Algorithm::Ps256), Some("k")).unwrap();
    assert_eq!((ps.algorithm(), ps.id()), (Algorithm::Ps256, Some("k")));
    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let error = SigningKey::read(&Secret::new(text), None, None).unwrap_err();
        assert!(matches!(error, SigningKeyError::NoPrivateKey | SigningKeyError::OnlyPublic), "{error:?}");
    }
}

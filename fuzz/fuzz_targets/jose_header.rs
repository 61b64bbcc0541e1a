//! The JSON of a JOSE header, in a token that is good otherwise.
#![no_main]

use std::sync::{Arc, LazyLock};

use kc_core::signature::Algorithm;
use kc_core::validator::JwtValidator;
use kc_fuzz::json::Json;
use kc_fuzz::{AUDIENCE, Credulous, ISSUER, assert_discreet, clock, judge, token, validator};
use libfuzzer_sys::fuzz_target;

const PAYLOAD: &[u8] =
    br#"{"iss":"https://kc.test/realms/a","aud":["api"],"exp":1795310800,"typ":"Bearer","sub":"a"}"#;

static ANY: LazyLock<JwtValidator> = LazyLock::new(validator);

static ES256_ONLY: LazyLock<JwtValidator> = LazyLock::new(|| {
    let keys = Arc::new(Credulous::default());
    JwtValidator::builder(ISSUER, [AUDIENCE], keys).clock(clock()).algorithms([Algorithm::Es256]).build()
});

fuzz_target!(|header: &[u8]| {
    let token = token(header, PAYLOAD);
    let verdict = judge(&*ANY, &token);
    if let Err(error) = &verdict {
        assert_discreet(error, &token);
    }
    let passed = verdict.is_ok();
    assert!(passed || judge(&*ES256_ONLY, &token).is_err());
    if !passed {
        return;
    }
    // Another reader of the same text finds nothing in it that has to be refused.
    let header = Json::parse(header).unwrap();
    assert!(!header.has_twins() && header.depth() <= 16);
    assert!(["crit", "b64", "zip"].iter().all(|name| header.raw(name).is_none()));
    let alg = header.get("alg").and_then(Json::text).unwrap();
    assert!(Algorithm::ALL.iter().any(|known| known.name() == alg));
    assert_eq!(judge(&*ES256_ONLY, &token).is_ok(), alg == "ES256");
    assert!(header.raw("kid").is_none_or(|kid| kid.text().is_some()));
    if let Some(typ) = header.raw("typ") {
        let typ = typ.text().unwrap().to_ascii_lowercase();
        assert!(["jwt", "at+jwt"].contains(&typ.strip_prefix("application/").unwrap_or(&typ)));
    }
});

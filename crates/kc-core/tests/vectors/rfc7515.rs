//! The examples of RFC 7515 appendix A and E, and what RFC 7797 would add. Their constants are Code Components of those RFCs
//! (Revised BSD License, <https://trustee.ietf.org/license-info>).

use kc_core::signature::Algorithm::{Es256, Es512, Rs256};
use serde_json::{Value, json};

use crate::verifier::{base64url, code, every_changed_byte_is_refused, validate};

/// The `exp` of the claims that the examples share.
const EXP: i64 = 1_300_819_380;

/// `{"iss":"joe","exp":1300819380,"http://example.com/is_root":true}`, with its line breaks.
const CLAIMS: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9\
    uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB\
    _eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq\
    Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

const A4_TOKEN: &str = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.\
    AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCA\
    PZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";

fn a2_key() -> Value {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR\
        T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXB\
        dQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia\
        GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    json!({ "kty": "RSA", "n": n, "e": "AQAB" })
}

fn a3_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    })
}

fn a4_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    })
}

fn a2_token() -> String {
    format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{A2_SIGNATURE}")
}

fn a3_token() -> String {
    format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{A3_SIGNATURE}")
}

#[track_caller]
fn is_joes_until_it_expires(key: &Value, token: &str) {
    let verified = validate(key, EXP - 1, token).unwrap();
    assert_eq!(verified.claims().issuer.as_deref(), Some("joe"));
    assert_eq!(verified.claims().expires_at.map(|at| at.as_secs()), Some(EXP));
    let more: Value = verified.claims_as().unwrap();
    assert_eq!(more["http://example.com/is_root"], json!(true));
    assert_eq!(code(validate(key, EXP + 5, token)), "token_expired");
}

#[test]
fn rs256_of_a2() {
    every_changed_byte_is_refused(&a2_key(), Rs256, &a2_token());
    is_joes_until_it_expires(&a2_key(), &a2_token());
}

#[test]
fn es256_of_a3() {
    every_changed_byte_is_refused(&a3_key(), Es256, &a3_token());
    is_joes_until_it_expires(&a3_key(), &a3_token());
}

/// Its payload is the word `Payload`: refused as no JSON, after its signature was found good.
#[test]
fn es512_of_a4() {
    every_changed_byte_is_refused(&a4_key(), Es512, A4_TOKEN);
    assert_eq!(code(validate(&a4_key(), 0, A4_TOKEN)), "malformed_token");
    assert_eq!(code(validate(&a4_key(), 0, &A4_TOKEN.replace("UGF5", "UGF6"))), "invalid_signature");
}

#[test]
fn hs256_of_a1_is_unsupported() {
    let token = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    assert_eq!(code(validate(&a2_key(), EXP - 1, &token)), "unsupported_algorithm");
}

#[test]
fn the_unsecured_token_of_a5_is_unsupported() {
    assert_eq!(
        code(validate(&a2_key(), EXP - 1, &format!("eyJhbGciOiJub25lIn0.{CLAIMS}."))),
        "unsupported_algorithm"
    );
}

/// A.6 (general) and A.7 (flattened).
#[test]
fn the_json_serialization_is_malformed() {
    let header = json!({ "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d" });
    let signature =
        json!({ "protected": "eyJhbGciOiJFUzI1NiJ9", "header": header, "signature": A3_SIGNATURE });
    let general = json!({ "payload": CLAIMS, "signatures": [&signature] });
    let mut flattened = signature.clone();
    flattened["payload"] = json!(CLAIMS);
    for token in [general, flattened] {
        assert_eq!(code(validate(&a3_key(), EXP - 1, &token.to_string())), "malformed_token");
    }
}

/// Appendix E: an extension that is critical and unknown.
#[test]
fn the_negative_example_of_appendix_e_is_malformed() {
    let token = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNv\
        bS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.";
    assert_eq!(code(validate(&a3_key(), 0, token)), "malformed_token");
}

/// RFC 7797 §4.2 and §6: `b64` is an extension that we lack, with `crit` or without it, true or false, and its payload
/// would be no base64url.
#[test]
fn an_unencoded_payload_is_malformed() {
    for token in [
        "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
        "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19.$.02.A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY",
    ] {
        assert_eq!(code(validate(&a3_key(), 0, token)), "malformed_token");
    }
    for header in [
        json!({ "alg": "ES256", "b64": false, "crit": ["b64"] }),
        json!({ "alg": "ES256", "b64": true, "crit": ["b64"] }),
        json!({ "alg": "ES256", "b64": false }),
        json!({ "alg": "ES256", "crit": [] }),
        json!({ "alg": "ES256", "crit": ["exp"], "exp": 1 }),
    ] {
        let token = format!("{}.{CLAIMS}.{A3_SIGNATURE}", base64url(header.to_string().as_bytes()));
        assert_eq!(code(validate(&a3_key(), EXP - 1, &token)), "malformed_token", "{header}");
    }
}

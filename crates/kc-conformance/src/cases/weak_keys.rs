//! Keys that are too weak, and tokens that they sign well.
//!
//! The embedded issuer has no such keys, so these were made once: the claims are those of [`ISSUER`], until the year 2100.
//! A sound key with the same claims is among them, so that what is refused is the key.

/// `iss` of the tokens.
pub(super) const ISSUER: &str = "https://login.example.com/realms/kc-demo";

/// A key as it stands in a list, and the signature of the token.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) modulus: &'static str,
    pub(super) exponent: &'static str,
    signature: &'static str,
}

impl Signed {
    /// The key's id, in the tokens too.
    pub(super) const KID: &'static str = "weak";

    pub(super) fn token(&self) -> String {
        format!("{HEADER}.{PAYLOAD}.{}", self.signature)
    }
}

/// 2048 bits, exponent 65537.
pub(super) const SOUND: Signed = Signed {
    modulus: "w8IVRO38S-Vj37BffSqCu0eC5HcbTnmnvLvSvGE_YeQ2liqplPYu-qHZDCQrh4XJeJQVZemu3nNl4ZU4_pdzlYHrOiJUF2R1\
              oTYXM7hghVkuH4gY3DTunek-NxlBA04iDNs0iBG8BOO8wUjMr4Be-mKR2b7zZ8Lc9NkALHSH3O673a787kBwtDdO0spC7A3l\
              JtrljS2BFGqlzTSZjROrWubDJUMDjh3dl8SM-ow0U2tm0cw1mZ9THeKDU00dk7-AgWGZ-mPHlLyXXxjrRIaplDAFxVjmzhtZ\
              gvJgtAdkBuqbF6vT5bSU8We8DZH8HwNR2W8MjY1xbNR05mBDBiMLew",
    exponent: "AQAB",
    signature: "MhpaRsFus31knKBe8fukJ9_NB9J0vjn3lGEZumqQ98Uq6hKuShTGVzoYn2jMsv2l26kPMvUCw4xcaGLFaUnCShUNOCEtAMlO\
                sgTvIbaXl5BeEsdsS2X6P4uj6VJMmiNdfc0VkeWmibNGPFtoVt62VUcybau5EEWWGAI5h7aNrp2CLNvPcl40W3D9d5Dkb_XQ\
                7kw-1qCsNv-tZDjpIeMKDV2-9sr5k7urmggX2avU0qRztR-2QV4iQ0ElSP4x0vXjQMrwtztIWIPoECISvy252SBgRp4ir9L8\
                RzTP5tSpyNhXQpfX4SY5kx14hUBKtot02De6QATxnHW9o2MlY6x6jA",
};

/// 1024 bits (RFC 7518 §3.3 asks for 2048).
pub(super) const SHORT: Signed = Signed {
    modulus: "mmDWmN0L1Iq3xZGmTKUhBrzInK_c37iUgDW8T83HVox8b2iBMXhX_diDKdsu5oMk1sfxpjTJ2OSzP2e6ND0A-U-elFcRMdgR\
              38M2nF9Kk6tXFLx-YobpPKASQySDUHHUUWnntIM1ZaVZNPVMZX1DcfHfOvCOP4mLWJSyhNGYmIU",
    exponent: "AQAB",
    signature: "PRERc4t9BDWi7Qd_NAul8YB5x4ZpqA8Hg3g7Bb24Z7R59430VgdVM3w25w1eBCsLXKfMROPIMU797a3cUvvKP150f4AF6mAj\
                4DbDaEZn1ETf-qFgBhBTpSODD-ggjvI4fplQ5OnG9PwbgAl66V0eq_Opn4QR6V9BZqGqfaeGTDA",
};

/// 2048 bits, exponent 1: whoever knows the token can "sign" it.
pub(super) const EXPONENT_ONE: Signed = Signed {
    modulus: "w8IVRO38S-Vj37BffSqCu0eC5HcbTnmnvLvSvGE_YeQ2liqplPYu-qHZDCQrh4XJeJQVZemu3nNl4ZU4_pdzlYHrOiJUF2R1\
              oTYXM7hghVkuH4gY3DTunek-NxlBA04iDNs0iBG8BOO8wUjMr4Be-mKR2b7zZ8Lc9NkALHSH3O673a787kBwtDdO0spC7A3l\
              JtrljS2BFGqlzTSZjROrWubDJUMDjh3dl8SM-ow0U2tm0cw1mZ9THeKDU00dk7-AgWGZ-mPHlLyXXxjrRIaplDAFxVjmzhtZ\
              gvJgtAdkBuqbF6vT5bSU8We8DZH8HwNR2W8MjY1xbNR05mBDBiMLew",
    exponent: "AQ",
    signature: "AAH_____________________________________________________________________________________________\
                ________________________________________________________________________________________________\
                ________________________________________________________________________________ADAxMA0GCWCGSAFl\
                AwQCAQUABCDY3JqLaGf-DUEAobfMO7hqYK-s5WVyhZxlXPEky5wH9g",
};

const HEADER: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IndlYWsiLCJ0eXAiOiJKV1QifQ";
const PAYLOAD: &str = "eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbGUuY29tL3JlYWxtcy9rYy1kZW1vIiwiYXVkIjoiYXBpIiwiZXhwIjo0MTAy\
    NDQ0ODAwLCJ0eXAiOiJCZWFyZXIiLCJzdWIiOiJ3ZWFrIiwicHJlZmVycmVkX3VzZXJuYW1lIjoid2VhayJ9";

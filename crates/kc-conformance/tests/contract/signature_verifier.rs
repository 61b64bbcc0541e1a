use std::sync::{Arc, Mutex};
use std::time::Duration;

use kc_conformance::contract::{self, Signed};
use kc_core::keys::{KeySet, KeySource, Lookup};
use kc_core::signature::{Algorithm, SignatureVerifier};
use kc_dev::{Alg, DevIssuer};

use crate::caught::Clauses;
use crate::pinned;

/// The one of kc-core's that verifies with this algorithm.
#[derive(Clone, Debug)]
struct Of {
    set: Arc<KeySet>,
    kid: String,
    alg: Algorithm,
}

impl SignatureVerifier for Of {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let Lookup::Found(verifier) = self.set.find(Some(&self.kid), self.alg) else { panic!("no such key") };
        verifier.verify(message, signature)
    }
}

/// A verifier, and what its key has signed: two short tokens.
async fn signed(issuer: &DevIssuer, alg: Alg, algorithm: Algorithm) -> (Of, Vec<Signed>) {
    let kid = issuer.kid(alg).await.unwrap();
    let mut samples = Vec::new();
    for payload in ["a", "b"] {
        let token = issuer.mint().alg(alg).raw_header("{}").raw_payload(payload).sign().await.unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
        samples.push(Signed { message: message.as_bytes().to_vec(), signature });
    }
    (Of { set: pinned(issuer).await.current().unwrap(), kid, alg: algorithm }, samples)
}

#[tokio::test]
async fn the_verifier_of_every_algorithm_keeps_the_contract() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    use {Alg as D, Algorithm as C};
    for (alg, algorithm) in [
        (D::Rs256, C::Rs256),
        (D::Rs384, C::Rs384),
        (D::Rs512, C::Rs512),
        (D::Ps256, C::Ps256),
        (D::Ps384, C::Ps384),
        (D::Ps512, C::Ps512),
        (D::Es256, C::Es256),
        (D::Es384, C::Es384),
        (D::Es512, C::Es512),
        (D::EdDsa, C::EdDsa),
    ] {
        let (verifier, samples) = signed(&issuer, alg, algorithm).await;
        contract::signature_verifier(|| verifier.clone(), &samples).await.unwrap();
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    RefusesAll,
    LooksAtTheSignatureOnly,
    IgnoresTheLastBit,
    CutsToLength,
    PanicsWhenShort,
    TakesAsn1,
    Waits,
    MixesThreadsUp,
}

#[derive(Debug)]
struct Broken {
    good: Of,
    known: Vec<Signed>,
    defect: Defect,
    message: Mutex<Vec<u8>>,
}

impl SignatureVerifier for Broken {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let length = self.known[0].signature.len();
        match self.defect {
            Defect::RefusesAll => false,
            Defect::LooksAtTheSignatureOnly => self.known.iter().any(|known| known.signature == signature),
            Defect::IgnoresTheLastBit => {
                let mut other = signature.to_vec();
                if let Some(last) = other.last_mut() {
                    *last ^= 1;
                }
                self.good.verify(message, signature) || self.good.verify(message, &other)
            }
            Defect::CutsToLength => self.good.verify(message, &signature[..signature.len().min(length)]),
            Defect::PanicsWhenShort => {
                self.good.verify(message, &[&signature[..length], &signature[length..]].concat())
            }
            Defect::TakesAsn1 => {
                let sequence =
                    matches!(signature, [0x30, rest, 0x02, ..] if usize::from(*rest) + 2 == signature.len());
                sequence || self.good.verify(message, signature)
            }
            Defect::Waits => {
                let good = self.good.verify(message, signature);
                std::thread::sleep(Duration::from_millis(if good { 60 } else { 0 }));
                good
            }
            Defect::MixesThreadsUp => {
                *self.message.lock().unwrap() = message.to_vec();
                std::thread::sleep(Duration::from_micros(100));
                let message = self.message.lock().unwrap().clone();
                self.good.verify(&message, signature)
            }
        }
    }
}

#[tokio::test]
async fn each_clause_about_verifiers_catches_what_it_is_for() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let (good, known) = signed(&issuer, Alg::Es256, Algorithm::Es256).await;
    let defects = [
        (Defect::RefusesAll, "a good signature is accepted, every time"),
        (Defect::LooksAtTheSignatureOnly, "a signature is of one message"),
        (Defect::IgnoresTheLastBit, "a changed signature is refused"),
        (Defect::CutsToLength, "a signature of another length is refused"),
        (Defect::PanicsWhenShort, "a signature of another length is refused"),
        (Defect::TakesAsn1, "a signature in ASN.1 form is refused"),
        (Defect::Waits, "it does not wait"),
        (Defect::MixesThreadsUp, "it serves many threads at once"),
    ];
    let suite = async |defect| {
        let make = || Broken { good: good.clone(), known: known.clone(), defect, message: Mutex::default() };
        contract::signature_verifier(make, &known).await
    };
    Clauses::default().all_caught(&defects, suite);
}

//! The contract of [`SignatureVerifier`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use kc_core::signature::SignatureVerifier;

use super::findings::{ContractBroken, Held, Trial, at_once, hold};

/// Something that was signed with the private half of the verifier's key.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What was signed; not empty.
    pub message: Vec<u8>,
    /// The signature, in the form of RFC 7518 §3 or RFC 8037 §3.1.
    pub signature: Vec<u8>,
}

/// Checks a verifier: `verifier` makes one for the key that has signed the `samples`, of which there must be two at least,
/// with different messages.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn signature_verifier<V: SignatureVerifier + 'static>(
    verifier: impl Fn() -> V,
    samples: &[Signed],
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("SignatureVerifier");
    let [first, second, ..] = samples else {
        return Err(trial.impossible("it takes two signed samples"));
    };
    if first.message == second.message || first.message.is_empty() || second.message.is_empty() {
        return Err(trial.impossible("the first two samples need different messages that are not empty"));
    }
    let make = || Arc::new(verifier()) as Arc<dyn SignatureVerifier>;
    trial.clause("a good signature is accepted, every time", async { good(&*make(), samples) }).await;
    trial.clause("a signature is of one message", async { message(&*make(), first, second) }).await;
    trial.clause("a changed signature is refused", async { changed(&*make(), samples) }).await;
    trial.clause("a signature of another length is refused", async { lengths(&*make(), first) }).await;
    trial.clause("a signature in ASN.1 form is refused", async { asn1(&*make(), first) }).await;
    trial.clause("it does not wait", async { quick(&*make(), first) }).await;
    trial.clause("it serves many threads at once", threads(make(), first, second)).await;
    trial.end()
}

fn good(verifier: &dyn SignatureVerifier, samples: &[Signed]) -> Held {
    for _ in 0..3 {
        for (number, sample) in samples.iter().enumerate() {
            hold(verifier.verify(&sample.message, &sample.signature), || {
                format!("sample {number} is refused")
            })?;
        }
    }
    Ok(())
}

fn message(verifier: &dyn SignatureVerifier, first: &Signed, second: &Signed) -> Held {
    let refused = |message: &[u8], what: &str| {
        hold(!verifier.verify(message, &first.signature), || format!("accepted over {what}"))
    };
    refused(&second.message, "another message")?;
    refused(b"", "nothing")?;
    refused(&[first.message.as_slice(), b"\0"].concat(), "the message and one byte more")?;
    refused(first.message.split_last().map_or(&[], |(_, rest)| rest), "the message without its last byte")?;
    for changed in bit_by_bit(&first.message) {
        refused(&changed, "the message with one bit changed")?;
    }
    Ok(())
}

fn changed(verifier: &dyn SignatureVerifier, samples: &[Signed]) -> Held {
    for sample in samples {
        for changed in bit_by_bit(&sample.signature) {
            hold(!verifier.verify(&sample.message, &changed), || "accepted with one bit changed".to_owned())?;
        }
        for filling in [0, 0xff] {
            let filled = vec![filling; sample.signature.len()];
            hold(!verifier.verify(&sample.message, &filled), || {
                format!("a signature of bytes {filling:#04x} is accepted")
            })?;
        }
    }
    Ok(())
}

fn lengths(verifier: &dyn SignatureVerifier, sample: &Signed) -> Held {
    let signature = sample.signature.as_slice();
    let longer = [signature, b"\0"].concat();
    let leading = [b"\0", signature].concat();
    let doubled = [signature, signature].concat();
    let huge = vec![0; 1 << 20];
    let mut all: Vec<&[u8]> = vec![&longer, &leading, &doubled, &huge];
    all.extend((0..signature.len()).filter_map(|length| signature.get(..length)));
    for signature in all {
        hold(!verifier.verify(&sample.message, signature), || {
            format!("a signature of {} bytes is accepted", signature.len())
        })?;
    }
    Ok(())
}

/// RFC 7518 §3.4: an ECDSA signature is two numbers of fixed length and not an ASN.1 sequence. For other kinds of key
/// it is one wrong signature more.
fn asn1(verifier: &dyn SignatureVerifier, sample: &Signed) -> Held {
    let (r, s) = sample.signature.split_at(sample.signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    let Ok(length) = u8::try_from(body.len()) else { return Ok(()) };
    let length = if length < 0x80 { vec![length] } else { vec![0x81, length] };
    let sequence = [vec![0x30], length, body].concat();
    hold(!verifier.verify(&sample.message, &sequence), || "it is accepted".to_owned())
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let bytes = bytes.get(start..).unwrap_or_default();
    let zero = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let length = u8::try_from(bytes.len() + usize::from(zero)).unwrap_or_default();
    [&[0x02, length][..], if zero { &[0][..] } else { &[] }, bytes].concat()
}

fn quick(verifier: &dyn SignatureVerifier, sample: &Signed) -> Held {
    let began = Instant::now();
    for _ in 0..20 {
        let _ = verifier.verify(&sample.message, &sample.signature);
    }
    let took = began.elapsed();
    hold(took < Duration::from_secs(1), || format!("twenty calls took {} ms", took.as_millis()))
}

async fn threads(verifier: Arc<dyn SignatureVerifier>, first: &Signed, second: &Signed) -> Held {
    let right = at_once(8, |number| {
        let (verifier, first, second) = (Arc::clone(&verifier), first.clone(), second.clone());
        let one = move || {
            (0..25).all(|_| {
                let good = if number % 2 == 0 { &first } else { &second };
                verifier.verify(&good.message, &good.signature)
                    && !verifier.verify(&good.message, b"")
                    && !verifier.verify(&first.message, &second.signature)
            })
        };
        async move { tokio::task::spawn_blocking(one).await.unwrap_or(false) }
    })
    .await?;
    hold(right.iter().all(|right| *right), || "answers get mixed up, or it panics".to_owned())
}

/// Every text that differs from this one in the lowest or the highest bit of one byte.
fn bit_by_bit(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len()).flat_map(move |place| {
        [0x01, 0x80].map(|bit| {
            let mut changed = bytes.to_vec();
            if let Some(byte) = changed.get_mut(place) {
                *byte ^= bit;
            }
            changed
        })
    })
}

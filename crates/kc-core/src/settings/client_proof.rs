//! How this service proves which client it is: by a secret, a key, a certificate, or not at all.

use super::error::{Defect, Problem, SettingsError, quoted};
use super::server::ClientProof;
use super::source::Files;
use super::values::Values;
use super::{syntax, variables};
use crate::secret::Secret;
use crate::signature::Algorithm;
use crate::signature::signer::SigningKey;

/// Reads the one that is set. Two are refused: which of them Keycloak is to believe has to be decided, not guessed.
pub(super) fn read(values: &Values, files: &Files) -> Result<ClientProof, SettingsError> {
    let secret = values.text(variables::CLIENT_SECRET, |text| syntax::word(text).map(Secret::new))?;
    let algorithm = values.text(variables::CLIENT_KEY_ALGORITHM, algorithm)?;
    let id = values.text(variables::CLIENT_KEY_ID, syntax::word)?;
    let key = file(values, files, variables::CLIENT_KEY_FILE)?;
    let certificate = file(values, files, variables::CLIENT_CERTIFICATE_FILE)?;

    let of_a_key = [variables::CLIENT_KEY_ALGORITHM, variables::CLIENT_KEY_ID];
    if let Some(name) = of_a_key.into_iter().find(|name| values.has(name))
        && (key.is_none() || certificate.is_some())
    {
        let what = format!("is set, and there is no key in {} that signs", variables::CLIENT_KEY_FILE);
        let problem = Problem::malformed(what, "unset it, or name the file of the key that signs");
        return Err(values.error(name, problem));
    }
    match (secret, key, certificate) {
        (None, None, None) => Ok(ClientProof::None),
        (Some(secret), None, None) => Ok(ClientProof::Secret(secret)),
        (Some(_), key, _) => {
            let name =
                if key.is_some() { variables::CLIENT_KEY_FILE } else { variables::CLIENT_CERTIFICATE_FILE };
            let what = format!("is set, and {} too", values.name(variables::CLIENT_SECRET));
            let remedy = "unset the one that the client's Credentials tab does not ask for";
            Err(values.error(name, Problem::malformed(what, remedy)))
        }
        (None, Some(key), None) => SigningKey::read(&key, algorithm, id.as_deref())
            .map(ClientProof::Key)
            .map_err(|error| unusable(values, variables::CLIENT_KEY_FILE, &error.to_string())),
        (None, key, Some(certificate)) => {
            syntax::certificates(certificate.expose().as_bytes())
                .map_err(|problem| values.error(variables::CLIENT_CERTIFICATE_FILE, problem))?;
            // Which file the key is in, for the message; whether it fits the certificate, the TLS library sees.
            let (name, holder) = match &key {
                Some(key) => (variables::CLIENT_KEY_FILE, key),
                None => (variables::CLIENT_CERTIFICATE_FILE, &certificate),
            };
            SigningKey::read(holder, None, None)
                .map_err(|error| unusable(values, name, &error.to_string()))?;
            let pem = match &key {
                Some(key) => Secret::new(format!("{}\n{}", certificate.expose(), key.expose())),
                None => certificate,
            };
            Ok(ClientProof::Certificate(pem))
        }
    }
}

/// The text of the file that `name` names.
fn file(values: &Values, files: &Files, name: &str) -> Result<Option<Secret>, SettingsError> {
    let Some(path) = values.path(name) else { return Ok(None) };
    let bytes = files.read_for(values, name, &path)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(_) => Err(unusable(values, name, "it is no text: PEM is expected, not DER or PKCS#12")),
    }
}

fn unusable(values: &Values, name: &str, what: &str) -> SettingsError {
    let what = format!("names a file that cannot be used ({what})");
    values.error(
        name,
        Problem::new(Defect::Malformed, what, "make the key anew if it is not what it should be"),
    )
}

fn algorithm(text: &str) -> Result<Algorithm, Problem> {
    Algorithm::from_name(text.trim()).ok_or_else(|| {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        let what = format!("is no algorithm that clients sign with ({})", quoted(text));
        Problem::malformed(what, format!("write one of {}", names.join(", ")))
    })
}

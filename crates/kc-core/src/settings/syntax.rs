//! The forms that single values have. Each function takes the text of one value and says what is wrong with it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::error::{Defect, Problem, quoted};

/// Something like a name: trimmed text is required to be there already, because these are compared to the letter.
pub(super) fn word(text: &str) -> Result<String, Problem> {
    if text.trim() != text || text.is_empty() {
        return Err(Problem::malformed("is blank or has blanks around it", "remove the blanks"));
    }
    if text.contains(char::is_control) {
        return Err(Problem::malformed("has a control character", "write it on one line"));
    }
    Ok(text.to_owned())
}

/// A realm's name. It becomes one segment of every URL.
pub(super) fn realm(text: &str) -> Result<String, Problem> {
    let name = word(text)?;
    if name == "." || name == ".." || name.contains(['/', '?', '#', '%', '\\']) {
        return Err(Problem::malformed(
            format!("cannot be part of a URL's path ({})", quoted(text)),
            "give the realm's name alone, without / ? # % or \\, as the admin console shows it",
        ));
    }
    Ok(name)
}

/// A yes or no.
pub(super) fn flag(text: &str) -> Result<bool, Problem> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(Problem::malformed(
            format!("is neither yes nor no ({})", quoted(text)),
            "write true or false (1, 0, yes and no will do)",
        )),
    }
}

/// Whole seconds within `range`.
pub(super) fn seconds(text: &str, range: &RangeInclusive<u64>) -> Result<Duration, Problem> {
    number(text, "seconds", range).map(Duration::from_secs)
}

/// A whole number of something, within `range`.
pub(super) fn number(text: &str, of: &str, range: &RangeInclusive<u64>) -> Result<u64, Problem> {
    let remedy = || format!("write a whole number from {} to {}", range.start(), range.end());
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Problem::malformed(
            format!("is not a whole number of {of} ({})", quoted(text)),
            remedy(),
        ));
    }
    match digits.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(Problem::malformed(format!("is out of range ({})", quoted(text)), remedy())),
    }
}

/// An address to listen on, and the same as text for a URL. `localhost` is 127.0.0.1; other names are refused, because
/// what they resolve to is not for a service to guess.
pub(super) fn listen(text: &str) -> Result<(SocketAddr, String), Problem> {
    const REMEDY: &str =
        "write an IP address and a port, 127.0.0.1:8000 for one (all addresses: 0.0.0.0:8000)";
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok((address, text.to_owned()));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(Problem::malformed(format!("has no port ({})", quoted(text)), REMEDY));
    };
    if !port.bytes().all(|b| b.is_ascii_digit()) || port.is_empty() {
        return Err(Problem::malformed(format!("has no port ({})", quoted(text)), REMEDY));
    }
    let Ok(port) = port.parse::<u16>() else {
        return Err(Problem::malformed(format!("has a port above 65535 ({})", quoted(text)), REMEDY));
    };
    if host.eq_ignore_ascii_case("localhost") {
        return Ok((SocketAddr::from((Ipv4Addr::LOCALHOST, port)), format!("localhost:{port}")));
    }
    Err(Problem::malformed(format!("has a host that is no IP address ({})", quoted(text)), REMEDY))
}

/// The form of an IANA time zone name. Whether there is such a zone is for the time zone data base to say.
pub(super) fn time_zone(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    let segments_good = name.split('/').all(|segment| {
        segment.starts_with(|c: char| c.is_ascii_alphabetic())
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    });
    if !segments_good || name.len() > 64 {
        return Err(Problem::malformed(
            format!("is no IANA time zone ({})", quoted(text)),
            "write a name such as UTC or Europe/Berlin",
        ));
    }
    Ok(name.to_owned())
}

/// A path prefix that needs no token, without a trailing slash.
pub(super) fn exempt_path(text: &str) -> Result<String, Problem> {
    let path = text.trim().trim_end_matches('/');
    if text.trim().starts_with('/') && path.is_empty() {
        return Err(Problem::new(
            Defect::Unsafe,
            "exempts `/`, which is every path",
            "list the prefixes that need no token, /metrics for one",
        ));
    }
    if !path.starts_with('/') {
        return Err(Problem::malformed(
            format!("has a path that does not begin with / ({})", quoted(text)),
            "write it from the root, /metrics for one",
        ));
    }
    let lower = path.to_ascii_lowercase();
    let changes = path.split('/').any(|segment| segment == "." || segment == "..")
        || ["//", "\\", "%2f", "%5c", "%2e", "%3b", ";", "?", "#"].iter().any(|part| lower.contains(part))
        || text.trim().ends_with("//");
    if changes || path.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Problem::malformed(
            format!("has a path that normalisation would change or that is no path ({})", quoted(text)),
            "write plain segments: no . or .., no //, no \\, no ; ? # or blanks, no encoded / or dot",
        ));
    }
    Ok(path.to_owned())
}

/// The realm's public key as text: PEM (line ends may be written `\n`) or the bare base64 of the admin console. Only the
/// form is looked at.
pub(super) fn public_key(text: &str) -> Result<String, Problem> {
    const REMEDY: &str =
        "give the key of Realm settings > Keys > Public key, as PEM or as the bare base64 shown there";
    let key = text.trim();
    if key.contains("PRIVATE KEY-----") {
        return Err(Problem::new(
            Defect::Unsafe,
            "holds a private key, which has no business here",
            "give the public key, and replace the private one: it has been exposed",
        ));
    }
    let lines = key.replace("\\r", "").replace("\\n", "\n");
    let body = if let Some(rest) = lines.strip_prefix("-----BEGIN ") {
        let Some((label, rest)) = rest.split_once("-----") else {
            return Err(Problem::malformed("is PEM without an end of its first line", REMEDY));
        };
        let Some((body, _)) = rest.split_once(&format!("-----END {label}-----")) else {
            return Err(Problem::malformed("is PEM that breaks off: its END line is missing", REMEDY));
        };
        if !matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE") {
            return Err(Problem::malformed("is PEM of something that is no public key", REMEDY));
        }
        body.to_owned()
    } else {
        lines
    };
    // The smallest there is, Ed25519, has 44 bytes.
    match base64(&body) {
        Some(der) if der.len() >= 44 => Ok(key.to_owned()),
        Some(_) => Err(Problem::malformed("is too short for a public key", REMEDY)),
        None => Err(Problem::malformed("is neither PEM nor base64", REMEDY)),
    }
}

/// Checks that `pem` holds a certificate, and each certificate base64 at least.
pub(super) fn certificates(pem: &[u8]) -> Result<(), Problem> {
    const REMEDY: &str = "name a file with PEM certificates (-----BEGIN CERTIFICATE-----)";
    if pem.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::malformed("names an empty file", REMEDY));
    }
    let text = String::from_utf8_lossy(pem);
    let mut blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1).peekable();
    if blocks.peek().is_none() {
        return Err(Problem::malformed("names a file without a PEM certificate", REMEDY));
    }
    for block in blocks {
        let body = block.split_once("-----END CERTIFICATE-----").map(|(body, _)| body);
        if body.and_then(base64).is_none_or(|der| der.is_empty()) {
            return Err(Problem::malformed("names a file with a damaged PEM certificate", REMEDY));
        }
    }
    Ok(())
}

/// Base64 of either alphabet, with or without padding, blanks ignored (RFC 4648 §4 and §5).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let compact: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    base64_simd::STANDARD_NO_PAD.decode_to_vec(compact.trim_end_matches('=')).ok()
}

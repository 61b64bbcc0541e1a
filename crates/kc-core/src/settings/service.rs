//! What the service around the protection needs to know: sessions, users, proxies, the audit log.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;
use zeroize::Zeroizing;

use super::error::{Defect, Problem, quoted};
use super::syntax;
use crate::secret::Secret;

/// What becomes of tokens that only Keycloak can read: opaque ones, and lightweight ones, which hold no audience.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OpaqueTokens {
    /// They are refused.
    Refuse,
    /// Keycloak is asked about them.
    Introspect,
}

impl OpaqueTokens {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text.trim() {
            "refuse" => Ok(Self::Refuse),
            "introspect" => Ok(Self::Introspect),
            other => Err(Problem::malformed(
                format!("is neither refuse nor introspect ({})", quoted(other)),
                "write refuse, or introspect to have Keycloak asked about opaque and lightweight tokens",
            )),
        }
    }
}

/// Who decides about the permissions that rules ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthorizationMode {
    /// The exported configuration, and Keycloak about what that leaves open.
    Hybrid,
    /// The exported configuration.
    Offline,
    /// Keycloak.
    Online,
}

impl AuthorizationMode {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text.trim() {
            "hybrid" => Ok(Self::Hybrid),
            "offline" => Ok(Self::Offline),
            "online" => Ok(Self::Online),
            other => Err(Problem::malformed(
                format!("is neither offline, online nor hybrid ({})", quoted(other)),
                "write offline to decide by the exported file, online to have Keycloak asked, or hybrid to have it asked \
                 about what the file leaves open",
            )),
        }
    }
}

/// Where browser sessions live.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SessionStore {
    /// In this process; gone when it ends.
    Memory,
    /// In Redis, shared by replicas: a `redis://` or `rediss://` URL, which may hold a password.
    Redis(Secret),
}

impl SessionStore {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        const REMEDY: &str = "write memory, redis://host:6379 or, over TLS, rediss://host:6379";
        let text = text.trim();
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if !text.starts_with("redis://") && !text.starts_with("rediss://") {
            return Err(Problem::malformed("names no store that is known", REMEDY));
        }
        match Url::parse(text) {
            Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => {
                Ok(Self::Redis(Secret::new(text)))
            }
            _ => Err(Problem::malformed("is a Redis URL that cannot be read", REMEDY)),
        }
    }
}

/// A key of 32 bytes that seals what a shared store holds. `Debug` shows `[redacted]`.
#[derive(Clone, Eq, PartialEq)]
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl SessionKey {
    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        const REMEDY: &str =
            "make each with `openssl rand -base64 32`, newest first, with commas between them";
        let Some(bytes) = syntax::base64(text).map(Zeroizing::new) else {
            return Err(Problem::malformed("holds a key that is not base64", REMEDY));
        };
        match <[u8; 32]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Self(Zeroizing::new(key))),
            Err(_) => Err(Problem::malformed(
                format!("holds a key of {} bytes, 32 are needed", bytes.len()),
                REMEDY,
            )),
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The data base of the local users: its URL, which may hold a password.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum UsersDatabase {
    /// `postgres:` or `postgresql:`.
    Postgres(Secret),
    /// `sqlite:`.
    Sqlite(Secret),
}

impl UsersDatabase {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        const REMEDY: &str = "write sqlite:users.db or postgres://user@host/name";
        let text = text.trim();
        let secret = Secret::new(text);
        match text.split_once(':') {
            Some(("sqlite", rest)) if !rest.trim_start_matches('/').is_empty() => Ok(Self::Sqlite(secret)),
            Some(("sqlite", _)) => Err(Problem::malformed("is a SQLite URL without a file", REMEDY)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") && Url::parse(text).is_ok() => {
                Ok(Self::Postgres(secret))
            }
            Some(("postgres" | "postgresql", _)) => {
                Err(Problem::malformed("is a PostgreSQL URL that cannot be read", REMEDY))
            }
            _ => Err(Problem::malformed("names no data base that is known", REMEDY)),
        }
    }
}

/// Where audit events go.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuditLog {
    /// Appended to this file.
    File(PathBuf),
    /// Nowhere.
    Off,
    /// To standard output.
    StandardOutput,
}

impl AuditLog {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text.trim() {
            "-" => Ok(Self::StandardOutput),
            "off" => Ok(Self::Off),
            "" => Err(Problem::malformed("is blank", "write - for standard output, off, or a file's path")),
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }
}

/// An address, or a block of them (CIDR), whose `Forwarded` and `X-Forwarded-*` headers are believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrustedProxy {
    network: u128,
    mask: u128,
}

impl TrustedProxy {
    /// Whether `address` is meant. An IPv4 address and the same mapped into IPv6 are one.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = bits(address);
        // A short IPv6 block takes in the place where IPv4 addresses are mapped to, and does not mean them.
        let means_it = address >> 32 != MAPPED || self.mask.leading_ones() >= 96;
        means_it && address & self.mask == self.network
    }

    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        const REMEDY: &str = "write IP addresses or blocks, 10.0.0.7 or 10.0.0.0/8, with commas between them";
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(Problem::malformed(
                format!("has a proxy that is no IP address ({})", quoted(text)),
                REMEDY,
            ));
        };
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => width,
            Some(digits) => match digits.parse() {
                Ok(length) if length <= width && digits.bytes().all(|b| b.is_ascii_digit()) => length,
                _ => {
                    let what =
                        format!("has a block whose length is not 0 to {width} bits ({})", quoted(text));
                    return Err(Problem::malformed(what, REMEDY));
                }
            },
        };
        if length < SHORTEST {
            return Err(Problem::new(
                Defect::Unsafe,
                "believes so many addresses that any caller could claim any address",
                "name the proxies' addresses or blocks",
            ));
        }
        let mask = u128::MAX << (width - length);
        Ok(Self { network: bits(address) & mask, mask })
    }
}

/// Bits that a block has at least: 16 million IPv4 addresses are enough for proxies.
const SHORTEST: u32 = 8;
/// The first 96 bits of an IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2).
const MAPPED: u128 = 0xffff;

/// In IPv6, IPv4 mapped.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        let contains = |block: &str, address: &str| {
            TrustedProxy::parse(block).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.7", "10.0.0.7") && !contains("10.0.0.7", "10.0.0.8"));
        assert!(contains("10.1.2.3/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("fd00::/8", "fdff::1") && !contains("fd00::/8", "fe00::1"));
        assert!(!contains("::/64", "127.0.0.1") && contains("::ffff:10.0.0.0/104", "10.0.0.1"));
        for everybody in ["0.0.0.0/0", "::/0", "::/1", "0.0.0.0/1", "128.0.0.0/7"] {
            assert!(TrustedProxy::parse(everybody).is_err(), "{everybody}");
        }
        assert!(contains("::1", "::1") && !contains("::1", "127.0.0.1"));
        assert!(contains("192.168.1.0/31", "192.168.1.1") && !contains("192.168.1.0/31", "192.168.1.2"));
    }

    #[test]
    fn a_session_key_is_read_in_both_alphabets_and_never_shown() {
        let standard = format!("{}8=", "+/".repeat(21));
        let url_safe = format!("{}8", "-_".repeat(21));
        let key = SessionKey::parse(&standard).unwrap();
        assert_eq!(key, SessionKey::parse(&url_safe).unwrap());
        assert_eq!(key.expose().len(), 32);
        assert_eq!(format!("{key:?}"), "[redacted]");
    }
}

//! A revocation as it is written down.

use std::fmt;

use kc_core::clock::UnixTime;
use kc_core::revocations::Revocation;
use serde::{Deserialize, Serialize};

use crate::redis::failure::Failure;

/// Who revoked what.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Entry {
    /// The replica.
    pub(super) from: String,
    pub(super) issuer: String,
    pub(super) what: What,
}

/// [`Revocation`]; times are milliseconds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    NotBefore(Option<i64>),
    Session(String),
    Subject { subject: String, until: i64 },
    Token(String),
}

impl What {
    /// `None` for a kind that this crate does not know.
    pub(super) fn of(revocation: Revocation) -> Option<Self> {
        match revocation {
            Revocation::NotBefore(time) => Some(Self::NotBefore(time.map(UnixTime::as_millis))),
            Revocation::Session(id) => Some(Self::Session(id)),
            Revocation::Subject { subject, until } => {
                Some(Self::Subject { subject, until: until.as_millis() })
            }
            Revocation::Token(id) => Some(Self::Token(id)),
            _ => None,
        }
    }
}

impl From<What> for Revocation {
    fn from(what: What) -> Self {
        match what {
            What::NotBefore(time) => Self::NotBefore(time.map(UnixTime::from_millis)),
            What::Session(id) => Self::Session(id),
            What::Subject { subject, until } => {
                Self::Subject { subject, until: UnixTime::from_millis(until) }
            }
            What::Token(id) => Self::Token(id),
        }
    }
}

impl Entry {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // A struct of strings and numbers always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The place of an entry in the stream. Redis counts them up: milliseconds, and a number within one.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Position(pub(super) u64, pub(super) u64);

impl Position {
    /// `1795310500123-0`
    pub(super) fn parse(id: &str) -> Result<Self, Failure> {
        let parts = id.split_once('-');
        let parts = parts.and_then(|(millis, number)| Some((millis.parse().ok()?, number.parse().ok()?)));
        parts.map(|(millis, number)| Self(millis, number)).ok_or_else(Failure::nonsense)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let at = UnixTime::from_millis(1_795_310_500_123);
        let all = [
            Revocation::NotBefore(Some(at)),
            Revocation::NotBefore(None),
            Revocation::Session("s".to_owned()),
            Revocation::Subject { subject: "u".to_owned(), until: at },
            Revocation::Token("t".to_owned()),
        ];
        for revocation in all {
            let what = What::of(revocation.clone()).unwrap();
            let entry = Entry { from: "me".to_owned(), issuer: "https://kc/realms/a".to_owned(), what };
            let read = Entry::from_bytes(&entry.to_bytes()).unwrap();
            assert_eq!(read, entry);
            assert_eq!(Revocation::from(read.what), revocation);
        }
        assert_eq!(Entry::from_bytes(b"{}"), None);
    }

    #[test]
    fn places_are_ordered_as_numbers() {
        let position = |id| Position::parse(id).unwrap();
        assert!(position("999-10") < position("1000-2") && position("1000-9") < position("1000-10"));
        assert_eq!(position("1000-9").to_string(), "1000-9");
        for id in ["", "1000", "-", "1000-x", "x-1"] {
            assert!(Position::parse(id).is_err(), "{id}");
        }
    }
}

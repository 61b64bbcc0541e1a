//! E-mail addresses, as they are compared.

use std::fmt;

/// An e-mail address in the form in which two are compared.
///
/// ASCII letters lose their case, nothing else changes: Unicode's rules would make one address of two that belong to two
/// people (`K`, the Kelvin sign, becomes `k`). An address that is not plainly one is none: not exactly one `@`, a blank, a
/// control character, more than 254 bytes (RFC 5321 §4.5.3.1.3).
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EmailKey(String);

impl EmailKey {
    /// The key of an address; `None` for what cannot be compared.
    #[must_use]
    pub fn of(address: &str) -> Option<Self> {
        let (name, host) = address.split_once('@')?;
        let plain = !name.is_empty()
            && !host.is_empty()
            && !host.contains('@')
            && address.len() <= 254
            && !address.contains(|c: char| c.is_whitespace() || c.is_control());
        plain.then(|| Self(address.to_ascii_lowercase()))
    }

    /// The key as text: equal keys are equal text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It is an address all the same: not for logs.
impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_letters_lose_their_case_and_nothing_else_changes() {
        let key = |address| EmailKey::of(address).unwrap();
        assert_eq!(key("Alice@Example.TEST"), key("alice@example.test"));
        for (a, b) in [
            ("mike@example.test", "mi\u{212a}e@example.test"),
            ("stra\u{df}e@example.test", "strasse@example.test"),
            ("i@example.test", "\u{130}@example.test"),
            ("a.b@example.test", "ab@example.test"),
            ("a+b@example.test", "a@example.test"),
        ] {
            assert_ne!(key(a), key(b));
        }
    }

    #[test]
    fn what_is_not_plainly_an_address_is_none() {
        let long = format!("{}@example.test", "x".repeat(250));
        for address in
            ["", "@", "alice", "@b", "a@", "a@b@c", "a@b ", " a@b", "a\n@b", "a\u{a0}@b", "a@b\0", &long]
        {
            assert_eq!(EmailKey::of(address), None, "{address:?}");
        }
    }

    #[test]
    fn debug_never_shows_the_address() {
        assert!(!format!("{:?}", EmailKey::of("alice@example.test")).contains("alice"));
    }
}

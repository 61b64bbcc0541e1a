//! Why a realm export could not be used.

use std::fmt;

/// A realm export that can't be loaded. Every variant names the place in the file.
///
/// Values of the file are never repeated: they may be secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RealmError {
    /// The text isn't JSON.
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The text is longer than any realm export that is read.
    TooLarge {
        /// The most that is read, in bytes.
        most_bytes: usize,
    },
    /// The JSON is nested more than 127 deep.
    TooDeep {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The text holds several realms.
    Several,
    /// A member that the realm can't do without is absent or empty.
    Missing {
        /// Path of the member, such as `clients[3].clientId`.
        place: String,
    },
    /// A member has another shape than Keycloak's.
    Shape {
        /// Path of the member, such as `users[0] ("alice")`.
        place: String,
        /// What would be right there.
        expected: String,
    },
    /// Something is named that the file doesn't have.
    Unknown {
        /// Path of the member that names it.
        place: String,
        /// What is named, such as `client scope`.
        what: &'static str,
        /// The name.
        name: String,
    },
}

impl fmt::Display for RealmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => {
                write!(
                    f,
                    "the realm export is not JSON: line {line}, column {column}; export the realm again: \
                     kc.sh export --realm NAME --file FILE"
                )
            }
            Self::TooLarge { most_bytes } => write!(
                f,
                "the realm export is larger than {} MiB; export it without its users: kc.sh export --users skip",
                most_bytes / 1024 / 1024
            ),
            Self::TooDeep { line, column } => write!(
                f,
                "the realm export is nested too deep at line {line}, column {column}: more than 127 levels; is it a realm export?"
            ),
            Self::Several => f.write_str(
                "the realm export is a list of realms; give one: kc.sh export --realm NAME --file FILE",
            ),
            Self::Missing { place } => write!(f, "the realm export lacks {place}; add it"),
            Self::Shape { place, expected } => {
                write!(f, "the realm export is wrong at {place}: expected {expected}")
            }
            Self::Unknown { place, what, name } => {
                write!(
                    f,
                    "the realm export names an unknown {what} {name:?} at {place}; define it or remove the name"
                )
            }
        }
    }
}

impl std::error::Error for RealmError {}

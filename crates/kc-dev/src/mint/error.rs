//! Why a token could not be minted.

use std::fmt;

use crate::keys::KeyError;

/// A token that could not be minted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MintError {
    /// The key could not be had or used.
    Key(KeyError),
    /// The client has no service account, and no user was named.
    NoServiceAccount {
        /// The client asked for.
        client: String,
    },
    /// The client may not have that scope.
    Scope {
        /// The scope asked for.
        scope: String,
    },
    /// The realm has no such client.
    UnknownClient {
        /// The client asked for.
        client: String,
        /// Some of those that there are.
        known: Vec<String>,
    },
    /// The realm has no such user.
    UnknownUser {
        /// The user asked for.
        user: String,
        /// Some of those that there are.
        known: Vec<String>,
    },
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::NoServiceAccount { client } => write!(
                f,
                "the client {client:?} has no service account to make a token for; name a user, or enable \
                 serviceAccountsEnabled in the realm export"
            ),
            Self::Scope { scope } => write!(
                f,
                "the client may not ask for the scope {scope:?}; use one of its own, or grant it anyway with granted_scope"
            ),
            Self::UnknownClient { client, known } => {
                write!(f, "the realm has no client {client:?}; it has {}", listed(known))
            }
            Self::UnknownUser { user, known } => write!(
                f,
                "the realm has no user {user:?}; it has {}; or make one up with somebody",
                listed(known)
            ),
        }
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl std::error::Error for MintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            Self::NoServiceAccount { .. }
            | Self::Scope { .. }
            | Self::UnknownClient { .. }
            | Self::UnknownUser { .. } => None,
        }
    }
}

impl From<KeyError> for MintError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

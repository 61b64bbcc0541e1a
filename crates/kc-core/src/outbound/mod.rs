//! Calls to other services, each with the token that is for it. `docs/call-other-services.md` says when to use which.
//!
//! [`OutboundClient`] (feature `reqwest`) sends them by `reqwest`: tokens go to origins on a list and nowhere else, and a
//! refused one is replaced once. With another HTTP client, take the token from
//! [`ServiceTokens`](crate::service_token::ServiceTokens) or [`TokenExchange`](crate::token_exchange::TokenExchange) and ask
//! [`Origins::allow`] before it goes anywhere.

#[cfg(feature = "reqwest")]
mod client;
#[cfg(feature = "reqwest")]
mod error;
mod origins;
#[cfg(feature = "reqwest")]
#[cfg(test)]
mod tests;

#[cfg(feature = "reqwest")]
pub use self::client::{Bearer, OutboundClient};
#[cfg(feature = "reqwest")]
pub use self::error::OutboundError;
pub use self::origins::{OriginError, Origins};

//! The HTTP contract, without a framework: what is read of a request, and what a refusal looks like.

pub mod cors;
mod credentials;
mod exempt;
mod grpc;
mod problem;
mod refusal;
mod request;

pub use self::credentials::{BearerCredentials, CredentialsError};
pub use self::exempt::{ExemptPathError, ExemptPaths};
#[cfg(feature = "metrics")]
pub(crate) use self::problem::CODES;
pub use self::problem::Problem;
pub use self::refusal::{Challenge, Refusal};
pub use self::request::{Headers, RequestView};

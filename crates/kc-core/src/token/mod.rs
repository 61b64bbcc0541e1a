//! Tokens: the text of a compact JWS, its header, its claims, and the proof that they were checked.

mod base64url;
pub mod claims;
mod compact;
mod error;
mod header;
mod names;
mod verified;

pub use self::claims::Claims;
pub(crate) use self::compact::Compact;
pub use self::error::{Defect, TokenError, TokenKind};
pub(crate) use self::header::{HeaderType, JoseHeader};
pub use self::names::Names;
pub use self::verified::VerifiedToken;

/// Bytes a token may have: users with roles in a hundred clients exist, and a header line has to fit into a server.
pub const MAX_TOKEN_BYTES: usize = 48 * 1024;

/// How deep the JSON of a header or a payload may nest.
pub(crate) const MAX_JSON_DEPTH: usize = 16;
pub(crate) use self::base64url::decode as decode_base64url;

//! What a browser is answered at a page that it may not see.

use std::fmt;

use bytes::Bytes;
use http::Response;

use crate::wire::{Refusal, RequestView};

/// Answers browsers where JSON would be no answer: `kc-login` sends them to the login.
pub trait Pages: fmt::Debug + Send + Sync {
    /// The response to a refused request of a [page](crate::Access::Page); `None` is for the refusal itself, as elsewhere.
    fn refused(&self, request: &RequestView<'_>, refusal: &Refusal) -> Option<Response<Bytes>>;
}

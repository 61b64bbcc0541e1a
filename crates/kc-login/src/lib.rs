//! Browser login with Keycloak: the code flow, sessions, and logout everywhere. No web framework here: adapters mount it.
//!
//! | you want to … | start at |
//! | --- | --- |
//! | log browsers in | [`Login`] |
//! | send browsers to the login from a page | [`kc_core::Access::Page`] |
//! | know the session of a caller | [`kc_core::Principal::session`] |
//! | keep sessions where all replicas find them | [`session::SessionStore`], and `kc-store` |
//! | mount it in a framework of your own | [`Endpoint::ALL`], [`Login::serve`], [`Login::wants_form`] |
//! | write a page in the same manner | [`page::Page`] |
//!
//! What a browser holds is a random id in a cookie. Tokens stay here. A Tokio runtime is needed; there are no features.

#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod authenticate;
mod authenticator;
mod callback;
mod cookie;
mod csrf;
mod endpoint;
mod entrance;
pub mod form;
mod https;
mod login;
mod logout;
pub mod page;
mod page_load;
mod parameters;
mod pending;
mod random;
mod refresh;
mod reply;
mod return_path;
mod seal;
mod server;
pub mod session;
mod token_endpoint;
mod told;

pub use endpoint::Endpoint;
pub use login::{Login, LoginOptions, LoginRequest, LoginStores, MAX_FORM_BYTES, seal};
pub use seal::{NotSealed, Seal};

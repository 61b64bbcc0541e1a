//! The paths of the login.

/// An endpoint of the login. An adapter mounts each under its path, for all methods: which of them it has is told by
/// [`Login::serve`](crate::Login::serve).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Endpoint {
    /// Sends the browser to Keycloak. Query: `next`, where to go afterwards; `acr_values`, `max_age`, `prompt`, `login_hint`,
    /// `kc_idp_hint` and `ui_locales` are passed on.
    Authenticate,
    /// Keycloak says that a session is over.
    BackchannelLogout,
    /// Keycloak sends the browser back.
    Callback,
    /// Keycloak has the browser say that a session is over; off unless an option says so.
    FrontchannelLogout,
    /// Ends the session here and at Keycloak. The field `only=here` leaves Keycloak's alone.
    Logout,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Authenticate, Self::BackchannelLogout, Self::Callback, Self::FrontchannelLogout, Self::Logout];

    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Authenticate => "/oidc/authenticate",
            Self::BackchannelLogout => "/oidc/backchannel-logout",
            Self::Callback => "/oidc/callback",
            Self::FrontchannelLogout => "/oidc/frontchannel-logout",
            Self::Logout => "/oidc/logout",
        }
    }

    /// Its methods. HEAD is none: each of them changes something.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Authenticate | Self::Callback | Self::FrontchannelLogout => &["GET"],
            Self::BackchannelLogout => &["POST"],
            Self::Logout => &["GET", "POST"],
        }
    }
}

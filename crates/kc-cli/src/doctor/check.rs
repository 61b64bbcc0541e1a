//! What a check is, and the list of all.

use serde::Serialize;

use super::facts::Facts;
use super::{authorization, client, login, realm, server, tokens};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Worth knowing.
    Note,
    /// It works, and is less safe or less robust than it could be.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that is not as it should be. No member holds a secret or a token.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What was seen.
    pub(super) found: String,
    /// What comes of it.
    pub(super) means: String,
    /// What to do, in clicks where there are any.
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        found: impl Into<String>,
        means: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity, found: found.into(), means: means.into(), remedy: remedy.into() }
    }

    pub(super) fn error(
        found: impl Into<String>,
        means: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, found, means, remedy)
    }

    pub(super) fn warning(
        found: impl Into<String>,
        means: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, found, means, remedy)
    }

    pub(super) fn note(
        found: impl Into<String>,
        means: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Note, found, means, remedy)
    }
}

/// What a check comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// As it should be. The text says what was seen, if there is more to it than the name.
    Good(String),
    /// Not as it should be.
    Found(Vec<Finding>),
    /// It concerns nothing that this service is set to do, and why.
    Idle(String),
    /// It could not be looked at, and why. Never counted as good.
    Unknown(String),
}

impl From<Finding> for Verdict {
    fn from(finding: Finding) -> Self {
        Self::Found(vec![finding])
    }
}

/// `Err` is why it could not be looked at.
pub(super) type Judged = Result<Verdict, String>;

/// A check: facts in, verdict out, nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    /// Stable, kebab-case.
    pub(super) name: &'static str,
    /// The heading in the table.
    pub(super) group: &'static str,
    /// The question it answers.
    pub(super) about: &'static str,
    pub(super) judge: fn(&Facts) -> Judged,
}

impl Check {
    pub(super) fn verdict(&self, facts: &Facts) -> Verdict {
        (self.judge)(facts).unwrap_or_else(Verdict::Unknown)
    }
}

const fn check(
    group: &'static str,
    name: &'static str,
    about: &'static str,
    judge: fn(&Facts) -> Judged,
) -> Check {
    Check { name, group, about, judge }
}

/// All checks, in the order of the table.
pub(super) const ALL: [Check; 34] = [
    check("server", "settings", "the service's settings can be read", server::settings),
    check("server", "reachable", "Keycloak answers where KEYCLOAK_URL says", server::reachable),
    check("server", "tls", "TLS, and a certificate that is trusted", server::tls),
    check("server", "base-path", "the base path, such as /auth, is right", server::base_path),
    check("server", "realm", "the realm exists and is enabled", server::realm),
    check("server", "issuer", "Keycloak names the issuer that this service expects", server::issuer),
    check("server", "endpoints", "browsers are sent where Keycloak says it is", server::endpoints),
    check("server", "clock", "the clocks of Keycloak and this machine agree", server::clock),
    check("server", "keys", "the realm signs with a key that this service accepts", server::keys),
    check("server", "pinned-key", "KEYCLOAK_PUBLIC_KEY is the realm's key", server::pinned_key),
    check("server", "not-before", "the realm does not revoke its own new tokens", server::not_before),
    check("client", "admin-access", "whoever is named as administrator may look", client::admin_access),
    check("client", "client", "the client exists and is enabled", client::client),
    check("client", "client-secret", "the client's secret is right", client::client_secret),
    check("client", "service-account", "the client gets tokens of its own", client::service_account),
    check("client", "full-scope", "tokens hold no roles but those that are needed", client::full_scope),
    check("client", "direct-grants", "nobody logs in by password without a browser", client::direct_grants),
    check("tokens", "audience-mapper", "tokens name this service in aud", tokens::audience_mapper),
    check("tokens", "roles-mapper", "access tokens hold roles", tokens::roles_mapper),
    check("tokens", "lightweight-tokens", "tokens hold what this service reads", tokens::lightweight),
    check("tokens", "token-accepted", "this service takes the token that its client gets", tokens::accepted),
    check("tokens", "introspection", "the client may introspect tokens", tokens::introspection),
    check("tokens", "token-lifetime", "access tokens live 5 to 15 minutes", tokens::lifetime),
    check("tokens", "userinfo", "userinfo comes in a form that can be checked", tokens::userinfo),
    check("login", "redirect-uri", "a login may lead back to PUBLIC_URL", login::redirect_uri),
    check("login", "post-logout-uri", "a logout may lead back to PUBLIC_URL", login::post_logout_uri),
    check("login", "pkce", "Keycloak insists on PKCE with S256", login::pkce),
    check("login", "implicit-flow", "no tokens in addresses", login::implicit_flow),
    check("login", "web-origins", "web origins agree with CORS_ALLOWED_ORIGINS", login::web_origins),
    check("login", "backchannel-logout", "Keycloak tells this service of logouts", login::backchannel_logout),
    check("realm", "ssl-required", "the realm wants HTTPS", realm::ssl_required),
    check("realm", "brute-force", "passwords cannot be tried without end", realm::brute_force),
    check("realm", "refresh-rotation", "a refresh token is good once", realm::refresh_rotation),
    check(
        "realm",
        "authorization-export",
        "KEYCLOAK_AUTHORIZATION_CONFIG is what Keycloak has now",
        authorization::export,
    ),
];

//! What was gathered from the server, once. Neither secrets nor tokens are in it.

use kc_core::settings::{KeycloakServer, Settings};
use kc_core::transport::TransportError;
use serde_json::Value;

/// All that checks look at.
#[derive(Debug)]
pub(super) struct Facts {
    /// The settings, or the line that says what is wrong with them.
    pub(super) settings: Result<Settings, String>,
    /// The discovery document.
    pub(super) discovery: Asked,
    /// Another base URL under which the realm's discovery document was found, when there is none where it should be.
    pub(super) elsewhere: Option<String>,
    /// The realm's page, with its public key and its not-before.
    pub(super) page: Asked,
    /// The realm's keys.
    pub(super) certs: Asked,
    /// The answer for a token of the client itself; the tokens are taken out.
    pub(super) token: Asked,
    /// The claims of that token.
    pub(super) claims: Option<Value>,
    /// What this service's own validator says of it: a code and a text.
    pub(super) refusal: Option<(&'static str, String)>,
    /// The same token, introspected by the client.
    pub(super) introspection: Asked,
    /// Userinfo for such a token.
    pub(super) userinfo: Asked,
    /// The password grant without a user name.
    pub(super) direct_grant: Asked,
    /// A login without asking anybody (`prompt=none`), with PKCE.
    pub(super) login: Asked,
    /// The same without PKCE.
    pub(super) login_without_pkce: Asked,
    /// The same by the implicit flow.
    pub(super) implicit: Asked,
    /// A logout that is to lead back to the service.
    pub(super) logout: Asked,
    /// A back-channel logout without a token, sent where Keycloak would send it.
    pub(super) backchannel: Asked,
    /// What an administrator sees.
    pub(super) admin: Admin,
    /// What differs between the file and the export; `None` when no file is set.
    pub(super) export: Option<Result<Vec<String>, String>>,
}

/// An answer, or why there is none.
pub(super) type Asked = Result<Answer, Missing>;

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Missing {
    /// It was not asked for, and why.
    NotAsked(String),
    /// It did not come.
    Failed(TransportError),
}

impl Missing {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self::NotAsked(why.into())
    }
}

/// What the server answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its media type, without parameters.
    pub(super) media_type: String,
    /// The body, if it is JSON.
    pub(super) json: Option<Value>,
    /// Where it redirects to.
    pub(super) location: Option<String>,
    /// The algorithm of the JWT that the body is.
    pub(super) jwt_algorithm: Option<String>,
    /// The server's `Date`, in seconds since 1970.
    pub(super) date: Option<i64>,
    /// When it came, by this machine's clock, in seconds since 1970.
    pub(super) at: i64,
}

impl Answer {
    /// A member of the JSON body.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.json.as_ref()?.get(name)
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.member(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// OAuth's code and description of an error.
    pub(super) fn error(&self) -> (&str, &str) {
        (self.text("error"), self.text("error_description"))
    }

    pub(super) fn is_html(&self) -> bool {
        self.media_type == "text/html" || self.media_type == "application/xhtml+xml"
    }
}

/// What the admin API shows.
#[derive(Debug)]
pub(super) enum Admin {
    /// Nobody is named who could look.
    Nobody,
    /// Somebody is named, but gets no token.
    Refused(String),
    /// What they see.
    Seen {
        /// The realm.
        realm: Result<Value, String>,
        /// The client, without its secret.
        client: Result<Value, String>,
        /// All client scopes.
        scopes: Result<Value, String>,
    },
}

/// Why a check was left out for which there is no administrator.
pub(super) const NEEDS_ADMIN: &str = "needs an admin access, see --help";

impl Facts {
    /// The server that the settings name.
    pub(super) fn server(&self) -> Result<(&Settings, &KeycloakServer), String> {
        let settings = self.settings.as_ref().map_err(|_| "the settings come first".to_owned())?;
        let server = settings.keycloak().map_err(|_| "the settings come first".to_owned())?;
        Ok((settings, server))
    }

    /// The realm as an administrator sees it.
    pub(super) fn realm_settings(&self) -> Result<&Value, String> {
        match &self.admin {
            Admin::Seen { realm, .. } => realm.as_ref().map_err(Clone::clone),
            other => Err(other.missing()),
        }
    }

    /// The client as an administrator sees it.
    pub(super) fn client_settings(&self) -> Result<&Value, String> {
        match &self.admin {
            Admin::Seen { client, .. } => client.as_ref().map_err(Clone::clone),
            other => Err(other.missing()),
        }
    }

    /// The client scopes as an administrator sees them.
    pub(super) fn scopes(&self) -> Result<&Value, String> {
        match &self.admin {
            Admin::Seen { scopes, .. } => scopes.as_ref().map_err(Clone::clone),
            other => Err(other.missing()),
        }
    }

    /// The token's claims.
    pub(super) fn claims(&self) -> Result<&Value, String> {
        self.claims.as_ref().ok_or_else(|| match asked(&self.token) {
            Err(why) => why,
            Ok(_) => "there is no token of the client to look at".to_owned(),
        })
    }
}

impl Admin {
    fn missing(&self) -> String {
        match self {
            Self::Refused(_) => "the admin access comes first (admin-access)".to_owned(),
            Self::Nobody | Self::Seen { .. } => NEEDS_ADMIN.to_owned(),
        }
    }
}

/// The answer, or why there is none to judge by.
pub(super) fn asked(asked: &Asked) -> Result<&Answer, String> {
    asked.as_ref().map_err(|missing| match missing {
        Missing::NotAsked(why) => why.clone(),
        Missing::Failed(error) => error.to_string(),
    })
}

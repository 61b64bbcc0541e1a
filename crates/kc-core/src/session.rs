//! A browser's session, as those see it who handle its requests. `kc-login` makes and keeps them.

use std::fmt;
use std::sync::Arc;

use crate::clock::UnixTime;
use crate::secret::Secret;

/// A browser's session. Cheap to clone; `Debug` shows no secret.
///
/// # Example
/// ```
/// use kc_core::Principal;
///
/// /// What a page's form has to hold so that its POST is taken: `kc-login` refuses one without.
/// fn hidden_field(user: &Principal) -> String {
///     let value = user.session().map_or("", |session| session.csrf_token());
///     format!(r#"<input type="hidden" name="csrf_token" value="{value}">"#)
/// }
/// ```
#[derive(Clone)]
pub struct Session {
    facts: Arc<SessionFacts>,
}

/// What is known of a session.
#[derive(Clone)]
pub struct SessionFacts {
    /// The access token that its requests are made in the name of.
    pub access_token: Secret,
    /// What a form or a script has to send along with a request that changes something.
    pub csrf_token: Secret,
    /// What a link has to hold that logs out; good for nothing else.
    pub logout_token: Secret,
    /// When it was begun here.
    pub started_at: UnixTime,
    /// When it ends whatever happens.
    pub ends_at: UnixTime,
    /// When it ends unless another request comes.
    pub idle_until: UnixTime,
}

impl Session {
    /// A session of which this is known.
    #[must_use]
    pub fn new(facts: SessionFacts) -> Self {
        Self { facts: Arc::new(facts) }
    }

    /// The access token, for a request to another service in the user's name, where that service is to be trusted with it.
    #[must_use]
    pub fn access_token(&self) -> &Secret {
        &self.facts.access_token
    }

    /// The value of a form's hidden field `csrf_token`, or of a script's header `X-CSRF-Token`. Pages of this service may
    /// hold it, and nothing else may.
    #[must_use]
    pub fn csrf_token(&self) -> &str {
        self.facts.csrf_token.expose()
    }

    /// The value of `csrf_token` in the query of a link that logs out.
    #[must_use]
    pub fn logout_token(&self) -> &str {
        self.facts.logout_token.expose()
    }

    /// When it was begun here.
    #[must_use]
    pub fn started_at(&self) -> UnixTime {
        self.facts.started_at
    }

    /// When it ends whatever happens.
    #[must_use]
    pub fn ends_at(&self) -> UnixTime {
        self.facts.ends_at
    }

    /// When it ends unless another request comes.
    #[must_use]
    pub fn idle_until(&self) -> UnixTime {
        self.facts.idle_until
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.fmt(f)
    }
}

impl fmt::Debug for SessionFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("started_at", &self.started_at)
            .field("ends_at", &self.ends_at)
            .field("idle_until", &self.idle_until)
            .finish_non_exhaustive()
    }
}

//! Rules: who may do what, as data.
//!
//! A [`Rule`] can be a constant, be printed, be serialised and be tested; nothing in it runs until a request comes.
//!
//! ```
//! use kc_core::rules::{Rule, active, all_of, all_roles, any_role, by_method};
//!
//! const READ: Rule = any_role(&["api-read", "api-admin"]);
//! const DELETE: Rule = all_of(const { &[all_roles(&["api-admin"]), active()] });
//! const ITEMS: Rule = by_method(const { &[("GET", READ), ("DELETE", DELETE)] });
//! assert_eq!(ITEMS.to_string(), "GET: any role of api-read, api-admin; DELETE: role api-admin and active by introspection");
//! ```

mod evaluate;
mod foresee;
mod print;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::evaluate::AcrLevels;
pub(crate) use self::evaluate::{Question, Verdict};
use crate::principal::Principal;

/// Who may pass. Nothing but what it says: a bare role name means the realm's or this client's role, never another
/// client's.
#[derive(Clone)]
pub struct Rule(Kind);

#[derive(Clone)]
enum Kind {
    Acr { level: Cow<'static, str>, max_age: Option<Duration> },
    Active,
    All(Rules),
    AllRoles(Words),
    Any(Rules),
    AnyRole(Words),
    Authenticated,
    ByMethod(Methods),
    ClientRole { client: Cow<'static, str>, role: Cow<'static, str> },
    Custom { name: &'static str, check: fn(&Principal) -> bool },
    Group(Cow<'static, str>),
    Not(Rules),
    Organization(Cow<'static, str>),
    Permission(Permission),
    RealmRole(Cow<'static, str>),
    Scope(Cow<'static, str>),
}

/// A permission that a rule asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Permission {
    /// None: of whatever resource has the scope.
    pub(crate) resource: Option<Cow<'static, str>>,
    pub(crate) scope: Cow<'static, str>,
}

/// Constant where the code knows them, shared where a configuration does.
#[derive(Clone)]
enum Words {
    Constant(&'static [&'static str]),
    Shared(Arc<[String]>),
}

#[derive(Clone)]
enum Rules {
    Constant(&'static [Rule]),
    Shared(Arc<[Rule]>),
}

#[derive(Clone)]
enum Methods {
    Constant(&'static [(&'static str, Rule)]),
    Shared(Arc<[(Cow<'static, str>, Rule)]>),
}

/// Anybody with good credentials.
#[must_use]
pub const fn authenticated() -> Rule {
    Rule(Kind::Authenticated)
}

/// At least one of these roles.
#[must_use]
pub const fn any_role(roles: &'static [&'static str]) -> Rule {
    Rule(Kind::AnyRole(Words::Constant(roles)))
}

/// Every one of these roles; of none, nobody.
#[must_use]
pub const fn all_roles(roles: &'static [&'static str]) -> Rule {
    Rule(Kind::AllRoles(Words::Constant(roles)))
}

/// This role; the realm's or this client's.
#[must_use]
pub fn role(role: impl Into<String>) -> Rule {
    Rule(Kind::AllRoles(Words::Shared(Arc::new([role.into()]))))
}

/// A role of the realm, and not the client's of that name.
#[must_use]
pub const fn realm_role(role: &'static str) -> Rule {
    Rule(Kind::RealmRole(Cow::Borrowed(role)))
}

/// A role of a client, another one too.
#[must_use]
pub const fn client_role(client: &'static str, role: &'static str) -> Rule {
    Rule(Kind::ClientRole { client: Cow::Borrowed(client), role: Cow::Borrowed(role) })
}

/// A word of `scope` (RFC 6749 §3.3).
#[must_use]
pub const fn scope(scope: &'static str) -> Rule {
    Rule(Kind::Scope(Cow::Borrowed(scope)))
}

/// A member of exactly this group, as the token spells it: `/staff/warehouse`.
#[must_use]
pub const fn group(path: &'static str) -> Rule {
    Rule(Kind::Group(Cow::Borrowed(path)))
}

/// A member of this organization, by its alias.
#[must_use]
pub const fn organization(alias: &'static str) -> Rule {
    Rule(Kind::Organization(Cow::Borrowed(alias)))
}

/// What Authorization Services grant for a scope of a resource, by the loaded [configuration](crate::policy). Without one, and
/// where it cannot be decided, nobody passes.
#[must_use]
pub const fn permission(resource: &'static str, scope: &'static str) -> Rule {
    Rule(Kind::Permission(Permission {
        resource: Some(Cow::Borrowed(resource)),
        scope: Cow::Borrowed(scope),
    }))
}

/// What Authorization Services grant for a scope, of any resource that has it: see [`permission`].
#[must_use]
pub const fn scope_permission(scope: &'static str) -> Rule {
    Rule(Kind::Permission(Permission { resource: None, scope: Cow::Borrowed(scope) }))
}

/// An authentication at least this strong (RFC 9470); see [`AcrLevels`] for what is stronger than what.
#[must_use]
pub const fn acr(level: &'static str) -> Rule {
    Rule(Kind::Acr { level: Cow::Borrowed(level), max_age: None })
}

/// Still active, by asking Keycloak (RFC 7662) for every request.
#[must_use]
pub const fn active() -> Rule {
    Rule(Kind::Active)
}

/// Another rule for each method. One that is not listed is refused; `HEAD` counts as `GET`.
#[must_use]
pub const fn by_method(methods: &'static [(&'static str, Rule)]) -> Rule {
    Rule(Kind::ByMethod(Methods::Constant(methods)))
}

/// All of these rules; of none, everybody with credentials.
#[must_use]
pub const fn all_of(rules: &'static [Rule]) -> Rule {
    Rule(Kind::All(Rules::Constant(rules)))
}

/// At least one of these rules; of none, nobody.
#[must_use]
pub const fn any_of(rules: &'static [Rule]) -> Rule {
    Rule(Kind::Any(Rules::Constant(rules)))
}

/// Whoever the rule refuses. A caller whom the rule could not be decided for is refused, too.
#[must_use]
pub fn not(rule: Rule) -> Rule {
    Rule(Kind::Not(Rules::Shared(Arc::new([rule]))))
}

/// A test of your own. `name` stands for it wherever the rule is shown.
#[must_use]
pub const fn custom(name: &'static str, check: fn(&Principal) -> bool) -> Rule {
    Rule(Kind::Custom { name, check })
}

/// A rule by a name of its own, for an extractor to demand.
///
/// ```
/// use kc_core::rules::{Requirement, Rule, any_role};
///
/// struct ReadItems;
///
/// impl Requirement for ReadItems {
///     const RULE: Rule = any_role(&["api-read", "api-admin"]);
/// }
/// ```
pub trait Requirement {
    /// The rule.
    const RULE: Rule;
}

impl Rule {
    /// At least one of these roles, known at run time.
    #[must_use]
    pub fn any_role_of<S: Into<String>>(roles: impl IntoIterator<Item = S>) -> Self {
        Self(Kind::AnyRole(Words::Shared(roles.into_iter().map(Into::into).collect())))
    }

    /// Every one of these roles, known at run time; of none, nobody.
    #[must_use]
    pub fn all_roles_of<S: Into<String>>(roles: impl IntoIterator<Item = S>) -> Self {
        Self(Kind::AllRoles(Words::Shared(roles.into_iter().map(Into::into).collect())))
    }

    /// What Authorization Services grant for a scope of a resource, known at run time: see [`permission`].
    #[must_use]
    pub fn permission_of(resource: impl Into<String>, scope: impl Into<String>) -> Self {
        let resource = Some(Cow::Owned(resource.into()));
        Self(Kind::Permission(Permission { resource, scope: Cow::Owned(scope.into()) }))
    }

    /// Another rule for each method, known at run time.
    #[must_use]
    pub fn by_methods<S: Into<String>>(methods: impl IntoIterator<Item = (S, Self)>) -> Self {
        let methods = methods.into_iter().map(|(method, rule)| (Cow::Owned(method.into()), rule)).collect();
        Self(Kind::ByMethod(Methods::Shared(methods)))
    }

    /// This rule and the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Kind::All(Rules::Shared(Arc::new([self, other]))))
    }

    /// This rule or the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(Kind::Any(Rules::Shared(Arc::new([self, other]))))
    }

    /// For [`acr`]: an authentication not older than this, too (RFC 9470 §3, `max_age`). For other rules it is an
    /// additional demand.
    #[must_use]
    pub fn max_age(self, age: Duration) -> Self {
        match self.0 {
            Kind::Acr { level, .. } => Self(Kind::Acr { level, max_age: Some(age) }),
            other => Self(other).and(Self(Kind::Acr { level: Cow::Borrowed(""), max_age: Some(age) })),
        }
    }
}

/// Why a rule refuses somebody whose credentials are good.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Denial {
    /// None of several possible rights.
    Insufficient {
        /// The scope that would do, if it is one.
        scope: Option<String>,
    },
    /// These roles, out of those that are all needed.
    MissingRoles(Vec<String>),
    /// A permission of Authorization Services.
    Permission {
        /// The resource's name; none: of whatever resource.
        resource: Option<String>,
        /// The scope.
        scope: String,
    },
    /// The login was not strong or not fresh enough (RFC 9470).
    StepUp {
        /// What `acr` has to be.
        acr: Option<String>,
        /// How old the authentication may be.
        max_age: Option<Duration>,
    },
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insufficient { scope: Some(scope) } => write!(f, "the scope {scope} is missing"),
            Self::Insufficient { scope: None } => f.write_str("none of the rights that would do"),
            Self::Permission { resource, scope } => {
                write!(f, "the permission {}#{scope} is missing", resource.as_deref().unwrap_or_default())
            }
            Self::MissingRoles(roles) => write!(f, "missing roles: {}", roles.join(", ")),
            Self::StepUp { acr, max_age } => {
                f.write_str("the login is not strong or fresh enough")?;
                if let Some(acr) = acr {
                    write!(f, ", acr {acr} is needed")?;
                }
                max_age.map_or(Ok(()), |age| write!(f, ", not older than {} s", age.as_secs()))
            }
        }
    }
}

impl Words {
    fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let (constant, shared): (&[&str], &[String]) = match self {
            Self::Constant(words) => (words, &[]),
            Self::Shared(words) => (&[], words),
        };
        constant.iter().copied().chain(shared.iter().map(String::as_str))
    }
}

impl Rules {
    fn as_slice(&self) -> &[Rule] {
        match self {
            Self::Constant(rules) => rules,
            Self::Shared(rules) => rules,
        }
    }
}

impl Methods {
    fn iter(&self) -> Box<dyn Iterator<Item = (&str, &Rule)> + '_> {
        match self {
            Self::Constant(methods) => Box::new(methods.iter().map(|(method, rule)| (*method, rule))),
            Self::Shared(methods) => Box::new(methods.iter().map(|(method, rule)| (method.as_ref(), rule))),
        }
    }

    /// The rule of a method.
    fn get(&self, method: &str) -> Option<&Rule> {
        match self {
            Self::Constant(methods) => {
                methods.iter().find(|(listed, _)| *listed == method).map(|(_, rule)| rule)
            }
            Self::Shared(methods) => {
                methods.iter().find(|(listed, _)| listed == method).map(|(_, rule)| rule)
            }
        }
    }
}

//! What a policy asks of the caller.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::Answer;
use super::claims::{AllClaims, Identity, Target, Text};
use super::config::ByName;
use super::effect::{Effect, Strategy};
use super::error::ConfigError;
use super::export::{RawPolicy, flag_of, needed, object, shown, text_of, wrong};
use super::regex::Pattern;
use super::time::{TimePolicy, Wall};
use crate::clock::UnixTime;

/// Everything that a condition may look at.
pub(super) struct Scene<'a> {
    pub(super) identity: Identity<'a>,
    pub(super) claims: AllClaims<'a>,
    pub(super) now: UnixTime,
    pub(super) wall: Wall<'a>,
    /// The client that the configuration is of, where that is known.
    pub(super) own_client: Option<&'a str>,
}

pub(super) enum Condition {
    /// Other policies, by their places in the list, or [`NOWHERE`](super::config::NOWHERE).
    Aggregate(Strategy, Vec<u32>),
    /// Code of the service answers.
    Answered(Arc<Answer>),
    Client(Vec<String>),
    ClientScope(Vec<Required>),
    Group(Vec<Group>, Option<String>),
    Regex(Box<Target>, Arc<Pattern>),
    Role(Vec<Role>),
    Time(Box<TimePolicy>),
    /// It cannot be decided here, for this reason.
    Undecidable(String),
    User(Vec<String>),
}

/// A name, and whether it has to be there whatever the others are.
pub(super) struct Required {
    name: String,
    required: bool,
}

pub(super) struct Role {
    /// The realm's, without one.
    client: Option<String>,
    role: Required,
}

pub(super) struct Group {
    path: String,
    /// The last segment of the path.
    name: String,
    /// The path and a slash, where the groups below count too.
    below: Option<String>,
}

/// What was read, and what should be known of it.
pub(super) struct Read {
    pub(super) condition: Condition,
    pub(super) notes: Vec<ConfigError>,
}

/// Patterns by their text: policies that have one in common share it, and the memory that matching takes.
pub(super) type Patterns = ByName<Result<Arc<Pattern>, String>>;

/// Reads the condition of a policy that is no aggregate.
pub(super) fn read(raw: &RawPolicy, zone: &TimeZone, patterns: &mut Patterns) -> Result<Read, ConfigError> {
    let mut notes = Vec::new();
    let condition = match raw.kind.as_str() {
        "client" => Condition::Client(list(raw, "clients", &mut notes)?),
        "client-scope" => Condition::ClientScope(required(raw, "clientScopes", &mut notes)?),
        "group" => group(raw, &mut notes)?,
        "regex" => regex(raw, patterns),
        "role" => role(raw, &mut notes)?,
        "time" => match TimePolicy::read(raw, zone) {
            (Ok(policy), more) => {
                notes.extend(more);
                Condition::Time(Box::new(policy))
            }
            (Err(error), _) => Condition::Undecidable(format!("{} {}", short(error.place()), error.what())),
        },
        "user" => Condition::User(list(raw, "users", &mut notes)?),
        "js" => Condition::Undecidable("is a script, which only Keycloak runs".to_owned()),
        kind if kind.starts_with("script-") => {
            Condition::Undecidable("is a script, which only Keycloak runs".to_owned())
        }
        "resource" | "scope" | "uma" => {
            Condition::Undecidable("is a permission, and is used as a policy".to_owned())
        }
        kind => Condition::Undecidable(format!("is of the type {:?}, which is not known here", shown(kind))),
    };
    Ok(Read { condition, notes })
}

fn short(place: &str) -> &str {
    place.rsplit('.').next().unwrap_or(place)
}

fn list(raw: &RawPolicy, key: &str, notes: &mut Vec<ConfigError>) -> Result<Vec<String>, ConfigError> {
    let names = raw.names(key)?.unwrap_or_default();
    none(&names, raw, key, notes);
    Ok(names)
}

fn none<T>(items: &[T], raw: &RawPolicy, key: &str, notes: &mut Vec<ConfigError>) {
    if items.is_empty() {
        notes.push(wrong(&raw.place_of(key), "names none: nobody fulfils it"));
    }
}

fn required(raw: &RawPolicy, key: &str, notes: &mut Vec<ConfigError>) -> Result<Vec<Required>, ConfigError> {
    let items = raw.items(key, |item, place| {
        let item = object(item, place)?;
        Ok(Required { name: needed(item, place, "id")?, required: flag_of(item, place, "required")? })
    })?;
    let items = items.unwrap_or_default();
    none(&items, raw, key, notes);
    Ok(items)
}

fn role(raw: &RawPolicy, notes: &mut Vec<ConfigError>) -> Result<Condition, ConfigError> {
    let roles = required(raw, "roles", notes)?;
    if raw.get("fetchRoles").is_some_and(|text| text.eq_ignore_ascii_case("true")) && !roles.is_empty() {
        let why = "has fetchRoles: Keycloak looks at the roles that the user has now, not at the token's";
        return Ok(Condition::Undecidable(why.to_owned()));
    }
    let roles = roles.into_iter().map(|role| match role.name.split_once('/') {
        None => Role { client: None, role },
        Some((client, name)) => {
            let (client, name) = (client.to_owned(), name.to_owned());
            Role { client: Some(client), role: Required { name, required: role.required } }
        }
    });
    Ok(Condition::Role(roles.collect()))
}

fn group(raw: &RawPolicy, notes: &mut Vec<ConfigError>) -> Result<Condition, ConfigError> {
    let groups = raw.items("groups", |item, place| {
        let item = object(item, place)?;
        let children = flag_of(item, place, "extendChildren")?;
        let Some(path) = text_of(item, place, "path")? else {
            return Err(wrong(place, "has no path: Keycloak names groups by their path when it exports"));
        };
        Ok(Group { name: last_segment(&path), below: children.then(|| format!("{path}/")), path })
    })?;
    let groups = groups.unwrap_or_default();
    none(&groups, raw, "groups", notes);
    let claim = raw.get("groupsClaim").filter(|claim| !claim.is_empty()).map(str::to_owned);
    if claim.is_none() && !groups.is_empty() {
        let what = "has no groupsClaim: Keycloak asks which groups the user is in now; here the full paths in the \
                    token's claim `groups` stand for that, and without them it is not decided";
        notes.push(wrong(&raw.place(), what));
    }
    Ok(Condition::Group(groups, claim))
}

/// A slash that belongs to a name is written `~/`.
fn last_segment(path: &str) -> String {
    let start = path
        .char_indices()
        .rev()
        .find(|(at, letter)| *letter == '/' && !path.get(..*at).is_some_and(|before| before.ends_with('~')));
    let name = start.and_then(|(at, _)| path.get(at + 1..)).unwrap_or(path);
    name.replace("~/", "/")
}

fn regex(raw: &RawPolicy, patterns: &mut Patterns) -> Condition {
    if raw.get("targetContextAttributes").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        return Condition::Undecidable(
            "looks at the context of a request to Keycloak, not at the token".to_owned(),
        );
    }
    let (Some(target), Some(pattern)) = (raw.get("targetClaim"), raw.get("pattern")) else {
        return Condition::Undecidable("has no targetClaim or no pattern".to_owned());
    };
    let read = || Pattern::read(pattern).map(Arc::new);
    match patterns.entry(pattern.to_owned()).or_insert_with(read) {
        Ok(pattern) => Condition::Regex(Box::new(Target::read(target)), Arc::clone(pattern)),
        Err(why) => Condition::Undecidable(format!("has a pattern with {why}, which is not matched here")),
    }
}

impl Condition {
    /// The result before the logic, and why. Aggregates are the business of whoever knows the other policies.
    pub(super) fn decide(&self, scene: &Scene<'_>) -> (Effect, &'static str) {
        match self {
            Self::Aggregate(..) => (Effect::UNKNOWN, "it depends on other policies"),
            Self::Answered(answer) => {
                (Effect::of(answer(&scene.identity, scene.now)), "as this service's own code answers")
            }
            Self::Client(clients) => client(clients, scene),
            Self::ClientScope(scopes) => client_scope(scopes, scene),
            Self::Group(groups, claim) => in_group(groups, claim.as_deref(), scene),
            Self::Regex(target, pattern) => match scene.claims.target(target) {
                Text::Absent => (Effect::DENY, "the claim is not there"),
                Text::Fails => (Effect::FAILS, "the claim is no JSON with such a path"),
                Text::Unknown => (Effect::UNKNOWN, "the claim's spelling is Keycloak's own"),
                Text::Is(text) => match pattern.matches(&text) {
                    Some(true) => (Effect::GRANT, "the claim matches"),
                    Some(false) => (Effect::DENY, "the claim does not match"),
                    None => (Effect::UNKNOWN, "Java and this program differ about letters outside ASCII"),
                },
            },
            Self::Role(roles) => has_role(roles, scene),
            Self::Time(policy) => policy.decide(&scene.wall),
            Self::Undecidable(_) => (Effect::UNKNOWN, "it is not decided here"),
            Self::User(users) => user(users, scene),
        }
    }
}

/// What somebody needs: all that is required, and at least one of all.
fn needs<'r, T: 'r>(
    items: impl Iterator<Item = (&'r T, bool)>,
    mut has: impl FnMut(&T) -> Effect,
) -> (Effect, &'static str) {
    let mut any = Effect::DENY;
    let mut all = Effect::GRANT;
    for (item, required) in items {
        let has = has(item);
        if required {
            if !has.possible {
                return (Effect::DENY, "a required one is missing");
            }
            all.certain &= has.certain;
        }
        any.certain |= has.certain;
        any.possible |= has.possible;
    }
    let effect = Effect { certain: any.certain && all.certain, possible: any.possible, fails: false };
    let why = match effect {
        Effect { certain: true, .. } => "the token has what is needed",
        Effect { possible: false, .. } => "the token has none of them",
        _ => "the token leaves it open",
    };
    (effect, why)
}

fn has_role(roles: &[Role], scene: &Scene<'_>) -> (Effect, &'static str) {
    needs(roles.iter().map(|role| (role, role.role.required)), |role| {
        let name = &role.role.name;
        if scene.identity.roles(role.client.as_deref()).is_some_and(|held| held.contains(name)) {
            return Effect::GRANT;
        }
        // A realm role with a slash in its name is written as a client's is.
        match &role.client {
            Some(client) if scene.identity.claims().realm_roles.contains(&format!("{client}/{name}")) => {
                Effect::UNKNOWN
            }
            _ => Effect::DENY,
        }
    })
}

fn client_scope(scopes: &[Required], scene: &Scene<'_>) -> (Effect, &'static str) {
    let words = &scene.identity.claims().scope;
    if words.is_empty() && !scopes.is_empty() {
        return (Effect::FAILS, "the token has no scope, which Keycloak answers with an error");
    }
    needs(scopes.iter().map(|scope| (scope, scope.required)), |scope| Effect::of(words.contains(&scope.name)))
}

fn client(clients: &[String], scene: &Scene<'_>) -> (Effect, &'static str) {
    match &scene.identity.claims().authorized_party {
        _ if clients.is_empty() => (Effect::DENY, "no client is named"),
        None => (Effect::UNKNOWN, "the token does not say which client got it (azp)"),
        Some(client) if clients.contains(client) => (Effect::GRANT, "the token was issued to this client"),
        Some(_) => (Effect::DENY, "the token was issued to another client"),
    }
}

/// The user name of a client's service account.
const SERVICE_ACCOUNT: &str = "service-account-";

fn user(users: &[String], scene: &Scene<'_>) -> (Effect, &'static str) {
    let claims = scene.identity.claims();
    if users.is_empty() {
        return (Effect::DENY, "no user is named");
    }
    if claims.subject.as_ref().is_some_and(|subject| users.contains(subject)) {
        return (Effect::GRANT, "it is this user, by their id");
    }
    let Some(name) = &claims.username else {
        return (Effect::UNKNOWN, "the token does not name its user (preferred_username)");
    };
    if !users.contains(name) {
        return (Effect::DENY, "it is another user");
    }
    if name.starts_with(SERVICE_ACCOUNT) {
        // The service account of a resource server goes by the client's id in Keycloak's evaluation, which is no user's.
        return match (&claims.authorized_party, scene.own_client) {
            (Some(client), Some(own)) if client == own => {
                (Effect::DENY, "Keycloak counts the resource server's own service account as no user")
            }
            _ => (Effect::UNKNOWN, "whether that client is a resource server is not known here"),
        };
    }
    (Effect::GRANT, "it is this user")
}

fn in_group(groups: &[Group], claim: Option<&str>, scene: &Scene<'_>) -> (Effect, &'static str) {
    const IN: (Effect, &str) = (Effect::GRANT, "the user is in one of the groups");
    const NOT_IN: (Effect, &str) = (Effect::DENY, "the user is in none of the groups");
    if groups.is_empty() {
        return (Effect::DENY, "no group is named");
    }
    let in_path = |path: &str| {
        path.contains('/')
            && groups.iter().any(|group| {
                path == group.path || group.below.as_deref().is_some_and(|below| path.starts_with(below))
            })
    };
    let named = |name: &str| groups.iter().any(|group| name == group.name);
    let live = |paths: &crate::token::Names| {
        if paths.is_empty() {
            return (Effect::UNKNOWN, "the token does not say which groups the user is in");
        }
        // Whether a name without a path is this group, or one below it, or none, cannot be told.
        match (paths.iter().any(in_path), paths.iter().all(|path| path.starts_with('/'))) {
            (true, _) => IN,
            (false, true) => NOT_IN,
            (false, false) => (Effect::UNKNOWN, "the claim `groups` has names without a path"),
        }
    };
    let held = &scene.identity.claims().groups;
    match claim {
        None => live(held),
        Some("groups") if held.is_empty() => live(held),
        Some("groups") => {
            if held.iter().any(|group| in_path(group) || named(group)) {
                IN
            } else {
                NOT_IN
            }
        }
        Some(claim) => {
            let values = scene.claims.values(claim).unwrap_or_default();
            if values.is_empty() {
                return (
                    Effect::UNKNOWN,
                    "the claim is not there, and Keycloak looks at the user's groups instead",
                );
            }
            let mut open = false;
            for value in &values {
                match value {
                    Text::Is(group) if in_path(group) || named(group) => return IN,
                    Text::Is(_) | Text::Absent => {}
                    Text::Fails | Text::Unknown => open = true,
                }
            }
            if open { (Effect::UNKNOWN, "the claim holds something else than names") } else { NOT_IN }
        }
    }
}

/// In a few words, for the trace.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, what: &str, names: &mut dyn Iterator<Item = String>| {
            let names: Vec<String> = names.collect();
            write!(f, "{what} {}", names.join(", "))
        };
        match self {
            Self::Aggregate(strategy, children) => write!(f, "{} of {}", strategy.name(), children.len()),
            Self::Answered(_) => f.write_str("answered by code"),
            Self::Client(clients) => list(f, "client", &mut clients.iter().cloned()),
            Self::ClientScope(scopes) => list(f, "client scope", &mut scopes.iter().map(ToString::to_string)),
            Self::Group(groups, claim) => {
                list(f, "group", &mut groups.iter().map(ToString::to_string))?;
                claim.as_ref().map_or(Ok(()), |claim| write!(f, " by the claim {claim}"))
            }
            Self::Regex(target, _) => match &**target {
                Target::Claim(claim) => write!(f, "pattern for the claim {claim}"),
                Target::Path(claim, path) => write!(f, "pattern for {claim}.{}", path.join(".")),
            },
            Self::Role(roles) => list(f, "role", &mut roles.iter().map(ToString::to_string)),
            Self::Time(_) => f.write_str("time"),
            Self::Undecidable(why) => write!(f, "it {why}"),
            Self::User(users) => list(f, "user", &mut users.iter().cloned()),
        }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.required { " (required)" } else { "" })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.client {
            Some(client) => write!(f, "{client}/{}", self.role),
            None => self.role.fmt(f),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, if self.below.is_some() { " and below" } else { "" })
    }
}

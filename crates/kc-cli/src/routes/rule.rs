//! A rule as a service printed it, and what can be said of it when not all is known of a caller.

use serde_json::Value;

/// What can be said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Truth {
    No,
    Unknown,
    Yes,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

/// What is asked of a caller, one thing.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Atom {
    Acr {
        level: String,
        max_age_secs: Option<u64>,
    },
    Active,
    ClientRole {
        client: String,
        role: String,
    },
    /// A test in the service's code, by its name.
    Custom(String),
    Group(String),
    Organization(String),
    /// Of a newer service: as it is written.
    Other(String),
    Permission {
        resource: Option<String>,
        scope: String,
    },
    RealmRole(String),
    /// The realm's or the service's own client's.
    Role(String),
    Scope(String),
}

impl Atom {
    /// Whoever satisfies this one satisfies the other.
    pub(super) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::RealmRole(role), Self::Role(other)) => role == other,
            (Self::Acr { level, max_age_secs }, Self::Acr { level: other, max_age_secs: other_age }) => {
                let number = |text: &str| text.parse::<u64>().ok();
                let strong = other.is_empty()
                    || level == other
                    || matches!((number(level), number(other)), (Some(got), Some(needed)) if got >= needed);
                let fresh = match (max_age_secs, other_age) {
                    (_, None) => true,
                    (Some(age), Some(other)) => age <= other,
                    (None, Some(_)) => false,
                };
                strong && fresh
            }
            _ => self == other,
        }
    }

    /// In words.
    pub(super) fn say(&self) -> String {
        match self {
            Self::Acr { level, max_age_secs } => {
                let level = if level.is_empty() { "a login".to_owned() } else { format!("acr {level}") };
                max_age_secs.map_or_else(|| level.clone(), |age| format!("{level}, not older than {age} s"))
            }
            Self::Active => "whether the token is still active (introspection)".to_owned(),
            Self::ClientRole { client, role } => format!("role {role} of client {client}"),
            Self::Custom(name) => format!("{name} (in the service's code)"),
            Self::Group(path) => format!("group {path}"),
            Self::Organization(alias) => format!("organization {alias}"),
            Self::Other(text) => text.clone(),
            Self::Permission { resource, scope } => {
                format!("permission {}#{scope}", resource.as_deref().unwrap_or_default())
            }
            Self::RealmRole(role) => format!("realm role {role}"),
            Self::Role(role) => format!("role {role}"),
            Self::Scope(scope) => format!("scope {scope}"),
        }
    }

    fn role(&self) -> Option<&str> {
        match self {
            Self::ClientRole { role, .. } | Self::RealmRole(role) | Self::Role(role) => Some(role),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    /// Of none: everybody whose credentials are good.
    All(Vec<Self>),
    /// Of none: nobody.
    Any(Vec<Self>),
    Atom(Atom),
    Not(Box<Self>),
}

impl Rule {
    /// What [`kc_core::rules::Rule`] serialises itself as. What is not known here is an [`Atom::Other`].
    pub(crate) fn read(value: &Value) -> Self {
        Self::known(value).unwrap_or_else(|| Self::Atom(Atom::Other(value.to_string())))
    }

    fn known(value: &Value) -> Option<Self> {
        let members = value.as_object()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let texts = |value: &Value| value.as_array()?.iter().map(text).collect::<Option<Vec<_>>>();
        let pair = |value: &Value| <[String; 2]>::try_from(texts(value)?).ok();
        let rules = |value: &Value| Some(value.as_array()?.iter().map(Self::read).collect::<Vec<_>>());
        let roles = |value: &Value| {
            Some(texts(value)?.into_iter().map(|role| Self::Atom(Atom::Role(role))).collect::<Vec<_>>())
        };
        if let Some(level) = members.get("acr") {
            let max_age_secs = match members.get("max_age_secs") {
                None => None,
                Some(age) => Some(age.as_u64()?),
            };
            let known = members.len() == 1 + usize::from(max_age_secs.is_some());
            return known.then_some(Self::Atom(Atom::Acr { level: text(level)?, max_age_secs }));
        }
        let (1, Some((name, value))) = (members.len(), members.iter().next()) else { return None };
        let atom = match name.as_str() {
            "active" => Atom::Active,
            "all_of" => return Some(Self::All(rules(value)?)),
            "all_roles" => {
                let roles = roles(value)?;
                // A list that a configuration left empty is for nobody.
                return Some(if roles.is_empty() { Self::Any(roles) } else { Self::All(roles) });
            }
            "any_of" => return Some(Self::Any(rules(value)?)),
            "any_role" => return Some(Self::Any(roles(value)?)),
            "authenticated" => return Some(Self::All(Vec::new())),
            "client_role" => {
                let [client, role] = pair(value)?;
                Atom::ClientRole { client, role }
            }
            "custom" => Atom::Custom(text(value)?),
            "group" => Atom::Group(text(value)?),
            "not" => return Some(Self::Not(Box::new(Self::All(rules(value)?)))),
            "organization" => Atom::Organization(text(value)?),
            "permission" => {
                let [resource, scope] = pair(value)?;
                Atom::Permission { resource: Some(resource), scope }
            }
            "realm_role" => Atom::RealmRole(text(value)?),
            "scope" => Atom::Scope(text(value)?),
            "scope_permission" => Atom::Permission { resource: None, scope: text(value)? },
            _ => return None,
        };
        Some(Self::Atom(atom))
    }

    /// Adds what is asked of a caller, each once.
    pub(crate) fn atoms(&self, atoms: &mut Vec<Atom>) {
        match self {
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.atoms(atoms)),
            Self::Atom(atom) if !atoms.contains(atom) => atoms.push(atom.clone()),
            Self::Atom(_) => {}
            Self::Not(rule) => rule.atoms(atoms),
        }
    }

    /// What can be said of a caller of whom is known what `of` says.
    pub(crate) fn truth(&self, of: &impl Fn(&Atom) -> Truth) -> Truth {
        match self {
            Self::All(rules) => combined(rules, of, Truth::No),
            Self::Any(rules) => combined(rules, of, Truth::Yes),
            Self::Atom(atom) => of(atom),
            Self::Not(rule) => rule.truth(of).not(),
        }
    }

    /// What stands in the way, or would have to be known, in words.
    pub(super) fn lacking(&self, of: &impl Fn(&Atom) -> Truth) -> Vec<String> {
        if self.truth(of) == Truth::Yes {
            return Vec::new();
        }
        match self {
            Self::All(rules) => {
                // Where something is missing, what is not known makes no difference.
                let worst = self.truth(of);
                let mut all: Vec<String> = Vec::new();
                for text in
                    rules.iter().filter(|rule| rule.truth(of) == worst).flat_map(|rule| rule.lacking(of))
                {
                    if !all.contains(&text) {
                        all.push(text);
                    }
                }
                all
            }
            Self::Any(rules) if rules.is_empty() => vec!["nothing: nobody passes".to_owned()],
            Self::Any(rules) => {
                let each: Vec<String> = rules.iter().map(|rule| rule.lacking(of).join(" and ")).collect();
                vec![each.join(" or ")]
            }
            Self::Atom(atom) => vec![atom.say()],
            Self::Not(rule) => {
                let mut atoms = Vec::new();
                rule.atoms(&mut atoms);
                vec![format!("not to have {}", atoms.iter().map(Atom::say).collect::<Vec<_>>().join(", "))]
            }
        }
    }

    /// The roles that would help, each once.
    pub(super) fn missing_roles(&self, of: &impl Fn(&Atom) -> Truth) -> Vec<String> {
        fn add(rule: &Rule, of: &impl Fn(&Atom) -> Truth, roles: &mut Vec<String>) {
            if rule.truth(of) == Truth::Yes {
                return;
            }
            match rule {
                Rule::All(rules) | Rule::Any(rules) => rules.iter().for_each(|rule| add(rule, of, roles)),
                Rule::Atom(atom) => {
                    if let Some(role) = atom.role().filter(|_| of(atom) == Truth::No)
                        && !roles.iter().any(|known| known == role)
                    {
                        roles.push(role.to_owned());
                    }
                }
                Rule::Not(_) => {}
            }
        }
        let mut roles = Vec::new();
        add(self, of, &mut roles);
        roles
    }
}

/// The first rule that is `decisive` decides; else what is not known; else the opposite.
fn combined(rules: &[Rule], of: &impl Fn(&Atom) -> Truth, decisive: Truth) -> Truth {
    let mut truth = decisive.not();
    for rule in rules {
        match rule.truth(of) {
            one if one == decisive => return decisive,
            Truth::Unknown => truth = Truth::Unknown,
            _ => {}
        }
    }
    truth
}

#[cfg(test)]
mod tests {
    use kc_core::rules::{self, Rule as Written};
    use serde_json::json;

    use super::*;

    fn read(rule: &Written) -> Rule {
        Rule::read(&serde_json::to_value(rule).unwrap())
    }

    #[test]
    fn every_rule_that_can_be_written_is_read() {
        let rule = rules::any_role(&["a", "b"])
            .and(rules::all_roles(&["c"]))
            .and(rules::realm_role("r"))
            .and(rules::client_role("client", "x"))
            .and(rules::scope("s"))
            .and(rules::group("/g"))
            .and(rules::organization("o"))
            .and(rules::permission("p", "q"))
            .and(rules::scope_permission("q"))
            .and(rules::acr("gold").max_age(std::time::Duration::from_secs(60)))
            .and(rules::active())
            .and(rules::not(rules::custom("mine", |_| true)))
            .and(rules::authenticated().or(rules::role("z")));
        let mut atoms = Vec::new();
        read(&rule).atoms(&mut atoms);
        assert_eq!(atoms.len(), 14, "{atoms:?}");
        assert!(!atoms.iter().any(|atom| matches!(atom, Atom::Other(_))), "{atoms:?}");
        let kinds: std::collections::BTreeSet<_> =
            atoms.iter().map(std::mem::discriminant).map(|kind| format!("{kind:?}")).collect();
        assert_eq!(kinds.len(), 10);
    }

    #[test]
    fn what_is_not_known_is_not_decided() {
        for value in
            [json!({"new_kind": 1}), json!({"any_role": [1]}), json!({"scope": "a", "more": 1}), json!(1)]
        {
            let rule = Rule::read(&value);
            assert_eq!(rule, Rule::Atom(Atom::Other(value.to_string())));
        }
    }

    #[test]
    fn a_list_of_no_roles_is_for_nobody_and_no_rule_for_everybody() {
        let unknown = |_: &Atom| Truth::Unknown;
        assert_eq!(read(&rules::all_roles(&[])).truth(&unknown), Truth::No);
        assert_eq!(read(&rules::any_of(&[])).truth(&unknown), Truth::No);
        assert_eq!(read(&rules::all_of(&[])).truth(&unknown), Truth::Yes);
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_there_is_not() {
        let rule = rules::all_roles(&["a", "b"]).and(rules::any_role(&["c", "d"])).and(rules::active());
        let of = |atom: &Atom| match atom {
            Atom::Role(role) if role == "a" => Truth::Yes,
            Atom::Active => Truth::Unknown,
            _ => Truth::No,
        };
        let rule = read(&rule);
        assert_eq!(rule.truth(&of), Truth::No);
        assert_eq!(rule.lacking(&of), ["role b", "role c or role d"]);
        assert_eq!(rule.missing_roles(&of), ["b", "c", "d"]);
    }

    #[test]
    fn what_cannot_be_decided_stays_so_turned_round() {
        let rule = read(&rules::not(rules::permission("p", "q")));
        assert_eq!(rule.truth(&|_: &Atom| Truth::Unknown), Truth::Unknown);
        assert_eq!(rule.truth(&|_: &Atom| Truth::No), Truth::Yes);
    }
}

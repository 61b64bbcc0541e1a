//! A rule as text and as JSON, for tables, logs and OpenAPI.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Kind, Permission, Rule, Words};

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Acr { level, max_age } => {
                match level.as_ref() {
                    "" => f.write_str("authenticated")?,
                    level => write!(f, "acr at least {level}")?,
                }
                max_age.map_or(Ok(()), |age| write!(f, ", not older than {} s", age.as_secs()))
            }
            Kind::Active => f.write_str("active by introspection"),
            Kind::All(rules) => join(f, rules.as_slice(), " and ", "any valid token"),
            Kind::AllRoles(roles) if roles.iter().count() == 1 => write!(f, "role {}", List(roles)),
            Kind::AllRoles(roles) => write!(f, "all roles of {}", List(roles)),
            Kind::Any(rules) => join(f, rules.as_slice(), " or ", "nobody"),
            Kind::AnyRole(roles) => write!(f, "any role of {}", List(roles)),
            Kind::Authenticated => f.write_str("any valid token"),
            Kind::ByMethod(methods) => {
                for (n, (method, rule)) in methods.iter().enumerate() {
                    write!(f, "{}{method}: {rule}", if n == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Kind::ClientRole { client, role } => write!(f, "role {role} of client {client}"),
            Kind::Custom { name, .. } => f.write_str(name),
            Kind::Group(path) => write!(f, "group {path}"),
            Kind::Not(rules) => {
                f.write_str("not (")?;
                join(f, rules.as_slice(), " and ", "")?;
                f.write_str(")")
            }
            Kind::Organization(alias) => write!(f, "organization {alias}"),
            Kind::Permission(Permission { resource: Some(resource), scope }) => {
                write!(f, "permission {resource}#{scope}")
            }
            Kind::Permission(Permission { resource: None, scope }) => write!(f, "permission #{scope}"),
            Kind::RealmRole(role) => write!(f, "realm role {role}"),
            Kind::Scope(scope) => write!(f, "scope {scope}"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, rules: &[Rule], between: &str, none: &str) -> fmt::Result {
    if rules.is_empty() {
        return f.write_str(none);
    }
    for (n, rule) in rules.iter().enumerate() {
        f.write_str(if n == 0 { "" } else { between })?;
        // Only a list within a list leaves open what belongs together.
        if matches!(&rule.0, Kind::All(_) | Kind::Any(_)) && rules.len() > 1 {
            write!(f, "({rule})")?;
        } else {
            write!(f, "{rule}")?;
        }
    }
    Ok(())
}

struct List<'a>(&'a Words);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, word) in self.0.iter().enumerate() {
            write!(f, "{}{word}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({self})")
    }
}

/// One member, named as the function that makes the rule.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.0 {
            Kind::Acr { level, max_age } => {
                map.serialize_entry("acr", level)?;
                if let Some(age) = max_age {
                    map.serialize_entry("max_age_secs", &age.as_secs())?;
                }
            }
            Kind::Active => map.serialize_entry("active", &true)?,
            Kind::All(rules) => map.serialize_entry("all_of", rules.as_slice())?,
            Kind::AllRoles(roles) => map.serialize_entry("all_roles", &roles.iter().collect::<Vec<_>>())?,
            Kind::Any(rules) => map.serialize_entry("any_of", rules.as_slice())?,
            Kind::AnyRole(roles) => map.serialize_entry("any_role", &roles.iter().collect::<Vec<_>>())?,
            Kind::Authenticated => map.serialize_entry("authenticated", &true)?,
            Kind::ByMethod(methods) => {
                let methods: std::collections::BTreeMap<_, _> = methods.iter().collect();
                map.serialize_entry("by_method", &methods)?;
            }
            Kind::ClientRole { client, role } => map.serialize_entry("client_role", &[client, role])?,
            Kind::Custom { name, .. } => map.serialize_entry("custom", name)?,
            Kind::Group(path) => map.serialize_entry("group", path)?,
            Kind::Not(rules) => map.serialize_entry("not", rules.as_slice())?,
            Kind::Organization(alias) => map.serialize_entry("organization", alias)?,
            Kind::Permission(Permission { resource: Some(resource), scope }) => {
                map.serialize_entry("permission", &[resource, scope])?;
            }
            Kind::Permission(Permission { resource: None, scope }) => {
                map.serialize_entry("scope_permission", scope)?
            }
            Kind::RealmRole(role) => map.serialize_entry("realm_role", role)?,
            Kind::Scope(scope) => map.serialize_entry("scope", scope)?,
        }
        map.end()
    }
}

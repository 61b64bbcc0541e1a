//! Which routes there are, who may call them, and what is exempt.

use serde_json::Value;

use crate::defect::Defect;

/// What a route asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rule {
    Public,
    Authenticated,
    All(&'static [&'static str]),
    Any(&'static [&'static str]),
    /// All of these, and active by introspection.
    AllAndActive(&'static [&'static str]),
}

/// The rule of a path and a method; an error is the methods that the path has, none for no path.
pub(crate) fn of(method: &str, path: &str) -> Result<Rule, &'static [&'static str]> {
    let get: &'static [&'static str] = &["GET", "HEAD"];
    let is_get = get.contains(&method);
    let both: &'static [&'static str] = &["GET", "HEAD", "POST"];
    let item = path.strip_prefix("/items/").filter(|id| !id.is_empty() && !id.contains('/'));
    match path {
        "/health" if is_get => Ok(Rule::Public),
        "/me" if is_get => Ok(Rule::Authenticated),
        "/items" if is_get => Ok(Rule::Any(&["api-read", "api-admin"])),
        "/items" if method == "POST" => Ok(Rule::All(&["api-admin"])),
        "/admin/users" | "/service-token" if is_get => Ok(Rule::All(&["admin"])),
        "/reports" if is_get => Ok(Rule::All(&["staff"])),
        "/cases" if is_get => Ok(Rule::All(&["judge"])),
        "/cases" if method == "POST" => Ok(Rule::All(&["admin", "judge"])),
        "/health" | "/me" | "/admin/users" | "/service-token" | "/reports" => Err(get),
        "/items" | "/cases" => Err(both),
        _ if item.is_some() && method == "DELETE" => Ok(Rule::AllAndActive(&["api-admin"])),
        _ if item.is_some() => Err(&["DELETE"]),
        _ => Err(&[]),
    }
}

/// The roles that count.
pub(crate) fn roles(claims: &Value, defect: Option<Defect>) -> Vec<String> {
    let of = |access: &Value| -> Vec<String> {
        let roles = access["roles"].as_array().cloned().unwrap_or_default();
        roles.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut roles = of(&claims["realm_access"]);
    if defect == Some(Defect::RolesOfAnyClient) {
        let clients = claims["resource_access"].as_object();
        roles.extend(clients.into_iter().flat_map(|clients| clients.values()).flat_map(of));
    }
    roles.extend(of(&claims["resource_access"]["api"]));
    roles
}

/// Whether the path is exempt.
pub(crate) fn is_exempt(path: &str, prefixes: &[String], defect: Option<Defect>) -> bool {
    let is_normal = !path.contains("//") && !path.contains("/.") && !path.contains(['%', ';', '\\']);
    if !is_normal && defect != Some(Defect::ExemptionsOfRawPathsRoutesOfNormalOnes) {
        return false;
    }
    prefixes.iter().any(|prefix| {
        let (path, prefix) = match defect {
            Some(Defect::ExemptionsIgnoreCase) => (path.to_lowercase(), prefix.to_lowercase()),
            _ => (path.to_owned(), prefix.clone()),
        };
        let rest = path.strip_prefix(&prefix);
        rest.is_some_and(|rest| {
            defect == Some(Defect::ExemptionsMatchPrefixes) || rest.is_empty() || rest.starts_with('/')
        })
    })
}

/// The path without dot segments.
pub(crate) fn normalised(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
        if segment == ".." {
            segments.pop();
        } else {
            segments.push(segment);
        }
    }
    format!("/{}", segments.join("/"))
}

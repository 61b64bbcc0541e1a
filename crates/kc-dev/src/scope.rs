//! The `scope` of a request, resolved: which client scopes apply and what the word `scope` then says.

use crate::realm::{Client, ClientScope, Realm, User};

/// Which organizations a request asks about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Organizations {
    /// `organization:*`, or plain `organization`.
    All,
    /// `organization:ALIAS`.
    Named(Vec<String>),
}

/// The scopes that were granted.
#[derive(Debug)]
pub(crate) struct GrantedScope<'a> {
    pub(crate) openid: bool,
    pub(crate) offline: bool,
    pub(crate) scopes: Vec<&'a ClientScope>,
    pub(crate) organizations: Option<Organizations>,
    /// `scope` of tokens and answers.
    pub(crate) shown: String,
    /// `scope` of refresh tokens: the hidden ones too.
    pub(crate) all: String,
}

/// Words that the client may not ask for.
#[derive(Debug)]
pub(crate) struct InvalidScope;

/// Resolves the words that a client asks for. `user` is who the token is about.
///
/// Words are separated by single spaces, as Keycloak splits them: an empty text is one empty, hence unknown, word.
pub(crate) fn resolve<'a>(
    realm: &'a Realm,
    client: &Client,
    user: &User,
    requested: Option<&str>,
) -> Result<GrantedScope<'a>, InvalidScope> {
    check(realm, client, requested)?;
    Ok(granted(realm, client, user, requested.unwrap_or_default().split_whitespace()))
}

/// Whether every word is one that the client may ask for.
pub(crate) fn check(realm: &Realm, client: &Client, requested: Option<&str>) -> Result<(), InvalidScope> {
    let Some(requested) = requested else { return Ok(()) };
    let words: Vec<&str> = requested.split(' ').collect();
    if words == [""] {
        return Err(InvalidScope);
    }
    let known = words.iter().filter(|word| !word.is_empty()).all(|word| is_allowed(realm, client, word));
    // The different ways to ask for organizations exclude each other.
    let forms = |form: fn(&str) -> bool| words.iter().any(|word| form(word));
    let plain = forms(|word| word == ORGANIZATION);
    let all = forms(|word| word == "organization:*");
    let named = forms(|word| word.starts_with("organization:") && word != "organization:*");
    if !known || u8::from(plain) + u8::from(all) + u8::from(named) > 1 {
        return Err(InvalidScope);
    }
    Ok(())
}

/// The scope of a refresh: the words asked for that the first request had, plus the client's default scopes.
pub(crate) fn narrowed<'a>(
    realm: &'a Realm,
    client: &Client,
    user: &User,
    first: &str,
    requested: Option<&str>,
) -> GrantedScope<'a> {
    let had = |word: &&str| first.split_whitespace().any(|first| first == *word);
    match requested {
        Some(requested) => granted(realm, client, user, requested.split_whitespace().filter(had)),
        None => granted(realm, client, user, first.split_whitespace()),
    }
}

const ORGANIZATION: &str = "organization";

fn is_allowed(realm: &Realm, client: &Client, word: &str) -> bool {
    let has =
        |name: &str| client.default_scopes.iter().chain(&client.optional_scopes).any(|scope| scope == name);
    match word.strip_prefix("organization:") {
        Some("*") => has(ORGANIZATION),
        Some(alias) => {
            has(ORGANIZATION) && realm.organizations.iter().any(|organization| organization.alias == alias)
        }
        None => word == "openid" || has(word),
    }
}

fn granted<'a, 'w>(
    realm: &'a Realm,
    client: &Client,
    user: &User,
    words: impl Iterator<Item = &'w str>,
) -> GrantedScope<'a> {
    let mut words: Vec<&str> = words.collect();
    let mut granted = GrantedScope {
        openid: words.contains(&"openid"),
        offline: false,
        scopes: Vec::new(),
        organizations: None,
        shown: String::new(),
        all: String::new(),
    };
    words.sort_unstable();
    words.dedup();
    let (mut shown, mut all) = (Vec::new(), Vec::new());
    if granted.openid {
        shown.push("openid");
        all.push("openid");
    }
    let defaults = client.default_scopes.iter().map(String::as_str);
    let asked =
        words.iter().copied().filter(|word| client.default_scopes.iter().all(|default| default != word));
    for word in defaults.chain(asked) {
        let (name, alias) = word.split_once(':').map_or((word, None), |(name, alias)| (name, Some(alias)));
        let Some(scope) = realm.scopes.get(name) else { continue };
        // A scope that carries roles is for users who have one of them.
        if !scope.roles.is_empty() && scope.roles.is_disjoint(&user.roles) && name != OFFLINE {
            continue;
        }
        if name == ORGANIZATION {
            let member = |alias: &str| {
                realm.organizations.iter().any(|organization| {
                    organization.members.contains(&user.username)
                        && (alias == "*" || organization.alias == alias)
                })
            };
            match alias {
                Some(alias) if !member(alias) => continue,
                Some("*") | None => granted.organizations = Some(Organizations::All),
                Some(alias) => match &mut granted.organizations {
                    Some(Organizations::Named(aliases)) => aliases.push(alias.to_owned()),
                    _ => granted.organizations = Some(Organizations::Named(vec![alias.to_owned()])),
                },
            }
        }
        granted.offline |= name == OFFLINE;
        granted.scopes.push(scope);
        all.push(word);
        if scope.in_token_scope {
            shown.push(word);
        }
    }
    granted.shown = shown.join(" ");
    granted.all = all.join(" ");
    granted
}

const OFFLINE: &str = "offline_access";

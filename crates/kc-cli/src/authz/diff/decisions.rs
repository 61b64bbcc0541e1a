//! The decisions about people one has at hand, by both configurations.

use std::collections::BTreeSet;

use kc_core::clock::UnixTime;
use kc_core::policy::{AuthorizationConfig, IdentityClaims, Verdict};
use serde::Serialize;

use super::side::{Side, shown};

/// Somebody, by the claims of an access token.
pub(super) struct Caller {
    line: usize,
    who: String,
    claims: IdentityClaims,
}

/// A decision that is not what it was.
#[derive(Debug, Serialize)]
pub(super) struct Differs {
    /// Of the file with the claims.
    pub(super) line: usize,
    /// Their user name, or whatever of it the claims have.
    pub(super) who: String,
    /// `resource#scope`, `resource`, or `#scope` of any resource.
    pub(super) asked: String,
    pub(super) before: Verdict,
    pub(super) after: Verdict,
    pub(super) reasons_before: Vec<String>,
    pub(super) reasons_after: Vec<String>,
}

/// What was compared.
#[derive(Debug, Serialize)]
pub(super) struct Decisions {
    pub(super) identities: usize,
    pub(super) compared: usize,
    pub(super) different: Vec<Differs>,
}

/// Reads claims, an object a line.
pub(super) fn callers(text: &[u8]) -> Result<Vec<Caller>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = (1..).zip(text.split(|byte| *byte == b'\n'));
    let read = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(line, text)| {
        let claims = IdentityClaims::from_json(text)
            .map_err(|error| format!("line {line} is no object of claims that Keycloak issues: {error}"))?;
        let known = claims.identity().claims();
        let who = [&known.username, &known.subject, &known.authorized_party].into_iter().flatten().next();
        let who = who.cloned().unwrap_or_else(|| "nobody in particular".to_owned());
        Ok(Caller { line, who, claims })
    });
    let callers: Vec<Caller> = read.collect::<Result<_, String>>()?;
    if callers.is_empty() { Err("has no line with claims".to_owned()) } else { Ok(callers) }
}

/// Asks both for each resource and scope that either has, and for each scope of any resource.
pub(super) fn compare(before: &Side, after: &Side, callers: &[Caller], now: UnixTime) -> Decisions {
    let (before, after) = (&before.config, &after.config);
    let asks = asks(before, after);
    let mut different = Vec::new();
    for caller in callers {
        let identity = caller.claims.identity();
        for (resource, scope) in &asks {
            let scopes: Vec<&str> = scope.iter().copied().collect();
            let verdict =
                |config: &AuthorizationConfig| config.decide(&identity, *resource, &scopes, now).verdict();
            let (was, is) = (verdict(before), verdict(after));
            if was == is {
                continue;
            }
            let reasons =
                |config: &AuthorizationConfig| config.explain(&identity, *resource, &scopes, now).reasons;
            different.push(Differs {
                line: caller.line,
                who: caller.who.clone(),
                asked: shown(*resource, *scope),
                before: was,
                after: is,
                reasons_before: reasons(before),
                reasons_after: reasons(after),
            });
        }
    }
    Decisions { identities: callers.len(), compared: callers.len() * asks.len(), different }
}

type Ask<'a> = (Option<&'a str>, Option<&'a str>);

fn asks<'a>(before: &'a AuthorizationConfig, after: &'a AuthorizationConfig) -> BTreeSet<Ask<'a>> {
    let mut asks = BTreeSet::new();
    let resources: BTreeSet<&str> = before.resources().chain(after.resources()).collect();
    for resource in resources {
        let scopes: BTreeSet<&str> =
            [before, after].into_iter().filter_map(|config| config.scopes_of(resource)).flatten().collect();
        asks.extend(scopes.iter().map(|scope| (Some(resource), Some(*scope))));
        if scopes.is_empty() {
            asks.insert((Some(resource), None));
        }
    }
    asks.extend(before.scopes().chain(after.scopes()).map(|scope| (None, Some(scope))));
    asks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_line_by_line_and_a_wrong_line_is_named() {
        let callers =
            self::callers(b"{\"preferred_username\":\"alice\"}\n\n  {\"sub\":\"7\"}\r\n{}").unwrap();
        let who: Vec<(usize, &str)> =
            callers.iter().map(|caller| (caller.line, caller.who.as_str())).collect();
        assert_eq!(who, [(1, "alice"), (3, "7"), (4, "nobody in particular")]);
        let wrong = self::callers(b"{}\n[]\n").err().unwrap();
        assert!(wrong.starts_with("line 2 is no object of claims"), "{wrong}");
        assert!(self::callers(b"\n").err().unwrap().contains("no line"));
    }
}

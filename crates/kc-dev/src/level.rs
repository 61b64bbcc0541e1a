//! Levels of authentication: what a login is asked for, which steps that takes, and what `acr` then says.

use serde_json::Value;

use crate::realm::{Client, Realm};

/// The level of a request that asks for none.
const NONE: i64 = -1;

/// What a login is asked to reach (OpenID Connect Core, sections 3.1.2.1 and 5.5.1.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wanted {
    /// Names or numbers, as asked for.
    pub(crate) names: Vec<String>,
    /// Nothing less will do.
    pub(crate) essential: bool,
}

/// An essential name that is no level of the realm.
#[derive(Debug)]
pub(crate) struct UnknownLevel;

impl Wanted {
    /// Reads the parameters `claims` and `acr_values`; an essential claim wins, then a voluntary one, then `acr_values`,
    /// then the client's attribute `default.acr.values`.
    pub(crate) fn read(client: &Client, claims: Option<&str>, acr_values: Option<&str>) -> Self {
        let claims: Value = claims.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let acr = claims.get("id_token").and_then(|claims| claims.get("acr")).unwrap_or(&Value::Null);
        let several = acr.get("values").and_then(Value::as_array).into_iter().flatten();
        let claimed: Vec<String> =
            several.chain(acr.get("value")).filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if !claimed.is_empty() {
            let essential = acr.get("essential").is_some_and(|value| value == &Value::Bool(true));
            return Self { names: claimed, essential };
        }
        let words: Vec<String> =
            acr_values.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let default = client.attributes.get("default.acr.values").map_or("", String::as_str);
        let names = if words.is_empty() {
            default.split("##").filter(|name| !name.is_empty()).map(str::to_owned).collect()
        } else {
            words
        };
        Self { names, essential: false }
    }

    /// The level asked for: the lowest of all. A name that isn't known asks for none, unless it is essential.
    pub(crate) fn level(&self, realm: &Realm) -> Result<i64, UnknownLevel> {
        let mut lowest = None;
        for name in &self.names {
            let level = match number(realm, name) {
                Some(level) => level,
                None if self.essential => return Err(UnknownLevel),
                None => NONE,
            };
            lowest = Some(lowest.map_or(level, |lowest: i64| lowest.min(level)));
        }
        Ok(lowest.unwrap_or(NONE))
    }
}

/// The steps of a login that starts at `reached` (`None`: from nothing) to get to `wanted`, lowest first.
///
/// A realm that names no levels has one step, which stands for none.
pub(crate) fn steps(realm: &Realm, reached: Option<i64>, wanted: i64) -> Vec<Option<i64>> {
    let levels = || realm.login_levels.iter().map(|(level, _)| *level);
    match (reached, levels().next()) {
        (None, None) => vec![None],
        // From nothing the first step is always due.
        (None, Some(first)) => {
            levels().filter(|level| *level == first || *level <= wanted).map(Some).collect()
        }
        (Some(reached), _) => {
            levels().filter(|level| *level > reached && *level <= wanted).map(Some).collect()
        }
    }
}

/// The highest level that a session still holds. `held` has each level with when it was reached.
pub(crate) fn held<'a>(realm: &Realm, held: impl IntoIterator<Item = (&'a i64, &'a i64)>, now: i64) -> i64 {
    let lasts = |level: i64| {
        realm.login_levels.iter().find(|(known, _)| *known == level).map_or(0, |(_, secs)| *secs)
    };
    held.into_iter()
        .filter(|(level, at)| now < **at + lasts(**level))
        .map(|(level, _)| *level)
        .max()
        .unwrap_or(NONE)
}

/// What `acr` says of a level: the strongest of the names asked for that it meets, of the first list that has one; else
/// the realm's name for it.
///
/// `level` is absent where the realm's login has no levels; then a fresh login counts as 1 and a session that went on as 0.
pub(crate) fn acr(realm: &Realm, level: Option<i64>, fresh: bool, asked: [&[String]; 2]) -> String {
    let level = level.unwrap_or(i64::from(fresh));
    for names in asked {
        let mut best: Option<(i64, &String)> = None;
        for name in names {
            let number = number(realm, name).filter(|number| (0..=level).contains(number));
            if let Some(number) = number.filter(|number| best.is_none_or(|(best, _)| *number > best)) {
                best = Some((number, name));
            }
        }
        if let Some((_, name)) = best {
            return name.clone();
        }
    }
    let named = realm.acr_levels.iter().rfind(|(_, known)| *known <= level);
    named.map_or_else(|| level.to_string(), |(name, _)| name.clone())
}

fn number(realm: &Realm, name: &str) -> Option<i64> {
    let named = realm.acr_levels.iter().find(|(known, _)| known == name).map(|(_, level)| *level);
    named.or_else(|| name.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::{Wanted, acr, held, steps};
    use crate::builder::DEMO_REALM;
    use crate::realm::Realm;

    fn realm() -> Realm {
        Realm::from_json(DEMO_REALM).expect("the demo realm")
    }

    fn wanted(names: &[&str], essential: bool) -> Wanted {
        Wanted { names: names.iter().map(|name| (*name).to_owned()).collect(), essential }
    }

    fn said(level: i64, names: &[&str]) -> String {
        acr(&realm(), Some(level), true, [&[], &wanted(names, false).names])
    }

    #[test]
    fn the_lowest_of_several_is_asked_for() {
        let realm = realm();
        let level = |names: &[&str]| wanted(names, false).level(&realm).expect("voluntary");
        assert_eq!(level(&["gold", "silver"]), 1);
        assert_eq!(level(&["nope", "gold"]), -1);
        assert_eq!(level(&["2"]), 2);
        assert_eq!(level(&[]), -1);
        assert!(wanted(&["nope"], true).level(&realm).is_err());
    }

    #[test]
    fn acr_says_the_name_that_was_asked_for_where_the_level_meets_it() {
        assert_eq!(said(1, &[]), "silver");
        assert_eq!(said(2, &[]), "gold");
        assert_eq!(said(1, &["0"]), "0");
        assert_eq!(said(1, &["-1"]), "silver");
        assert_eq!(said(2, &["2", "gold"]), "2");
        assert_eq!(said(2, &["3"]), "gold");
        assert_eq!(said(0, &[]), "0");
    }

    #[test]
    fn steps_lead_from_what_is_held_to_what_is_asked_for() {
        let realm = realm();
        assert_eq!(steps(&realm, None, -1), [Some(1)]);
        assert_eq!(steps(&realm, None, 2), [Some(1), Some(2)]);
        assert_eq!(steps(&realm, Some(1), 2), [Some(2)]);
        assert_eq!(steps(&realm, Some(1), 1), []);
        assert_eq!(held(&realm, [(&1, &100), (&2, &100)], 100), 1, "level 2 of this realm does not last");
        assert_eq!(held(&realm, [(&1, &100)], 100 + 36_000), -1);
    }

    #[test]
    fn the_claims_parameter_goes_before_acr_values() {
        let realm = realm();
        let client = realm.clients.get("api").expect("api");
        let read = |claims| Wanted::read(client, Some(claims), Some("gold"));
        let essential = r#"{"id_token":{"acr":{"essential":true,"values":["silver"]}}}"#;
        assert_eq!(read(essential), wanted(&["silver"], true));
        assert_eq!(read(r#"{"id_token":{"acr":{"value":"silver"}}}"#), wanted(&["silver"], false));
        for nothing in ["x", "[]", r#"{"id_token":{"acr":null}}"#, r#"{"userinfo":{"acr":{"value":"x"}}}"#] {
            assert_eq!(read(nothing), wanted(&["gold"], false));
        }
    }
}

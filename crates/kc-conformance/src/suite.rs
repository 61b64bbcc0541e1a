//! The registry.

use crate::case::Case;
use crate::cases;

/// The case that looks at what all others have left behind.
pub(crate) const LAST: &str = "logs/nothing-confidential-in-the-whole-run";

/// Every case, in order.
pub(crate) fn all() -> Vec<Case> {
    [
        cases::bearer::cases(),
        cases::token::cases(),
        cases::header::cases(),
        cases::signature::cases(),
        cases::claims::cases(),
        cases::kind::cases(),
        cases::issued::cases(),
        cases::keys::cases(),
        cases::key_lists::cases(),
        cases::roles::cases(),
        cases::introspection::cases(),
        cases::service_token::cases(),
        cases::routes::cases(),
        cases::challenges::cases(),
        cases::problems::cases(),
        cases::cors::cases(),
        cases::methods::cases(),
        cases::paths::cases(),
        cases::exempt::cases(),
        cases::limits::cases(),
        cases::logs::cases(),
        cases::inventory::cases(),
        cases::settings::cases(),
        cases::startup::cases(),
        cases::shutdown::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the case must run after all others.
pub(crate) fn is_last(id: &str) -> bool {
    id == LAST
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_id_is_unique_and_has_the_form_group_slash_name() {
        let mut seen = BTreeSet::new();
        for case in all() {
            let id = case.info.id;
            let (group, name) = id.split_once('/').unwrap();
            let plain = |text: &str| {
                !text.is_empty()
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-/".contains(&b))
            };
            assert!(plain(group) && plain(name), "{id}");
            assert!(!case.info.spec.is_empty(), "{id}");
            assert!(seen.insert(id.clone()), "{id} is there twice");
        }
        assert!(seen.len() >= 150, "{}", seen.len());
        assert!(seen.contains(LAST));
    }
}

//! Which resource is meant by the pattern of a route.

use crate::access::shape;

/// The resource of a route among names with their `uris`; `None` when there is none, or no best one.
pub(super) fn of_route<'r>(
    resources: impl Iterator<Item = (&'r str, &'r [String])>,
    pattern: &str,
) -> Option<&'r str> {
    let wanted = shape(trimmed(pattern));
    // How well one fits: the same is best, then the wildcard that leaves least open.
    let mut best: Option<(usize, &str)> = None;
    let mut tied = false;
    for (name, uris) in resources {
        for fit in uris.iter().filter_map(|uri| fit(uri, &wanted)) {
            match best {
                Some((earlier, other)) if earlier == fit => tied |= other != name,
                Some((earlier, _)) if earlier > fit => {}
                _ => (best, tied) = (Some((fit, name)), false),
            }
        }
    }
    best.filter(|_| !tied).map(|(_, name)| name)
}

fn fit(uri: &str, wanted: &str) -> Option<usize> {
    match uri.strip_suffix("/*") {
        // `/x/*` takes in `/x` and all below it.
        Some(above) => {
            let above = shape(above);
            let behind = wanted.strip_prefix(above.as_str())?;
            (behind.is_empty() || behind.starts_with('/')).then_some(above.len())
        }
        None => (shape(trimmed(uri)) == wanted).then_some(usize::MAX),
    }
}

/// Without a slash at the end, which Keycloak does not look at.
fn trimmed(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_by_its_shape_and_by_the_longest_wildcard() {
        let file: [(&str, &[&str]); 5] = [
            ("store", &["/api/inventory", "/api/inventory/*"]),
            ("special", &["/api/inventory/special/*"]),
            ("report", &["/api/report/{id}", "/api/report"]),
            ("twice", &["/api/same"]),
            ("again", &["/api/same"]),
        ];
        let uris: Vec<(&str, Vec<String>)> = file
            .iter()
            .map(|(name, uris)| (*name, uris.iter().map(|uri| (*uri).to_owned()).collect()))
            .collect();
        for (pattern, resource) in [
            ("/api/inventory", Some("store")),
            ("/api/inventory/", Some("store")),
            ("/api/inventory/{id}", Some("store")),
            ("/api/inventory/special", Some("special")),
            ("/api/inventory/special/{x}/y", Some("special")),
            ("/api/inventoryx", None),
            ("/api/report/{nr}", Some("report")),
            ("/api/report/{nr}/pdf", None),
            ("/api/same", None),
            ("/", None),
        ] {
            let all = uris.iter().map(|(name, uris)| (*name, uris.as_slice()));
            assert_eq!(of_route(all, pattern), resource, "{pattern}");
        }
    }
}

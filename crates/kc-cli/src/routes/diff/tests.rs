use kc_core::Access;
use kc_core::routes::{ReportFormat, RouteReport};
use kc_core::rules::{
    Rule as Written, acr, active, all_roles, any_role, authenticated, by_method, not, realm_role, role,
};
use kc_core::wire::ExemptPaths;
use kc_core::{Guard, RouteTable};

use super::*;

fn service(routes: &[(&str, Access)], exempt: &[&str]) -> Service {
    let mut table = RouteTable::default();
    for (pattern, access) in routes {
        table.add(*pattern, access.clone());
    }
    let guard = Guard::builder("r").exempt(ExemptPaths::new(exempt).unwrap()).build();
    Service::read(RouteReport::new(&table, &guard).to(ReportFormat::Json).as_bytes()).unwrap()
}

/// Who passes that did not, when a route's access becomes another one.
fn wider(was: impl Into<Access>, is: impl Into<Access>) -> Option<String> {
    let report = compare(&service(&[("/x", was.into())], &[]), &service(&[("/x", is.into())], &[]));
    assert_eq!(report.wider, report.changes.iter().any(|change| change.wider.is_some()));
    report.changes.into_iter().find_map(|change| change.wider)
}

const AB: Written = any_role(&["a", "b"]);

#[test]
fn access_is_wider_when_somebody_passes_who_did_not() {
    assert_eq!(wider(role("a"), AB).unwrap(), "who has role b passes, for one");
    assert_eq!(wider(role("a"), role("b")).unwrap(), "who has role b passes, for one");
    assert_eq!(wider(all_roles(&["a", "b"]), role("a")).unwrap(), "who has role a passes, for one");
    assert_eq!(wider(role("a"), authenticated()).unwrap(), "whoever has a good token passes");
    assert_eq!(wider(role("a").and(active()), role("a")).unwrap(), "who has role a passes, for one");
    assert_eq!(wider(not(role("a")), authenticated()).unwrap(), "who has role a passes, for one");
    assert_eq!(wider(realm_role("a"), role("a")).unwrap(), "who has role a passes, for one");
    assert_eq!(wider(acr("2"), acr("1")).unwrap(), "who has acr 1 passes, for one");
    assert_eq!(wider(role("a"), Access::Optional).unwrap(), "whoever has no credentials passes");
    assert_eq!(wider(Access::Optional, Access::Public).unwrap(), "credentials are not looked at any more");
}

#[test]
fn access_that_is_stricter_or_the_same_in_other_words_is_not_wider() {
    for (was, is) in [
        (AB, role("a")),
        (authenticated(), role("a")),
        (role("a").or(role("b")), AB),
        (role("a").and(role("b")), all_roles(&["b", "a"])),
        (role("a"), realm_role("a")),
        (acr("1"), acr("2")),
        (acr("gold"), acr("gold").max_age(std::time::Duration::from_secs(60))),
        (authenticated(), not(role("a"))),
    ] {
        assert_eq!(wider(was.clone(), is.clone()), None, "{was} -> {is}");
    }
    assert_eq!(wider(Access::Public, authenticated()), None);
    assert_eq!(wider(authenticated(), Access::Page(authenticated())), None);
}

#[test]
fn the_same_routes_are_no_difference_whatever_their_parameters_are_called() {
    let before = service(&[("/items/{id}", role("a").into()), ("/health", Access::Public)], &["/docs"]);
    let after = service(&[("/health", Access::Public), ("/items/{name}", role("a").into())], &["/docs"]);
    let report = compare(&before, &after);
    assert!(report.same && !report.wider, "{report:?}");
    assert_eq!(report.text(Paint(false)), "no difference\n");
}

#[test]
fn a_new_route_is_wider_if_it_is_open_or_takes_paths_from_a_stricter_one() {
    let items = ("/items/{id}", Access::from(role("admin")));
    let before = service(std::slice::from_ref(&items), &[]);
    let with = |route: (&str, Access)| compare(&before, &service(&[items.clone(), route], &[]));
    assert!(!with(("/orders", role("clerk").into())).wider);
    assert!(with(("/open", Access::Public)).wider);
    assert!(with(("/home", Access::Optional)).wider);
    let taken = with(("/items/new", role("clerk").into()));
    assert!(taken.changes[0].wider.as_ref().unwrap().contains("served by /items/{id}"), "{taken:?}");
    assert!(!with(("/items/new", all_roles(&["admin", "clerk"]).into())).wider);
}

#[test]
fn a_route_that_is_gone_is_wider_if_its_paths_fall_to_a_laxer_one() {
    let rest = ("/{*rest}", Access::from(authenticated()));
    let special = ("/admin/users", Access::from(role("admin")));
    let report = compare(&service(&[rest.clone(), special.clone()], &[]), &service(&[rest], &[]));
    assert!(report.changes[0].wider.as_ref().unwrap().contains("/{*rest}"), "{report:?}");
    assert!(!compare(&service(&[special], &[]), &service(&[], &[])).wider);
}

#[test]
fn methods_are_compared_each_by_itself() {
    const BEFORE: Written = by_method(const { &[("GET", any_role(&["a"])), ("POST", any_role(&["b"]))] });
    const AFTER: Written = by_method(const { &[("GET", any_role(&["a"])), ("POST", any_role(&["a"]))] });
    let report = compare(&service(&[("/x", BEFORE.into())], &[]), &service(&[("/x", AFTER.into())], &[]));
    assert_eq!(
        report.text(Paint(false)),
        "~ POST  /x  any role of b -> any role of a\n    wider: who has role a passes, for one\n\nsomebody may do more than before\n"
    );
}

#[test]
fn an_exempt_prefix_that_is_new_is_wider_and_one_that_is_gone_is_not() {
    let routes = [("/docs/a", Access::from(role("a")))];
    let (with, without) = (service(&routes, &["/docs"]), service(&routes, &[]));
    let report = compare(&without, &with);
    assert!(
        report.wider && report.exempt.added == ["/docs"] && report.changes[0].wider.is_some(),
        "{report:?}"
    );
    assert!(!compare(&with, &without).wider);
}

#[test]
fn rules_that_are_too_large_to_compare_count_as_wider() {
    // Each pair doubles what there is to look at.
    let pairs = |salt: &str| {
        (0..24).map(|n| role(format!("a{n}")).or(role(format!("{salt}{n}")))).reduce(Written::and).unwrap()
    };
    let parity = |salt: &str| not(pairs(salt)).or(pairs(salt).and(active()));
    let said = wider(parity("b"), parity("c"));
    assert!(said.is_some(), "{said:?}");
}

#[test]
fn a_pattern_covers_what_it_matches() {
    for (general, particular, expected) in [
        ("/{}", "/a", true),
        ("/{}/b", "/a/b", true),
        ("/{*}", "/a/b", true),
        ("/a/{*}", "/a", false),
        ("/{}", "/a/b", false),
        ("/{}", "/{*}", false),
        ("/a/{}", "/a/", false),
    ] {
        assert_eq!(covers(general, particular), expected, "{general} {particular}");
    }
}

//! How one gets in.

use browser_tests::patiently;

use crate::scene::{PASSWORD, SIGN_IN, Scene, USERNAME};
use crate::world::named;

pub(super) fn back_to_the_page(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.visit("/account?from=here&slash=%2F");
    scene.is_asked_to_log_in();
    scene.picture("login");
    scene.log_in_as(&alice);
    scene.is_at("/account?from=here&slash=%2F");
    scene.browser.reads(&format!("{alice}@example.test"));
    scene.browser.reads("admin, ");
    assert_eq!(scene.browser.cookies(), ["kc-session"], "nothing is left of the login but the session");
    scene.visit("/");
    scene.browser.reads(&format!("You are logged in as {alice}."));
}

pub(super) fn wrong_password(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.visit("/account");
    scene.is_asked_to_log_in();
    scene.try_to_log_in_as(&alice, "wrong");
    scene.browser.reads("Invalid username or password.");
    scene.picture("told");
    scene.log_in_as(&alice);
    scene.is_at("/account");
    scene.browser.reads(&alice);
}

pub(super) fn disabled_user(scene: &Scene<'_>) {
    let dave = scene.world.people.like("dave");
    scene.visit("/account");
    scene.is_asked_to_log_in();
    scene.log_in_as(&dave);
    scene.browser.reads("Account is disabled, contact your administrator.");
    scene.picture("told");
    scene.visit("/");
    scene.browser.reads("You are not logged in.");
    assert!(!scene.browser.cookies().contains(&"kc-session".to_owned()));
}

pub(super) fn two_tabs(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    let first = scene.browser.tab();
    scene.visit("/account?tab=1");
    scene.is_asked_to_log_in();
    let second = scene.browser.open_tab();
    scene.visit("/account?tab=2");
    scene.is_asked_to_log_in();
    scene.log_in_as(&alice);
    scene.is_at("/account?tab=2");
    scene.browser.look_at(&first);
    gets_to(scene, "/account?tab=1", &alice);
    for (tab, path) in [(second, "/account?tab=2"), (first, "/account?tab=1")] {
        scene.browser.look_at(&tab);
        scene.browser.reload();
        scene.is_at(path);
        scene.browser.reads(&alice);
    }
}

pub(super) fn back_button(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.back();
    // The login page, to whoever made it, is of a login that is over: filled in again, it leads to an explanation.
    let explained = "//a[text()='Try again']";
    patiently(
        || {
            let _sent = scene.browser.try_to_write(USERNAME, &alice)
                && scene.browser.try_to_write(PASSWORD, &alice)
                && scene.browser.try_to_click(SIGN_IN);
            scene.browser.shows(explained).then_some(())
        },
        || format!("nothing is explained:\n{}", scene.browser.text_of_page()),
    );
    scene.picture("told");
    scene.browser.click(explained);
    scene.is_at("/");
    scene.browser.reads(&format!("You are logged in as {alice}."));
}

/// Waits until the browser is at a page. A login page that shows meanwhile may go on by itself, as Keycloak's do when
/// another tab has logged in; whoever sees it and does not wait fills it in.
fn gets_to(scene: &Scene<'_>, path: &str, name: &str) {
    let expected = format!("{}{path}", scene.own().url);
    patiently(
        || {
            if scene.browser.address() == expected {
                return Some(());
            }
            // It may go away at each of these steps.
            let _sent = scene.browser.try_to_write(USERNAME, name)
                && scene.browser.try_to_write(PASSWORD, name)
                && scene.browser.try_to_click(SIGN_IN);
            None
        },
        || format!("{expected} is not shown:\n{}", scene.browser.text_of_page()),
    );
}

pub(super) fn expired_page(scene: &Scene<'_>) {
    scene.world.in_expiring_realm(|realm| {
        let service = named(&realm.services, scene.service);
        let alice = realm.people.like("alice");
        let open = || {
            scene.browser.go(&format!("{}/account?late=1", service.url));
            scene.browser.find(PASSWORD);
        };
        let then = || {
            scene.log_in_as(&alice);
            scene.browser.reads("Your login attempt timed out. Login will start from the beginning.");
        };
        realm.issuer.with_expired_pages(open, then);
        scene.picture("told");
        scene.log_in_as(&alice);
        scene.is_at_page_of(service, "/account?late=1");
        scene.browser.reads(&alice);
    });
}

pub(super) fn forgotten_login(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    let login = scene.browser.tab();
    scene.visit("/account");
    scene.is_asked_to_log_in();
    // The cookie that is gone when its time is up.
    scene.browser.open_tab();
    scene.visit("/");
    let cookies = scene.browser.cookies();
    let begun: Vec<_> = cookies.iter().filter(|name| name.starts_with("kc-login-")).collect();
    assert_eq!(begun.len(), 1, "{cookies:?}");
    begun.into_iter().for_each(|name| scene.browser.forget_cookie(name));
    scene.browser.look_at(&login);
    scene.log_in_as(&alice);
    scene.browser.reads("This login did not succeed");
    scene.browser.reads("took too long");
    scene.picture("told");
    scene.browser.click("//a[text()='Try again']");
    scene.is_at("/");
    scene.browser.reads(&format!("You are logged in as {alice}."));
}

pub(super) fn stronger_login(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.reads("silver");
    scene.visit("/oidc/authenticate?acr_values=gold&next=/account");
    scene.browser.arrives("the login page", |address| address.starts_with(scene.world.issuer.base()));
    scene.browser.write(PASSWORD, &alice);
    scene.picture("asked");
    scene.browser.click(SIGN_IN);
    scene.is_at("/account");
    scene.browser.reads("gold");
}

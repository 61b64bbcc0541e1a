//! How one gets out.

use browser_tests::patiently;

use crate::issuer::Kind;
use crate::scene::Scene;

const EVERYWHERE: &str = "//button[text()='Log out everywhere']";
const ONLY_HERE: &str = "//button[text()='Log out of this service only']";

pub(super) fn everywhere(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.click(EVERYWHERE);
    is_home_and_logged_out(scene);
    // The issuer does not know the browser any more, or it would not ask.
    scene.visit("/account");
    scene.is_asked_to_log_in();
}

pub(super) fn by_link(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.click("//nav//a[text()='Log out']");
    is_home_and_logged_out(scene);
    scene.visit("/account");
    scene.is_asked_to_log_in();
}

pub(super) fn only_here(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.click(ONLY_HERE);
    is_home_and_logged_out(scene);
    scene.visit("/account");
    scene.is_at("/account");
    scene.browser.reads(&alice);
}

fn is_home_and_logged_out(scene: &Scene<'_>) {
    scene.browser.reads("You are not logged in.");
    let home = format!("{}/", scene.own().url);
    scene.browser.arrives(&home, |address| address.split('?').next() == Some(&home));
    assert!(!scene.browser.cookies().contains(&"kc-session".to_owned()));
}

pub(super) fn back_button(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.browser.click(EVERYWHERE);
    is_home_and_logged_out(scene);
    scene.browser.back();
    scene.is_asked_to_log_in();
    assert!(!scene.browser.text_of_page().contains(&format!("{alice}@example.test")));
}

pub(super) fn at_the_issuer(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    let browser = &scene.browser;
    let own = browser.tab();
    browser.open_tab();
    match scene.world.issuer.kind() {
        Kind::KcDev => {
            browser.go(&format!("{}/protocol/openid-connect/logout", scene.world.issuer.url()));
            browser.click("//button[text()='Logout']");
            browser.reads("You are logged out");
        }
        Kind::Keycloak => {
            browser.go(&format!("{}/account", scene.world.issuer.url()));
            browser.click("//*[@data-testid='options-toggle']");
            scene.picture("account-console");
            browser.click("//*[@role='menuitem'][normalize-space(.)='Sign out']");
            scene.is_asked_to_log_in();
        }
    }
    browser.look_at(&own);
    scene.is_logged_out_of(scene.own());
}

pub(super) fn by_the_administrator(scene: &Scene<'_>) {
    let alice = scene.world.people.like("alice");
    scene.log_in(&alice);
    scene.world.issuer.log_out(&alice);
    scene.is_logged_out_of(scene.own());
}

pub(super) fn at_another_service(scene: &Scene<'_>) {
    let (alice, other) = (scene.world.people.like("alice"), scene.other());
    scene.log_in(&alice);
    scene.browser.go(&format!("{}/account", other.url));
    scene.is_at_page_of(other, "/account");
    scene.browser.click(EVERYWHERE);
    patiently(
        || scene.browser.address().starts_with(&format!("{}/?", other.url)).then_some(()),
        || format!("the logout does not end:\n{}", scene.browser.text_of_page()),
    );
    scene.is_logged_out_of(scene.own());
}

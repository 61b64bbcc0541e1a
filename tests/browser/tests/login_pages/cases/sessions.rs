//! What holds while one is in.

use browser_tests::patiently;

use crate::scene::{PASSWORD, Scene, USERNAME};

pub(super) fn refresh(scene: &Scene<'_>) {
    let (alice, service) = (scene.world.people.like("alice"), scene.impatient());
    scene.browser.go(&format!("{}/account", service.url));
    scene.is_asked_to_log_in();
    scene.log_in_as(&alice);
    scene.is_at_page_of(service, "/account");
    patiently(
        || {
            scene.browser.reload();
            scene.is_at_page_of(service, "/account");
            scene.browser.reads(&alice);
            // The first may come before the first token has run out; the second one comes after that.
            (scene.recorded(service, "refresh", &alice) >= 2).then_some(())
        },
        || "the access token is not renewed".to_owned(),
    );
}

pub(super) fn refused_refresh(scene: &Scene<'_>) {
    let (alice, service) = (scene.world.people.like("alice"), scene.impatient());
    scene.browser.go(&format!("{}/account", service.url));
    scene.is_asked_to_log_in();
    scene.log_in_as(&alice);
    scene.is_at_page_of(service, "/account");
    scene.world.issuer.log_out(&alice);
    scene.is_logged_out_of(service);
}

pub(super) fn single_sign_on(scene: &Scene<'_>) {
    let (alice, other) = (scene.world.people.like("alice"), scene.other());
    scene.log_in(&alice);
    scene.browser.go(&format!("{}/account", other.url));
    scene.is_at_page_of(other, "/account");
    scene.browser.reads(&alice);
    // And the first one is none the worse for it.
    scene.visit("/account");
    scene.is_at("/account");
    scene.browser.reads(&alice);
}

pub(super) fn staff(scene: &Scene<'_>) {
    let bob = scene.world.people.like("bob");
    scene.visit("/admin/");
    scene.is_asked_to_log_in();
    scene.log_in_as(&bob);
    scene.is_at("/admin/");
    scene.browser.reads(&format!("Only staff sees this page. You are {bob}."));
}

pub(super) fn not_staff(scene: &Scene<'_>) {
    let (carol, bob) = (scene.world.people.like("carol"), scene.world.people.like("bob"));
    scene.log_in(&carol);
    assert!(!scene.browser.shows("//nav//a[text()='Staff']"));
    scene.visit("/admin/");
    scene.is_at("/admin/");
    scene.browser.reads("This page is not for you");
    scene.picture("refused");
    scene.browser.click("//a[text()='Log in as somebody else']");
    scene.browser.find(PASSWORD);
    scene.picture("somebody-else");
    scene.browser.click("//*[@id='reset-login']");
    scene.browser.find(USERNAME);
    scene.log_in_as(&bob);
    scene.is_at("/admin/");
    scene.browser.reads(&format!("Only staff sees this page. You are {bob}."));
}

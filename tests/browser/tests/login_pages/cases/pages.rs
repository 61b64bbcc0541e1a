//! How it looks.

use browser_tests::Look;
use serde_json::Value;

use crate::scene::Scene;

const DESK: Look = Look { width: 1000, height: 700, phone: false, dark: false };
const PHONE: Look = Look { width: 390, height: 844, phone: true, dark: false };
const LOOKS: [(&str, Look); 3] = [("desk", DESK), ("phone", PHONE), ("dark", Look { dark: true, ..DESK })];

pub(super) fn suit_every_screen(scene: &Scene<'_>) {
    let (alice, carol) = (scene.world.people.like("alice"), scene.world.people.like("carol"));
    scene.visit("/");
    shown(scene, "home-logged-out", "You are not logged in.");
    scene.visit("/oidc/callback?state=unknown&code=unknown");
    shown(scene, "failed-login", "This login was not begun in this browser");
    scene.log_in(&carol);
    scene.visit("/admin/");
    shown(scene, "staff-refused", "This page is not for you");
    scene.visit("/");
    scene.browser.click("//nav//a[text()='Log out']");
    scene.browser.reads("You are not logged in.");
    scene.log_in(&alice);
    shown(scene, "account", &alice);
    scene.visit("/");
    shown(scene, "home", "You are logged in as");
    scene.visit("/admin/");
    shown(scene, "staff", "Only staff sees this page.");
    let complaints = scene.browser.complaints();
    // The browser tells of every answer that is an error; here two are to be.
    assert!(complaints.iter().all(|one| one["source"] == "network"), "{complaints:?}");
}

fn shown(scene: &Scene<'_>, what: &str, says: &str) {
    let browser = &scene.browser;
    for (name, look) in LOOKS {
        browser.show_as(look);
        browser.reload();
        browser.reads(says);
        scene.picture(&format!("{what}.{name}"));
        let too_wide = "const all = document.documentElement; return all.scrollWidth - all.clientWidth";
        assert_eq!(browser.evaluate(too_wide), Value::from(0), "{what} on {name} is too wide");
        let background =
            "const [red] = getComputedStyle(document.body).backgroundColor.match(/\\d+/); return +red";
        let background = browser.evaluate(background).as_u64().unwrap();
        assert_eq!(background < 100, look.dark, "{what} on {name} is not what its user wants");
        assert_eq!(browser.evaluate("return document.scripts.length"), Value::from(0));
    }
    browser.show_as(DESK);
}

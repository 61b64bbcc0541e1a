//! The page of `kc dev`, in Chromium. Pictures are in `target/browser-screenshots`. No Keycloak is asked.

// Clippy lets tests panic; it knows their helper functions by this.
#![cfg(test)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use browser_tests::{Browser, Look};
use kc_dev::{Alg, DevIssuer};
use serde_json::{Value, json};

const DESK: Look = Look { width: 1280, height: 1700, phone: false, dark: false };
const DARK: Look = Look { dark: true, ..DESK };
const PHONE: Look = Look { width: 390, height: 2600, phone: true, dark: false };

/// Keeps what is to be seen now.
fn picture(browser: &Browser, name: &str) {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(3).unwrap().join("browser-screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let file: PathBuf = folder.join(format!("dev-page.{name}.png"));
    browser.photograph(&file).unwrap();
}

/// Serves one page of another origin, for as long as the test runs; its address.
fn page_of_somebody_else(html: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html;charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                html.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(html.as_bytes()));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn it_makes_a_token_shows_what_is_in_it_and_copies_it() {
    let issuer = DevIssuer::builder().shared_keys().start().await.unwrap();
    let browser = Browser::watched();
    browser.show_as(DESK);
    browser.go(&format!("{}/", issuer.base_url()));
    browser.reads("Make a token");
    picture(&browser, "form");

    browser.write("//input[@id='user']", "carol");
    browser.write("//input[@id='roles']", "admin api/api-admin");
    browser.write("//input[@id='expires_in']", "900");
    browser.click("//button[text()='Make token']");
    let payload: Value = serde_json::from_str(&browser.text("//pre[@id='payload']")).unwrap();
    assert_eq!(payload["preferred_username"], "carol");
    assert_eq!(payload["resource_access"]["api"]["roles"], json!(["api-admin"]));
    let token = browser.text("//pre[@id='jwt']");
    assert_eq!(token.split('.').count(), 3);
    assert!(browser.text("//pre[@id='send']").contains(&token));
    // A browser without a clipboard selects instead.
    browser.click("//button[@data-copy='jwt']");
    browser.find("//button[@data-copy='jwt'][text()='Copied' or text()='Selected: copy it']");
    for (look, name) in [(DESK, "token"), (DARK, "token.dark"), (PHONE, "token.phone")] {
        browser.show_as(look);
        picture(&browser, name);
        let wider = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(wider), json!(false), "{name} does not have to be scrolled sideways");
    }
    browser.show_as(DESK);

    browser.click("//select[@id='broken']/option[@value='expired']");
    browser.click("//button[text()='Make token']");
    browser.reads("Broken on purpose: it ended an hour ago");
    picture(&browser, "broken");

    let before = issuer.kid(Alg::Rs256).await.unwrap();
    browser.click("//button[text()='Replace the RS256 key']");
    browser.reads("its tokens are distrusted");
    assert_ne!(issuer.kid(Alg::Rs256).await.unwrap(), before);

    assert_eq!(browser.complaints(), [] as [Value; 0]);
    let own = format!("{}/", issuer.base_url());
    let foreign: Vec<_> = browser
        .requested()
        .into_iter()
        .filter(|url| url.starts_with("http") && !url.starts_with(&own))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_can_neither_mint_nor_rotate_and_names_are_no_markup() {
    let evil = "<script>document.title='owned'</script>\"'><img src=x onerror=\"document.title='owned'\">";
    let realm = json!({
        "realm": "evil",
        "clients": [{ "clientId": "api", "secret": "s" }],
        "users": [{ "username": evil, "enabled": true, "realmRoles": [evil] }],
    });
    let issuer = DevIssuer::builder().shared_keys().realm_json(realm.to_string()).start().await.unwrap();
    let kid = issuer.kid(Alg::Rs256).await.unwrap();
    let own = format!("{}/", issuer.base_url());
    let elsewhere = page_of_somebody_else(format!(
        "<!DOCTYPE html><title>cats</title><iframe src=\"{own}\"></iframe>\
         <form id=\"form\" method=\"post\" action=\"{own}\"><input name=\"do\" value=\"rotate\"><button>Win</button></form>\
         <p id=\"said\"></p><script>\
         const form = new URLSearchParams({{ do: 'rotate' }});\
         Promise.all([\
           fetch('{own}', {{ method: 'POST', mode: 'no-cors', body: form }}).then(a => a.type, () => 'failed'),\
           fetch('{own}', {{ method: 'POST', body: form }}).then(() => 'read', () => 'failed'),\
           fetch('{own}_kc-dev/keys/rotate', {{ method: 'POST', mode: 'no-cors', body: '{{}}' }}).then(a => a.type, () => 'failed'),\
           fetch('{own}_kc-dev/').then(() => 'read', () => 'failed'),\
         ]).then(all => {{ document.getElementById('said').textContent = 'done: ' + all.join(' '); }});\
         </script>"
    ));
    let browser = Browser::open();
    browser.go(&elsewhere);
    browser.reads("done: failed failed opaque failed");
    assert_eq!(issuer.kid(Alg::Rs256).await.unwrap(), kid, "nothing was rotated from elsewhere");
    browser.click("//button[text()='Win']");
    browser.reads("own page");
    assert_eq!(issuer.kid(Alg::Rs256).await.unwrap(), kid, "nor by a form");

    let _ = browser.complaints();
    browser.go(&own);
    browser.reads("Make a token");
    browser.write("//input[@id='user']", evil);
    browser.write("//input[@id='roles']", evil);
    browser.click("//button[text()='Make token']");
    browser.find("//pre[@id='jwt']");
    assert_eq!(browser.evaluate("return document.title"), json!("kc-dev: evil"));
    assert_eq!(browser.evaluate("return document.querySelectorAll('img').length"), json!(0));
    assert_eq!(browser.complaints(), [] as [Value; 0]);
    browser.click("//button[text()='Rotate the RS256 key']");
    browser.arrives("the keys", |address| address.ends_with("#keys"));
    assert_ne!(issuer.kid(Alg::Rs256).await.unwrap(), kid, "its own button does");
}

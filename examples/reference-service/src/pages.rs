//! What a browser sees: the home page, the account of whoever is logged in, and the staff's page.

use bytes::Bytes;
use http::{Response, StatusCode};
use kc_core::Principal;
use kc_core::clock::UnixTime;
use kc_core::session::Session;
use kc_core::users::User;
use kc_login::Login;
use kc_login::page::Page;

/// `GET /`: who is logged in, and how to change that.
#[must_use]
pub fn home(caller: Option<&Principal>, login: &Login) -> Response<Bytes> {
    let page = page("Reference service", "/", caller);
    let page = match caller {
        None => page
            .paragraph("You are not logged in.")
            .action("/oidc/authenticate?next=/account", "Log in with Keycloak"),
        Some(caller) => {
            let page = page.paragraph(&format!("You are logged in as {}.", name(caller)));
            log_out(page, caller.session(), login)
        }
    };
    page.into_response()
}

/// `GET /account`: what is known of the session's user, and how to end the session.
#[must_use]
pub fn account(caller: &Principal, session: &Session, login: &Login) -> Response<Bytes> {
    let claims = caller.claims();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let list = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let mut rows = vec![
        ("Name", text(&claims.name)),
        ("Username", text(&claims.username)),
        ("E-mail", text(&claims.email)),
        ("Id", text(&claims.subject)),
        ("Roles of the realm", list(caller.roles().realm().sorted())),
        ("Roles of this service", list(caller.roles().own().sorted())),
        ("Strength of the login", text(&claims.acr)),
    ];
    rows.push(("Logged in here since", readable(session.started_at())));
    rows.push(("Ends unused at", readable(session.idle_until().min(session.ends_at()))));
    rows.push(("Ends at the latest at", readable(session.ends_at())));
    let page = page("Your account", "/account", Some(caller)).table(rows);
    log_out(page, caller.session(), login).into_response()
}

/// `GET /admin/`: the staff's page.
#[must_use]
pub fn staff(caller: &Principal, users: &[User]) -> Response<Bytes> {
    let rows = users.iter().map(|user| {
        let name = user.details.username.as_deref().unwrap_or("(no name)");
        let what = match (user.details.is_superuser, user.details.is_staff) {
            (true, _) => "superuser",
            (false, true) => "staff",
            (false, false) => "user",
        };
        (name, format!("{what}, since {}", readable(user.date_joined)))
    });
    page("Staff", "/admin/", Some(caller))
        .paragraph(&format!("Only staff sees this page. You are {}.", name(caller)))
        .table(rows)
        .into_response()
}

/// A page with the way to the others.
fn page(title: &str, here: &str, caller: Option<&Principal>) -> Page {
    let mut links = vec![("/", "Home"), ("/docs", "API")];
    let log_out;
    if let Some(caller) = caller {
        links.push(("/account", "Your account"));
        if caller.is_staff() {
            links.push(("/admin/", "Staff"));
        }
        if let Some(session) = caller.session() {
            // This value is good for logging out only: it may end up in a log.
            log_out = format!("/oidc/logout?csrf_token={}", session.logout_token());
            links.push((&log_out, "Log out"));
        }
    }
    Page::new(StatusCode::OK, title).navigation(here, links)
}

/// `2026-11-22 10:49 UTC`, of `2026-11-22T10:49:12.800Z`.
fn readable(time: UnixTime) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

fn name(caller: &Principal) -> &str {
    caller.username().or(caller.subject()).unwrap_or("somebody without a name")
}

/// A browser follows a form to Keycloak only where the page's policy says so.
fn log_out(page: Page, session: Option<&Session>, login: &Login) -> Page {
    let Some(session) = session else { return page };
    let csrf = ("csrf_token", session.csrf_token());
    page.button("/oidc/logout", "Log out everywhere", &[csrf])
        .button("/oidc/logout", "Log out of this service only", &[csrf, ("only", "here")])
        .forms_may_go_to(login.keycloak_origin())
}

//! The page that asks for name and password.

use http::StatusCode;

use super::page::{escaped, page, set_browser_cookie};
use super::reply::{Reply, cached};
use crate::login::Attempt;
use crate::state::State;

/// Login pages are never kept, so that going back doesn't show a form that was sent.
pub(super) const NEVER_KEPT: &str = "no-store, must-revalidate, max-age=0";

/// The most users that the page lists.
const MOST_USERS: usize = 30;

/// The form for the next step of a login; `name` is what was typed before, `error` what was wrong with it.
pub(super) fn form(state: &State, tab: &str, attempt: &Attempt, name: &str, error: Option<&str>) -> Reply {
    let known = attempt.user_id.as_deref().and_then(|id| state.realm.user_by_id(id));
    let name_field = match known {
        Some(user) => format!(
            "<p>Logged in as <strong>{}</strong>. {}</p>\n<p><a id=\"reset-login\" href=\"{}\">Restart login</a></p>\n",
            escaped(&user.username),
            if error.is_none() && attempt.again { "Please re-authenticate to continue" } else { "" },
            escaped(&at(state, "restart", &attempt.request.to.client_id, tab)),
        ),
        None => format!(
            "<label for=\"username\">Username or email</label>\n<input id=\"username\" name=\"username\" type=\"text\" \
             value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" autofocus>\n",
            escaped(name)
        ),
    };
    let error = error.map_or_else(String::new, |error| {
        format!("<p class=\"error\" role=\"alert\">{}</p>\n", escaped(error))
    });
    let body = format!(
        "{error}<form method=\"post\" action=\"{}\">\n{name_field}\
         <label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\">\n\
         <button type=\"submit\">Sign in</button>\n</form>\n{}",
        escaped(&action(state, tab, attempt)),
        users(state, known.is_none().then(|| action(state, tab, attempt)).as_deref()),
    );
    let mut reply = cached(page(state, StatusCode::OK, "Sign in to your account", &body), NEVER_KEPT);
    set_browser_cookie(state, &mut reply, &attempt.browser);
    reply
}

/// Where the page of a login is, for the browser that began it.
pub(super) fn address(state: &State, client_id: &str, tab: &str) -> String {
    at(state, "authenticate", client_id, tab)
}

fn at(state: &State, what: &str, client_id: &str, tab: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", client_id).append_pair("tab_id", tab);
    format!("{}/login-actions/{what}?{}", state.issuer, query.finish())
}

/// Where the form is sent: to this login, by this page only.
fn action(state: &State, tab: &str, attempt: &Attempt) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("session_code", &attempt.session_code)
        .append_pair("client_id", &attempt.request.to.client_id)
        .append_pair("tab_id", tab);
    format!("{}/login-actions/authenticate?{}", state.issuer, query.finish())
}

/// Who can log in here, with the passwords, and a button for each that does it: this is a development issuer. `action`: where
/// the form is sent; none when it is known who logs in.
fn users(state: &State, action: Option<&str>) -> String {
    let rows: String = state
        .realm
        .users
        .values()
        .filter_map(|user| Some((user, user.password.as_deref()?)))
        .take(MOST_USERS)
        .map(|(user, password)| {
            let disabled = if state.is_enabled(user) { "" } else { " (disabled)" };
            let (name, password) = (escaped(&user.username), escaped(password));
            let one_click = action.map_or_else(String::new, |action| {
                format!(
                    "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"username\" value=\"{name}\">\
                     <input type=\"hidden\" name=\"password\" value=\"{password}\">\
                     <button type=\"submit\">Log in as {name}</button></form>",
                    escaped(action)
                )
            });
            format!("<tr><td>{name}{disabled}</td><td>{password}</td><td>{one_click}</td></tr>\n")
        })
        .collect();
    if rows.is_empty() {
        return "<p>No user of this realm has a password in clear text, so nobody can log in here.</p>"
            .to_owned();
    }
    format!("<h1>Users</h1>\n<table>\n<tr><th>Name</th><th>Password</th><th></th></tr>\n{rows}</table>")
}

//! HTML pages: one plain style, no script, everything from outside escaped.

use http::header::{CONTENT_SECURITY_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use super::reply::{Reply, with_type};
use super::request::Request;
use crate::signin::secret;
use crate::state::State;

/// The cookie that binds the pages of a login to the browser that got them.
const BROWSER: &str = "AUTH_SESSION_ID";

/// The cookie of the session.
const IDENTITY: &str = "KEYCLOAK_IDENTITY";

const STYLE: &str = "\
body{font:1rem/1.5 system-ui,sans-serif;margin:0;background:#f4f4f2;color:#222}\
main{max-width:26rem;margin:0 auto;padding:1rem}\
header{background:#b3261e;color:#fff;padding:.75rem 1rem;text-align:center;font-weight:600}\
h1{font-size:1.3rem;margin:1rem 0 .5rem}\
label{display:block;margin:.75rem 0 .25rem}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;border:1px solid #888;border-radius:.3rem}\
button{font:inherit;width:100%;margin-top:1rem;padding:.7rem;border:0;border-radius:.3rem;background:#1a4d8f;color:#fff}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .5rem .2rem 0;border-bottom:1px solid #ddd}\
.error{color:#b3261e;font-weight:600}small{color:#555}";

/// A page with that title and body; the body is HTML already.
pub(super) fn page(state: &State, status: StatusCode, title: &str, body: &str) -> Reply {
    let name = state.realm.display_name.as_deref().unwrap_or(&state.realm.name);
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} – {name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header>DEVELOPMENT ISSUER: not for real users, never for production</header>\n\
         <main>\n<h1>{title}</h1>\n{body}\n<p><small>Realm {name}, served by kc-dev.</small></p>\n</main>\n</body>\n</html>\n",
        title = escaped(title),
        name = escaped(name),
    );
    let mut reply = with_type(status, "text/html;charset=utf-8", html);
    let policy = HeaderValue::from_static("frame-src 'self'; frame-ancestors 'self'; object-src 'none';");
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    reply
}

/// Keycloak's page for a request that can't be answered by sending the browser back.
pub(super) fn error_page(state: &State, status: StatusCode, message: &str) -> Reply {
    let body = format!("<p class=\"instruction\">{}</p>", escaped(message));
    page(state, status, "We are sorry...", &body)
}

/// Text as it stands in HTML, attributes included.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// The cookie that pages are bound to: the browser's own, or a new one.
pub(super) fn browser_cookie(request: &Request) -> String {
    let own = request.cookie(BROWSER);
    own.filter(|value| value.len() == 43).map_or_else(secret, str::to_owned)
}

/// The cookie that pages are bound to, if the browser sent it.
pub(super) fn sent_browser_cookie(request: &Request) -> Option<&str> {
    request.cookie(BROWSER)
}

pub(super) fn identity_cookie(request: &Request) -> Option<&str> {
    request.cookie(IDENTITY).filter(|value| !value.is_empty())
}

pub(super) fn set_browser_cookie(state: &State, reply: &mut Reply, value: &str) {
    set_cookie(state, reply, BROWSER, value, "");
}

pub(super) fn set_identity_cookie(state: &State, reply: &mut Reply, value: &str) {
    set_cookie(state, reply, IDENTITY, value, "");
}

pub(super) fn clear_identity_cookie(state: &State, reply: &mut Reply) {
    set_cookie(state, reply, IDENTITY, "", "; Max-Age=0");
}

/// Keycloak says `Secure; SameSite=None`. Over plain HTTP not every browser keeps such a cookie, so here it is `Lax`.
fn set_cookie(state: &State, reply: &mut Reply, name: &str, value: &str, lifetime: &str) {
    let path = &state.realm.name;
    let cookie = format!("{name}={value}; Path=/realms/{path}/{lifetime}; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        reply.headers_mut().append(SET_COOKIE, cookie);
    }
}

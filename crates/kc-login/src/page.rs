//! Pages: plain HTML without scripts, readable on a phone, and nothing from elsewhere.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1b1f;--paper:#fff;--line:#d8d8df;--soft:#5b5b66;--accent:#0b57d0;--on-accent:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e4ea;--paper:#18181b;--line:#3a3a42;--soft:#a3a3ae;--accent:#8ab4f8;\
--on-accent:#10223f}}\
*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}\
nav,main{max-width:44rem;margin:0 auto;padding:0 1rem}\
nav{display:flex;flex-wrap:wrap;gap:0 1rem;padding-top:.5rem;padding-bottom:.5rem;border-bottom:1px solid var(--line)}\
nav a{padding:.4rem 0;text-decoration:none}nav a:hover{text-decoration:underline}\
nav a[aria-current]{color:inherit;font-weight:600}\
h1{font-size:1.6rem;line-height:1.25;margin:1.75rem 0 1rem;overflow-wrap:anywhere}p{margin:.75rem 0}a{color:var(--accent)}\
.action,button{display:inline-block;font:inherit;padding:.5rem 1rem;border:1px solid var(--accent);border-radius:.5rem;\
color:var(--accent);background:none;text-decoration:none;cursor:pointer}\
.action{color:var(--on-accent);background:var(--accent)}\
a:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}\
table{border-collapse:collapse;width:100%;margin:1rem 0}\
th,td{text-align:left;vertical-align:top;padding:.45rem 1rem .45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}\
th{width:34%;color:var(--soft);font-weight:400}form{display:inline-block;margin:.5rem .5rem .5rem 0}\
@media(max-width:34rem){th,td{display:block;width:auto;padding:0}th{border:0;padding-top:.6rem;font-size:.875rem}\
td{padding-bottom:.6rem}}";

/// The hash by which the policy allows the style above, and no other.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode_to_string(digest(&SHA256, STYLE.as_bytes())));

/// A page on its way: [`Html`] that is put together with everything that is not ours escaped.
///
/// # Example
/// ```
/// use http::StatusCode;
/// use kc_login::page::Page;
///
/// let page = Page::new(StatusCode::OK, "Orders").paragraph("2 < 3, and <b> is no markup here").link("/", "Home");
/// let response = page.into_response();
/// let html = std::str::from_utf8(response.body()).unwrap();
/// assert!(html.contains("2 &lt; 3") && !html.contains("<b>"));
/// assert!(response.headers().contains_key("content-security-policy"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Page {
    status: StatusCode,
    title: String,
    /// What leads elsewhere, above the heading.
    navigation: String,
    body: String,
    form_targets: Vec<String>,
}

/// Text that is HTML already.
#[derive(Clone, Debug, Default)]
pub struct Html(String);

impl Html {
    /// A text, with whatever means something in HTML escaped.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let mut html = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '&' => html.push_str("&amp;"),
                '<' => html.push_str("&lt;"),
                '>' => html.push_str("&gt;"),
                '"' => html.push_str("&quot;"),
                '\'' => html.push_str("&#39;"),
                letter => html.push(letter),
            }
        }
        Self(html)
    }

    /// Markup of our own: it is taken as it is, so it is a constant of the program.
    #[must_use]
    pub fn markup(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Page {
    /// A page with a title, which is its heading too.
    pub fn new(status: StatusCode, title: impl Into<String>) -> Self {
        let (navigation, body) = (String::new(), String::new());
        Self { status, title: title.into(), navigation, body, form_targets: Vec::new() }
    }

    /// Adds a paragraph of text.
    pub fn paragraph(mut self, text: &str) -> Self {
        // Writing into a string does not fail, here and below.
        let _ = write!(self.body, "<p>{}</p>", Html::text(text));
        self
    }

    /// Adds a paragraph that is a link to a place of this service.
    pub fn link(mut self, to: &str, text: &str) -> Self {
        let _ = write!(self.body, "<p><a href=\"{}\">{}</a></p>", Html::text(to), Html::text(text));
        self
    }

    /// Adds a paragraph that is a link to a place of this service, and what the page is for: it looks like a button.
    pub fn action(mut self, to: &str, text: &str) -> Self {
        let (to, text) = (Html::text(to), Html::text(text));
        let _ = write!(self.body, "<p><a class=\"action\" href=\"{to}\">{text}</a></p>");
        self
    }

    /// Adds links beside each other, above the heading: where, and what it is called. The one to `here`, this page's own
    /// path, is shown as such.
    pub fn navigation<'a>(mut self, here: &str, links: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (to, text) in links {
            let current = if to == here { " aria-current=\"page\"" } else { "" };
            let (to, text) = (Html::text(to), Html::text(text));
            let _ = write!(self.navigation, "<a href=\"{to}\"{current}>{text}</a>");
        }
        self
    }

    /// Adds a table of two columns: what, and its value.
    pub fn table<'a>(mut self, rows: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.body.push_str("<table>");
        for (what, value) in rows {
            let _ = write!(
                self.body,
                "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                Html::text(what),
                Html::text(&value)
            );
        }
        self.body.push_str("</table>");
        self
    }

    /// Adds a form that is one button: what it sends is in `fields`, by POST.
    pub fn button(mut self, action: &str, text: &str, fields: &[(&str, &str)]) -> Self {
        let _ = write!(self.body, "<form method=\"post\" action=\"{}\">", Html::text(action));
        for (name, value) in fields {
            let (name, value) = (Html::text(name), Html::text(value));
            let _ = write!(self.body, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
        }
        let _ = write!(self.body, "<button>{}</button></form>", Html::text(text));
        self
    }

    /// Lets the page's forms end up at this origin too: a browser follows a redirect after a form only to where the policy
    /// lets forms go, and logging out goes to Keycloak.
    pub fn forms_may_go_to(mut self, origin: impl Into<String>) -> Self {
        self.form_targets.push(origin.into());
        self
    }

    /// The response: not to be stored, nor framed, without scripts, and nothing from elsewhere.
    pub fn into_response(self) -> Response<Bytes> {
        let Self { status, title, navigation, body, form_targets } = self;
        let title = Html::text(&title);
        let navigation = match navigation.as_str() {
            "" => navigation,
            links => format!("<nav>{links}</nav>"),
        };
        let html = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}</style></head><body>{navigation}<main><h1>{title}</h1>{body}</main></body></html>"
        );
        let targets: String = form_targets.iter().map(|origin| format!(" {origin}")).collect();
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{targets}; base-uri 'none'; frame-ancestors 'none'",
            *STYLE_HASH
        );
        let mut response = Response::new(Bytes::from(html));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = HeaderValue::from_str(&policy);
        // An origin that is none is a mistake of ours: then no form goes anywhere.
        let strict = HeaderValue::from_static("default-src 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(strict));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_comes_in_is_markup() {
        let evil = "\"><script>alert('x')</script>&";
        let page = Page::new(StatusCode::OK, evil)
            .paragraph(evil)
            .link(evil, evil)
            .action(evil, evil)
            .navigation(evil, [(evil, evil)])
            .table([("who", evil.to_owned())])
            .button(evil, evil, &[(evil, evil)]);
        let response = page.into_response();
        let html = std::str::from_utf8(response.body()).unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"));
    }

    #[test]
    fn a_page_may_load_nothing_and_be_kept_nowhere() {
        let response = Page::new(StatusCode::FORBIDDEN, "No").forms_may_go_to("https://kc").into_response();
        assert_eq!(response.status(), 403);
        let header = |name| response.headers()[name].to_str().unwrap();
        assert_eq!(header(CACHE_CONTROL), "no-store");
        let policy = header(CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.contains("form-action 'self' https://kc;") && policy.contains("frame-ancestors 'none'")
        );
    }
}

//! Whether somebody is looking at what comes back.

use kc_core::wire::RequestView;

/// Whether a browser loads a page by this request, so that it can be sent to a login; a script, or a program, gets a refusal
/// that it can read.
///
/// Browsers say so themselves (Fetch Metadata, `Sec-Fetch-Mode: navigate`). For what does not: a GET that would take HTML.
pub(crate) fn is_page_load(request: &RequestView<'_>) -> bool {
    if !matches!(request.method, "GET" | "HEAD") {
        return false;
    }
    let text = |name| request.headers.value(name, 0).and_then(|value| std::str::from_utf8(value).ok());
    if let Some(mode) = text("sec-fetch-mode") {
        return mode == "navigate";
    }
    if request.headers.value("x-requested-with", 0).is_some() {
        return false;
    }
    text("accept").is_none_or(|accept| accept.contains("text/html") || accept.trim() == "*/*")
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn loads(method: &str, headers: &[(&'static str, &str)]) -> bool {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_page_load(&RequestView {
            method,
            path: "/",
            query: None,
            route: None,
            headers: &headers,
            peer: None,
        })
    }

    #[test]
    fn a_browser_that_goes_to_a_page_loads_it() {
        let html = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        assert!(loads("GET", &[html]));
        assert!(loads("GET", &[html, ("sec-fetch-mode", "navigate")]));
        assert!(loads("HEAD", &[html]));
        assert!(loads("GET", &[]) && loads("GET", &[("accept", "*/*")]));
    }

    #[test]
    fn a_script_or_a_program_does_not() {
        let html = ("accept", "text/html");
        assert!(!loads("POST", &[html]));
        assert!(!loads("GET", &[html, ("sec-fetch-mode", "cors")]));
        assert!(!loads("GET", &[html, ("sec-fetch-mode", "no-cors")]));
        assert!(!loads("GET", &[html, ("x-requested-with", "XMLHttpRequest")]));
        assert!(!loads("GET", &[("accept", "application/json")]));
        assert!(!loads("GET", &[("accept", "application/json, text/plain, */*")]));
    }
}

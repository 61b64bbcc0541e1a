//! Who asks for what only the person at this machine may have: the page, the control paths, and the login page with its passwords.
//!
//! A page that the developer's browser happens to show can send requests here, too. Two things tell it apart. Its address is another
//! one: `Origin` and `Sec-Fetch-Site` say so, which no page can set (Fetch, section 3.2; Fetch Metadata, section 2.3). Or it has
//! its own name lead here (DNS rebinding), and then `Host` has that name, which is none of ours.

use std::net::IpAddr;

use http::header::HOST;

use super::request::Request;
use crate::state::State;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stranger {
    /// It comes from another machine.
    Peer,
    /// It was sent to a name that is not ours.
    Name,
    /// It was sent by a page of another origin, or nothing says by which.
    Page,
}

impl Stranger {
    /// What to say.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Peer => "only programs and browsers on this machine may ask for this",
            Self::Name => {
                "the Host of this request is not this issuer: open it as http://127.0.0.1 or http://localhost, with its port"
            }
            Self::Page => {
                "this was not sent by the issuer's own page: open that and use its forms, or let a program use /_kc-dev/"
            }
        }
    }
}

/// That it was sent from this machine to a name of this machine's.
pub(super) fn is_here(state: &State, request: &Request) -> Result<(), Stranger> {
    if request.peer.is_loopback() { is_no_other_name(state, request) } else { Err(Stranger::Peer) }
}

/// That, if it was sent from this machine, it was sent to a name of this machine's.
///
/// For the login page, which lists passwords: a page of another name must not read them. Whoever has it listen for other machines
/// gave it a name of their own.
pub(super) fn is_no_other_name(state: &State, request: &Request) -> Result<(), Stranger> {
    match host(request) {
        _ if !request.peer.is_loopback() => Ok(()),
        // No browser leaves it out (RFC 9112, section 3.2).
        Ok(None) => Ok(()),
        Ok(Some(host)) if is_ours(state, host) => Ok(()),
        Ok(Some(_)) | Err(()) => Err(Stranger::Name),
    }
}

/// That no page sent it, be it ours or another's.
pub(super) fn is_program(request: &Request) -> Result<(), Stranger> {
    let of_browser = |name| request.headers.contains_key(name);
    if of_browser("origin") || of_browser("sec-fetch-site") { Err(Stranger::Page) } else { Ok(()) }
}

/// That a page of this origin sent it. `Host` was looked at before.
pub(super) fn is_own_page(request: &Request) -> Result<(), Stranger> {
    let site = request.headers.get("sec-fetch-site").map(|site| site == "same-origin");
    let origin = request.headers.get("origin").map(|origin| {
        let authority = origin.to_str().ok().and_then(|origin| {
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
        });
        matches!((authority, host(request)), (Some(authority), Ok(Some(host))) if authority.eq_ignore_ascii_case(host))
    });
    match (site, origin) {
        (Some(false), _) | (_, Some(false)) | (None, None) => Err(Stranger::Page),
        (Some(true), _) | (_, Some(true)) => Ok(()),
    }
}

/// The one `Host`.
fn host(request: &Request) -> Result<Option<&str>, ()> {
    let mut all = request.headers.get_all(HOST).iter();
    let first = all.next().map(|host| host.to_str().map_err(|_| ())).transpose()?;
    if all.next().is_some() { Err(()) } else { Ok(first) }
}

fn is_ours(state: &State, host: &str) -> bool {
    let base = state.base_url.split_once("://").map_or("", |(_, rest)| rest);
    let told = base.split('/').next().unwrap_or_default();
    if host.eq_ignore_ascii_case(told) {
        return true;
    }
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _port)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _port)| name),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // Browsers never ask anybody for these (RFC 6761, section 6.3).
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_ours;
    use crate::builder::DEMO_REALM;
    use crate::keys::KeyRing;
    use crate::realm::Realm;
    use crate::state::State;

    #[test]
    fn only_loopback_and_what_it_is_called_from_outside_are_its_names() {
        let realm = Realm::from_json(DEMO_REALM).expect("the demo realm");
        let keys = KeyRing::new(&realm.name, &[], true, 0);
        let state = State::new(realm, "http://id.example.test:9000/kc".to_owned(), keys);
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
            "localhost",
            "LocalHost:1",
            "kc.localhost:1",
            "id.example.test:9000",
        ] {
            assert!(is_ours(&state, host), "{host}");
        }
        for host in [
            "",
            "evil.test",
            "evil.test:8080",
            "127.0.0.1.evil.test",
            "localhost.evil.test",
            "notlocalhost",
            "id.example.test",
            "[::2]:8080",
            "192.168.1.1:8080",
            "0.0.0.0:8080",
            "[::1",
        ] {
            assert!(!is_ours(&state, host), "{host}");
        }
    }
}

//! The comparison itself: a document × endpoints × issuer, nothing else.

use std::fmt;

use super::document::{Document, ENDPOINTS, PUSHED_AUTHORIZATION};
use crate::settings::Endpoints;

/// A point on which Keycloak's discovery document and this service disagree.
///
/// `Display` is one sentence: what differs, both values, and what to do. Values from the document are escaped and
/// shortened to 200 characters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    member: &'static str,
    expected: String,
    got: Option<String>,
    remedy: String,
}

impl Difference {
    /// The member of the document.
    #[must_use]
    pub const fn member(&self) -> &'static str {
        self.member
    }

    /// What this service takes for granted, and goes on using.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What the document says, as it came; `None` if it has no such member.
    #[must_use]
    pub fn got(&self) -> Option<&str> {
        self.got.as_deref()
    }

    /// What to do. Wording may change.
    #[must_use]
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (member, expected, remedy) = (self.member, quoted(&self.expected), &self.remedy);
        match &self.got {
            Some(got) => write!(
                f,
                "Keycloak's discovery document says that `{member}` is {}, this service uses {expected}: {remedy}",
                quoted(got)
            ),
            None => write!(
                f,
                "Keycloak's discovery document has no `{member}`, this service uses {expected}: {remedy}"
            ),
        }
    }
}

/// Every difference, that of the issuer first.
pub(super) fn differences(document: &Document, endpoints: &Endpoints, issuer: &str) -> Vec<Difference> {
    let mut differences = Vec::new();
    if document.issuer != issuer {
        differences.push(Difference {
            member: "issuer",
            expected: issuer.to_owned(),
            got: Some(document.issuer.clone()),
            remedy: issuer_remedy(&document.issuer, endpoints, issuer),
        });
    }
    differences.extend(ENDPOINTS.into_iter().filter_map(|member| endpoint(member, document, endpoints)));
    differences
}

fn endpoint(member: &'static str, document: &Document, endpoints: &Endpoints) -> Option<Difference> {
    let used = used(member, endpoints);
    let got = document.endpoint(member);
    let remedy = match got {
        Some(got) if at_both_bases(&used, endpoints).iter().any(|ours| ours == got) => return None,
        Some(_) => {
            "the document's address is not used; check KEYCLOAK_URL, KEYCLOAK_INTERNAL_URL (scheme, host, port, base \
             path) and KEYCLOAK_REALM, or Keycloak's options `hostname` and `hostname-backchannel-dynamic`"
        }
        None if member == PUSHED_AUTHORIZATION => return None,
        None => "check that this is Keycloak, and that the feature is not switched off there",
    };
    Some(Difference { member, expected: used, got: got.map(str::to_owned), remedy: remedy.to_owned() })
}

fn used(member: &str, endpoints: &Endpoints) -> String {
    match member {
        "authorization_endpoint" => endpoints.authorization(),
        "end_session_endpoint" => endpoints.end_session(),
        "introspection_endpoint" => endpoints.introspection(),
        "jwks_uri" => endpoints.certs(),
        PUSHED_AUTHORIZATION => endpoints.pushed_authorization_request(),
        "revocation_endpoint" => endpoints.revocation(),
        "token_endpoint" => endpoints.token(),
        _ => endpoints.userinfo(),
    }
}

/// The same endpoint at the public base and at the internal one: Keycloak writes whichever host it was asked at, or
/// the one it was told.
fn at_both_bases(used: &str, endpoints: &Endpoints) -> [String; 2] {
    let (public, internal) = (endpoints.realm(), endpoints.realm_info());
    let path = used.strip_prefix(public).or_else(|| used.strip_prefix(internal)).unwrap_or_default();
    [format!("{public}{path}"), format!("{internal}{path}")]
}

fn issuer_remedy(got: &str, endpoints: &Endpoints, issuer: &str) -> String {
    if got == endpoints.realm_info() && issuer == endpoints.realm() {
        let base = issuer.split("/realms/").next().unwrap_or(issuer);
        return format!(
            "Keycloak names itself after the host it is asked at, and calls tokens of another name inactive; set \
             Keycloak's option `hostname` to {}",
            quoted(base)
        );
    }
    format!(
        "tokens that name another issuer than the expected one are refused; set KEYCLOAK_ISSUER to {} if that is what \
         they name, or else Keycloak's option `hostname`",
        quoted(got)
    )
}

/// Escaped, at most 200 characters.
fn quoted(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    format!("{short:?}")
}

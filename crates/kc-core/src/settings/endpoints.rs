//! Where Keycloak's endpoints are. Derived, never discovered: a discovery document cannot send us to another host.

use super::base_url::BaseUrl;

/// The endpoints of a realm.
///
/// Browsers are sent to the public base, what this process asks for itself goes to the internal base.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoints {
    public: String,
    internal: String,
}

impl Endpoints {
    pub(super) fn new(public: &BaseUrl, internal: &BaseUrl, realm: &str) -> Self {
        let realm = segment(realm);
        Self { public: format!("{public}/realms/{realm}"), internal: format!("{internal}/realms/{realm}") }
    }

    /// The realm's own URL at the public base: the issuer, as Keycloak writes it.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.public
    }

    /// Where a browser logs in. Public base.
    #[must_use]
    pub fn authorization(&self) -> String {
        self.public("auth")
    }

    /// Where a browser logs out (OpenID Connect RP-Initiated Logout). Public base.
    #[must_use]
    pub fn end_session(&self) -> String {
        self.public("logout")
    }

    /// The token endpoint for programs that run in a browser. Public base.
    #[must_use]
    pub fn public_token(&self) -> String {
        self.public("token")
    }

    /// The token endpoint for this process. Internal base.
    #[must_use]
    pub fn token(&self) -> String {
        self.internal("token")
    }

    /// The realm's keys (JWKS). Internal base.
    #[must_use]
    pub fn certs(&self) -> String {
        self.internal("certs")
    }

    /// Introspection (RFC 7662). Internal base.
    #[must_use]
    pub fn introspection(&self) -> String {
        self.internal("token/introspect")
    }

    /// Userinfo. Internal base.
    #[must_use]
    pub fn userinfo(&self) -> String {
        self.internal("userinfo")
    }

    /// Token revocation (RFC 7009). Internal base.
    #[must_use]
    pub fn revocation(&self) -> String {
        self.internal("revoke")
    }

    /// Pushed authorization requests (RFC 9126). Internal base.
    #[must_use]
    pub fn pushed_authorization_request(&self) -> String {
        self.internal("ext/par/request")
    }

    /// The discovery document. Internal base.
    #[must_use]
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.internal)
    }

    /// The Protection API of Authorization Services (UMA Federated Authorization). Internal base.
    #[must_use]
    pub fn protection(&self) -> String {
        format!("{}/authz/protection", self.internal)
    }

    /// The realm's page with its not-before. Internal base.
    #[must_use]
    pub fn realm_info(&self) -> &str {
        &self.internal
    }

    fn public(&self, endpoint: &str) -> String {
        format!("{}/protocol/openid-connect/{endpoint}", self.public)
    }

    fn internal(&self, endpoint: &str) -> String {
        format!("{}/protocol/openid-connect/{endpoint}", self.internal)
    }
}

/// `name` as one path segment: what RFC 3986 §3.3 lets stand in one stays, the rest is percent-encoded. Keycloak does
/// the same, and the issuer is compared to the letter.
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints(public: &str, internal: &str, realm: &str) -> Endpoints {
        Endpoints::new(&BaseUrl::parse(public).unwrap(), &BaseUrl::parse(internal).unwrap(), realm)
    }

    #[test]
    fn browsers_go_to_the_public_base_and_this_process_to_the_internal_one() {
        let e = endpoints("https://id.example.com/auth", "http://127.0.0.1:8080/auth/", "r");
        let public = "https://id.example.com/auth/realms/r";
        let internal = "http://127.0.0.1:8080/auth/realms/r";
        assert_eq!(e.realm(), public);
        assert_eq!(e.authorization(), format!("{public}/protocol/openid-connect/auth"));
        assert_eq!(e.end_session(), format!("{public}/protocol/openid-connect/logout"));
        assert_eq!(e.public_token(), format!("{public}/protocol/openid-connect/token"));
        assert_eq!(e.token(), format!("{internal}/protocol/openid-connect/token"));
        assert_eq!(e.certs(), format!("{internal}/protocol/openid-connect/certs"));
        assert_eq!(e.introspection(), format!("{internal}/protocol/openid-connect/token/introspect"));
        assert_eq!(e.userinfo(), format!("{internal}/protocol/openid-connect/userinfo"));
        assert_eq!(e.revocation(), format!("{internal}/protocol/openid-connect/revoke"));
        assert_eq!(
            e.pushed_authorization_request(),
            format!("{internal}/protocol/openid-connect/ext/par/request")
        );
        assert_eq!(e.discovery(), format!("{internal}/.well-known/openid-configuration"));
        assert_eq!(e.protection(), format!("{internal}/authz/protection"));
        assert_eq!(e.realm_info(), internal);
    }

    /// Each pair was read from the discovery document of a Keycloak 26.7 that has a realm of that name.
    #[test]
    fn a_realm_is_encoded_in_the_issuer_as_keycloak_encodes_it() {
        for (name, encoded) in [
            ("kc-demo", "kc-demo"),
            ("tést realm", "t%C3%A9st%20realm"),
            ("a'b", "a'b"),
            ("a~b", "a~b"),
            ("a|b", "a%7Cb"),
            ("a^b", "a%5Eb"),
            ("a\"b", "a%22b"),
            ("a<b>", "a%3Cb%3E"),
            ("a.b", "a.b"),
        ] {
            assert_eq!(segment(name), encoded);
        }
    }
}

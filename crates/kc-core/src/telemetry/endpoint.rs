//! Words for labels, out of a URI.

use http::Uri;

/// Which of Keycloak's endpoints a URI is; `other` for what is none. A path is never a label.
pub(crate) fn endpoint(uri: &Uri) -> &'static str {
    const ENDS: [(&str, &str); 9] = [
        ("/protocol/openid-connect/certs", "certs"),
        ("/protocol/openid-connect/token", "token"),
        ("/protocol/openid-connect/token/introspect", "introspect"),
        ("/protocol/openid-connect/userinfo", "userinfo"),
        ("/protocol/openid-connect/revoke", "revoke"),
        ("/protocol/openid-connect/ext/par/request", "par"),
        ("/protocol/openid-connect/logout", "logout"),
        ("/.well-known/openid-configuration", "discovery"),
        ("/.well-known/uma2-configuration", "discovery"),
    ];
    let Some((_, after)) = uri.path().rsplit_once("/realms/") else { return "other" };
    let Some(start) = after.find('/') else { return "realm" };
    let rest = after.get(start..).unwrap_or_default();
    if rest.starts_with("/authz/protection") {
        return "protection";
    }
    ENDS.iter().find(|(end, _)| *end == rest).map_or("other", |(_, name)| name)
}

/// The realm of a URI of Keycloak's, as it stands there.
pub(crate) fn realm(uri: &Uri) -> &str {
    let after = uri.path().rsplit_once("/realms/").map(|(_, after)| after);
    after.and_then(|after| after.split('/').next()).unwrap_or(super::NONE)
}

//! The names of all settings.

pub(super) const URL: &str = "KEYCLOAK_URL";
pub(super) const REALM: &str = "KEYCLOAK_REALM";
pub(super) const CLIENT_ID: &str = "KEYCLOAK_CLIENT_ID";
pub(super) const CLIENT_SECRET: &str = "KEYCLOAK_CLIENT_SECRET";
pub(super) const CLIENT_SECRET_FILE: &str = "KEYCLOAK_CLIENT_SECRET_FILE";
pub(super) const CLIENT_KEY_FILE: &str = "KEYCLOAK_CLIENT_KEY_FILE";
pub(super) const CLIENT_KEY_ID: &str = "KEYCLOAK_CLIENT_KEY_ID";
pub(super) const CLIENT_KEY_ALGORITHM: &str = "KEYCLOAK_CLIENT_KEY_ALGORITHM";
pub(super) const CLIENT_CERTIFICATE_FILE: &str = "KEYCLOAK_CLIENT_CERTIFICATE_FILE";
pub(super) const CONFIG: &str = "KEYCLOAK_CONFIG";
pub(super) const INTERNAL_URL: &str = "KEYCLOAK_INTERNAL_URL";
pub(super) const AUDIENCE: &str = "KEYCLOAK_AUDIENCE";
pub(super) const ISSUER: &str = "KEYCLOAK_ISSUER";
pub(super) const PUBLIC_KEY: &str = "KEYCLOAK_PUBLIC_KEY";
pub(super) const AUTHORIZATION: &str = "KEYCLOAK_AUTHORIZATION";
pub(super) const AUTHORIZATION_CONFIG: &str = "KEYCLOAK_AUTHORIZATION_CONFIG";
pub(super) const AUTHORIZATION_TIME_ZONE: &str = "KEYCLOAK_AUTHORIZATION_TIME_ZONE";
pub(super) const EXEMPT_PATHS: &str = "KEYCLOAK_EXEMPT_PATHS";
pub(super) const CREATE_USERS: &str = "KEYCLOAK_CREATE_USERS";
pub(super) const LEEWAY_SECONDS: &str = "KEYCLOAK_LEEWAY_SECONDS";
pub(super) const JWKS_TTL_SECONDS: &str = "KEYCLOAK_JWKS_TTL_SECONDS";
pub(super) const JWKS_COOLDOWN_SECONDS: &str = "KEYCLOAK_JWKS_COOLDOWN_SECONDS";
pub(super) const JWKS_MAX_STALE_SECONDS: &str = "KEYCLOAK_JWKS_MAX_STALE_SECONDS";
pub(super) const HTTP_TIMEOUT_SECONDS: &str = "KEYCLOAK_HTTP_TIMEOUT_SECONDS";
pub(super) const OPAQUE_TOKENS: &str = "KEYCLOAK_OPAQUE_TOKENS";
pub(super) const INTROSPECTION_TTL_SECONDS: &str = "KEYCLOAK_INTROSPECTION_TTL_SECONDS";
pub(super) const TOKEN_CACHE_BYTES: &str = "KEYCLOAK_TOKEN_CACHE_BYTES";
pub(super) const CA_FILE: &str = "KEYCLOAK_CA_FILE";
pub(super) const ACR_LEVELS: &str = "KEYCLOAK_ACR_LEVELS";
pub(super) const DANGEROUSLY_ALLOW_HTTP: &str = "KEYCLOAK_DANGEROUSLY_ALLOW_HTTP";
pub(super) const LISTEN: &str = "LISTEN";
pub(super) const PUBLIC_URL: &str = "PUBLIC_URL";
pub(super) const CORS_ALLOWED_ORIGINS: &str = "CORS_ALLOWED_ORIGINS";
pub(super) const SESSION_STORE: &str = "SESSION_STORE";
pub(super) const SESSION_STORE_FILE: &str = "SESSION_STORE_FILE";
pub(super) const SESSION_KEYS: &str = "SESSION_KEYS";
pub(super) const SESSION_KEYS_FILE: &str = "SESSION_KEYS_FILE";
pub(super) const USERS_DATABASE: &str = "USERS_DATABASE";
pub(super) const USERS_DATABASE_FILE: &str = "USERS_DATABASE_FILE";
pub(super) const TRUSTED_PROXIES: &str = "TRUSTED_PROXIES";
pub(super) const AUDIT_LOG: &str = "AUDIT_LOG";

/// The name of every variable that is read; `docs/configuration.md` describes each.
pub const VARIABLES: &[&str] = &[
    URL,
    REALM,
    CLIENT_ID,
    CLIENT_SECRET,
    CLIENT_SECRET_FILE,
    CLIENT_KEY_FILE,
    CLIENT_KEY_ID,
    CLIENT_KEY_ALGORITHM,
    CLIENT_CERTIFICATE_FILE,
    CONFIG,
    INTERNAL_URL,
    AUDIENCE,
    ISSUER,
    PUBLIC_KEY,
    AUTHORIZATION,
    AUTHORIZATION_CONFIG,
    AUTHORIZATION_TIME_ZONE,
    EXEMPT_PATHS,
    CREATE_USERS,
    LEEWAY_SECONDS,
    JWKS_TTL_SECONDS,
    JWKS_COOLDOWN_SECONDS,
    JWKS_MAX_STALE_SECONDS,
    HTTP_TIMEOUT_SECONDS,
    OPAQUE_TOKENS,
    INTROSPECTION_TTL_SECONDS,
    TOKEN_CACHE_BYTES,
    CA_FILE,
    ACR_LEVELS,
    DANGEROUSLY_ALLOW_HTTP,
    LISTEN,
    PUBLIC_URL,
    CORS_ALLOWED_ORIGINS,
    SESSION_STORE,
    SESSION_STORE_FILE,
    SESSION_KEYS,
    SESSION_KEYS_FILE,
    USERS_DATABASE,
    USERS_DATABASE_FILE,
    TRUSTED_PROXIES,
    AUDIT_LOG,
];

/// An empty value counts as no value, except here: an empty audience list would be a hole, and an empty URL would start
/// the embedded issuer in production.
pub(super) const NEVER_EMPTY: &[&str] = &[AUDIENCE, URL];

/// Settings that hold a secret, each with the one that names a file to read it from: others on the machine and whoever
/// may look at a container see an environment, and secrets are handed out as files.
pub(super) const FROM_FILES: &[(&str, &str)] = &[
    (CLIENT_SECRET, CLIENT_SECRET_FILE),
    (SESSION_STORE, SESSION_STORE_FILE),
    (SESSION_KEYS, SESSION_KEYS_FILE),
    (USERS_DATABASE, USERS_DATABASE_FILE),
];

/// The known name that `name` was probably meant to be: a `KEYCLOAK_*` name that is unknown, two edits away at most or
/// of the same words in another order. Other programs have `KEYCLOAK_*` variables too, so the rest is let pass.
pub(super) fn meant_by(name: &str) -> Option<&'static str> {
    if !name.starts_with("KEYCLOAK_") || VARIABLES.contains(&name) {
        return None;
    }
    let nearest = VARIABLES.iter().map(|known| (edits(name, known), *known)).min()?;
    if nearest.0 <= 2 {
        return Some(nearest.1);
    }
    VARIABLES.iter().copied().find(|known| sorted_words(known) == sorted_words(name))
}

fn sorted_words(name: &str) -> Vec<&str> {
    let mut words: Vec<&str> = name.split('_').collect();
    words.sort_unstable();
    words
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let up = *cell;
            left = (diagonal + usize::from(x != y)).min(left + 1).min(up + 1);
            diagonal = up;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_levenshteins() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", ""), 3);
        assert_eq!(edits("same", "same"), 0);
    }

    #[test]
    fn a_typo_is_recognised_and_other_programs_variables_are_let_pass() {
        assert_eq!(meant_by("KEYCLOAK_AUDIENCES"), Some(AUDIENCE));
        assert_eq!(meant_by("KEYCLOAK_CLIENTID"), Some(CLIENT_ID));
        assert_eq!(meant_by("KEYCLOAK_URL_INTERNAL"), Some(INTERNAL_URL));
        for other in
            ["KEYCLOAK_URL", "KEYCLOAK_ADMIN", "KEYCLOAK_ADMIN_PASSWORD", "KEYCLOAK_USER", "REALM", ""]
        {
            assert_eq!(meant_by(other), None, "{other}");
        }
    }
}

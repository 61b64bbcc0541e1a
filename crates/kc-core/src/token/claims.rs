//! The claims of a Keycloak token, typed.

use serde::Serialize;

use super::error::TokenError;
use super::names::Names;
use crate::clock::UnixTime;
use crate::json::{Object, Value};

/// What Keycloak puts into an access token, an ID token, an introspection answer or userinfo.
///
/// An absent claim, or one that is `null`, is `None` or empty. Claims that are not here, those that your own mappers
/// add for example, are read with [`VerifiedToken::claims_as`](super::VerifiedToken::claims_as).
///
/// # Spec
/// RFC 7519 §4.1, RFC 9068 §2.2, OpenID Connect Core §2 and §5.1; the rest is Keycloak's.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Claims {
    /// `iss`: who issued it.
    pub issuer: Option<String>,
    /// `sub`: the user's id at the issuer. Lightweight tokens have none.
    pub subject: Option<String>,
    /// `aud`: whom it is for, a single string or an array; `None` when there is no such claim.
    pub audience: Option<Names>,
    /// `exp`.
    pub expires_at: Option<UnixTime>,
    /// `nbf`.
    pub not_before: Option<UnixTime>,
    /// `iat`.
    pub issued_at: Option<UnixTime>,
    /// `auth_time`: when the user last proved who they are.
    pub authenticated_at: Option<UnixTime>,
    /// `jti`.
    pub id: Option<String>,
    /// `typ`: Keycloak's kind of token, `Bearer`, `ID`, `Refresh` and so on.
    pub kind: Option<String>,
    /// `azp`: the client that got it.
    pub authorized_party: Option<String>,
    /// `client_id`: of a service account, of an introspection answer, or by RFC 9068.
    pub client_id: Option<String>,
    /// `sid`: the session at the issuer.
    pub session_id: Option<String>,
    /// `acr`: how strongly the user was authenticated, a name or a number.
    pub acr: Option<String>,
    /// `amr`: by which means.
    pub amr: Names,
    /// `scope`, its words.
    pub scope: Names,
    /// `preferred_username`.
    pub username: Option<String>,
    /// `name`.
    pub name: Option<String>,
    /// `given_name`.
    pub given_name: Option<String>,
    /// `family_name`.
    pub family_name: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// `email_verified`.
    pub email_verified: Option<bool>,
    /// `groups`: paths or names, as the mapper is set.
    pub groups: Names,
    /// `organization`, in whichever of Keycloak's four shapes.
    pub organizations: Vec<Organization>,
    /// `realm_access.roles`.
    pub realm_roles: Names,
    /// `resource_access`: the roles of each client, in the order of the token.
    pub client_roles: Vec<(String, Names)>,
    /// `allowed-origins`.
    pub allowed_origins: Names,
    /// Whether there is a `cnf`: the token is bound to a key (RFC 7800).
    pub bound: bool,
    /// Whether there is a `nonce`, an `at_hash` or `events`: marks of tokens that are no access tokens.
    pub(crate) marked_as_other: bool,
}

/// An organization that the user is a member of (Keycloak, "Managing organizations").
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Organization {
    /// Its alias.
    pub alias: String,
    /// Its id, where the mapper adds it.
    pub id: Option<String>,
}

impl Claims {
    /// The roles of one client; empty when there are none.
    #[must_use]
    pub fn roles_of(&self, client: &str) -> Names {
        self.client_roles
            .iter()
            .find(|(id, _)| id == client)
            .map(|(_, roles)| roles.clone())
            .unwrap_or_default()
    }

    /// Reads a payload. A claim of a wrong shape is an error, whether a check needs it or not.
    pub(crate) fn read(payload: &Object<'_>) -> Result<Self, TokenError> {
        let text = |claim| text(payload, claim);
        let time = |claim| time(payload, claim);
        let list = |claim| list(payload.get(claim), claim).map(Option::unwrap_or_default);
        Ok(Self {
            issuer: text("iss")?,
            subject: text("sub")?,
            audience: audience(payload)?,
            expires_at: time("exp")?,
            not_before: time("nbf")?,
            issued_at: time("iat")?,
            authenticated_at: time("auth_time")?,
            id: text("jti")?,
            kind: text("typ")?,
            authorized_party: text("azp")?,
            client_id: text("client_id")?,
            session_id: text("sid")?,
            acr: text("acr")?,
            amr: list("amr")?,
            scope: match payload.get("scope") {
                None => Names::default(),
                Some(Value::String(scope)) => Names::new(scope.split(' ').filter(|word| !word.is_empty())),
                Some(_) => return Err(malformed("scope", A_STRING)),
            },
            username: text("preferred_username")?,
            name: text("name")?,
            given_name: text("given_name")?,
            family_name: text("family_name")?,
            email: text("email")?,
            email_verified: match payload.get("email_verified") {
                None => None,
                Some(Value::Bool(verified)) => Some(*verified),
                Some(_) => return Err(malformed("email_verified", "a boolean")),
            },
            groups: list("groups")?,
            organizations: organizations(payload)?,
            realm_roles: roles(payload.get("realm_access"), "realm_access")?,
            client_roles: client_roles(payload)?,
            allowed_origins: list("allowed-origins")?,
            bound: match payload.get("cnf") {
                None => false,
                Some(Value::Object(_)) => true,
                Some(_) => return Err(malformed("cnf", "an object")),
            },
            marked_as_other: ["nonce", "at_hash", "events"].iter().any(|claim| payload.get(claim).is_some()),
        })
    }
}

const A_STRING: &str = "a string";
const A_LIST: &str = "an array of strings";
const A_DATE: &str = "a number of seconds";
const ROLES: &str = "an object with an array of strings named roles";

const fn malformed(claim: &'static str, expected: &'static str) -> TokenError {
    TokenError::MalformedClaim { claim, expected }
}

fn text(payload: &Object<'_>, claim: &'static str) -> Result<Option<String>, TokenError> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref().to_owned())),
        Some(_) => Err(malformed(claim, A_STRING)),
    }
}

/// RFC 7519 §2: a JSON number, fractions allowed; a string is no date, however it looks.
fn time(payload: &Object<'_>, claim: &'static str) -> Result<Option<UnixTime>, TokenError> {
    match payload.get(claim) {
        None => Ok(None),
        Some(Value::Number(secs)) => UnixTime::from_secs_f64(*secs).map(Some).ok_or(malformed(claim, A_DATE)),
        Some(_) => Err(malformed(claim, A_DATE)),
    }
}

fn list(value: Option<&Value<'_>>, claim: &'static str) -> Result<Option<Names>, TokenError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            if !items.iter().all(|item| matches!(item, Value::String(_))) {
                return Err(malformed(claim, A_LIST));
            }
            Ok(Some(Names::new(items.iter().filter_map(|item| match item {
                Value::String(name) => Some(name.as_ref()),
                _ => None,
            }))))
        }
        Some(_) => Err(malformed(claim, A_LIST)),
    }
}

/// RFC 7519 §4.1.3: an array, or a single string.
fn audience(payload: &Object<'_>) -> Result<Option<Names>, TokenError> {
    match payload.get("aud") {
        Some(Value::String(one)) => Ok(Some(Names::new([one.as_ref()]))),
        many => list(many, "aud").map_err(|_| malformed("aud", "a string or an array of strings")),
    }
}

fn roles(access: Option<&Value<'_>>, claim: &'static str) -> Result<Names, TokenError> {
    match access {
        None | Some(Value::Null) => Ok(Names::default()),
        Some(Value::Object(access)) => list(access.get("roles"), claim)
            .map(Option::unwrap_or_default)
            .map_err(|_| malformed(claim, ROLES)),
        Some(_) => Err(malformed(claim, ROLES)),
    }
}

fn client_roles(payload: &Object<'_>) -> Result<Vec<(String, Names)>, TokenError> {
    const CLAIM: &str = "resource_access";
    match payload.get(CLAIM) {
        None => Ok(Vec::new()),
        Some(Value::Object(clients)) => clients
            .iter()
            .map(|(client, access)| Ok((client.to_owned(), roles(Some(access), CLAIM)?)))
            .collect(),
        Some(_) => Err(malformed(CLAIM, "an object of objects, each with an array of strings named roles")),
    }
}

/// `["acme"]`, `{"acme":{"id":"…"}}`, `{"acme":{"tier":["gold"]}}` or `"acme"`.
fn organizations(payload: &Object<'_>) -> Result<Vec<Organization>, TokenError> {
    const CLAIM: &str = "organization";
    let wrong = || malformed(CLAIM, "an alias, an array of aliases, or an object of them");
    match payload.get(CLAIM) {
        None => Ok(Vec::new()),
        Some(Value::String(alias)) => Ok(vec![Organization { alias: alias.as_ref().to_owned(), id: None }]),
        Some(Value::Object(members)) => members
            .iter()
            .map(|(alias, about)| {
                let id = match about {
                    Value::Null => None,
                    Value::Object(about) => match about.get("id") {
                        None => None,
                        Some(Value::String(id)) => Some(id.as_ref().to_owned()),
                        Some(_) => return Err(wrong()),
                    },
                    _ => return Err(wrong()),
                };
                Ok(Organization { alias: alias.to_owned(), id })
            })
            .collect(),
        aliases => {
            let aliases = list(aliases, CLAIM).map_err(|_| wrong())?.unwrap_or_default();
            Ok(aliases.iter().map(|alias| Organization { alias: alias.to_owned(), id: None }).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(payload: &str) -> Result<Claims, TokenError> {
        Claims::read(&json::parse_object(payload.as_bytes(), 16).unwrap())
    }

    #[test]
    fn a_keycloak_access_token_is_read() {
        let claims = read(
            r#"{"exp":1795310753,"iat":1795310453,"auth_time":1795310453.5,"jti":"onrtac:73b4","iss":"http://kc/realms/r",
            "aud":["api","account"],"sub":"3773","typ":"Bearer","azp":"web","sid":"zOo47","acr":"silver",
            "allowed-origins":["http://localhost"],"realm_access":{"roles":["admin","user"]},
            "resource_access":{"api":{"roles":["api-read"]},"account":{"roles":["view-profile"]}},
            "scope":"openid  email profile","email_verified":true,"name":"Alice Test","groups":["/management"],
            "preferred_username":"alice","given_name":"Alice","family_name":"Test","email":"alice@example.test"}"#,
        )
        .unwrap();
        assert_eq!(claims.audience.as_ref().unwrap().sorted(), ["account", "api"]);
        assert_eq!(claims.authenticated_at, Some(UnixTime::from_millis(1_795_310_453_500)));
        assert_eq!(claims.scope.to_vec(), ["openid", "email", "profile"]);
        assert_eq!(claims.realm_roles.to_vec(), ["admin", "user"]);
        assert_eq!(claims.roles_of("api").to_vec(), ["api-read"]);
        assert!(claims.roles_of("ap").is_empty() && !claims.bound && !claims.marked_as_other);
    }

    #[test]
    fn a_service_account_and_a_lightweight_token_are_read() {
        let claims =
            read(r#"{"azp":"api","client_id":"api","clientHost":"127.0.0.1","clientAddress":"127.0.0.1"}"#)
                .unwrap();
        assert_eq!(claims.client_id.as_deref(), Some("api"));
        let claims = read(
            r#"{"exp":1,"iat":1,"jti":"onltro:1","iss":"i","typ":"Bearer","azp":"l","sid":"s","scope":""}"#,
        );
        let claims = claims.unwrap();
        assert!(claims.subject.is_none() && claims.audience.is_none() && claims.scope.is_empty());
    }

    #[test]
    fn null_is_absent() {
        let claims = read(
            r#"{"exp":null,"aud":null,"iss":null,"email":null,"realm_access":null,"resource_access":{"a":null,"b":{"roles":null}},
            "groups":null,"organization":null,"cnf":null,"nonce":null,"email_verified":null,"scope":null}"#,
        )
        .unwrap();
        assert!(claims.expires_at.is_none() && claims.audience.is_none() && claims.issuer.is_none());
        assert!(!claims.bound && !claims.marked_as_other && claims.client_roles.len() == 2);
    }

    #[test]
    fn every_claim_we_know_is_refused_in_a_wrong_shape() {
        for claim in [
            "iss",
            "sub",
            "jti",
            "typ",
            "azp",
            "client_id",
            "sid",
            "acr",
            "preferred_username",
            "name",
            "given_name",
            "family_name",
            "email",
            "scope",
        ] {
            for value in ["1", "true", "[\"x\"]", "{}"] {
                assert_malformed(claim, value);
            }
        }
        for claim in ["exp", "nbf", "iat", "auth_time"] {
            for value in ["\"1795310753\"", "true", "[1]", "{}", "\"\""] {
                assert_malformed(claim, value);
            }
        }
        for claim in ["amr", "groups", "allowed-origins"] {
            for value in ["\"x\"", "1", "[1]", "[null]", "[[\"x\"]]", "{}"] {
                assert_malformed(claim, value);
            }
        }
        for value in ["1", "[1]", "{}", "[\"api\",1]", "[null]", "true"] {
            assert_malformed("aud", value);
        }
        for value in
            ["\"admin\"", "[\"admin\"]", "{\"roles\":\"admin\"}", "{\"roles\":[1]}", "{\"roles\":{}}", "1"]
        {
            assert_malformed("realm_access", value);
            assert_malformed("resource_access", &format!("{{\"other\":{value}}}"));
        }
        for value in ["\"x\"", "[]", "1"] {
            assert_malformed("resource_access", value);
            assert_malformed("cnf", value);
        }
        for value in ["1", "[1]", "{\"acme\":1}", "{\"acme\":{\"id\":1}}"] {
            assert_malformed("organization", value);
        }
        assert_malformed("email_verified", "\"true\"");
    }

    fn assert_malformed(claim: &str, value: &str) {
        let error = read(&format!("{{\"{claim}\":{value}}}")).unwrap_err();
        let TokenError::MalformedClaim { claim: named, .. } = error else {
            panic!("{claim}: {value}: {error:?}")
        };
        assert_eq!(named, claim);
    }

    #[test]
    fn an_organization_is_read_in_each_of_its_four_shapes() {
        let acme = Organization { alias: "acme".to_owned(), id: None };
        for value in [r#""acme""#, r#"["acme"]"#, r#"{"acme":{"tier":["gold"]}}"#, r#"{"acme":null}"#] {
            assert_eq!(
                read(&format!("{{\"organization\":{value}}}")).unwrap().organizations,
                std::slice::from_ref(&acme)
            );
        }
        let with_id = read(r#"{"organization":{"acme":{"id":"o1"}}}"#).unwrap().organizations;
        assert_eq!(with_id, [Organization { alias: "acme".to_owned(), id: Some("o1".to_owned()) }]);
    }

    #[test]
    fn marks_of_other_tokens_are_seen() {
        for mark in ["\"nonce\":\"n\"", "\"at_hash\":\"h\"", "\"events\":{}"] {
            assert!(read(&format!("{{{mark}}}")).unwrap().marked_as_other);
        }
        assert!(read(r#"{"cnf":{"jkt":"x"}}"#).unwrap().bound);
    }
}

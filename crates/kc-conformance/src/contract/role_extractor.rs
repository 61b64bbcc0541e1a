//! The contract of [`RoleExtractor`].

use std::sync::Arc;

use kc_core::keys::PinnedKeys;
use kc_core::roles::{RoleExtractor, RoleSet};
use kc_core::token::{TokenError, VerifiedToken};
use kc_core::validator::{JwtValidator, TokenValidator, ValidationError};
use kc_dev::{DevIssuer, Mint};
use serde_json::{Value, json};

use super::findings::{ContractBroken, Held, Trial, hold};

/// Claims, and what an extractor is to make of them.
///
/// The claims are JSON objects whose members become members of a token; claims that they do not name and that could give
/// roles (`realm_access`, `resource_access`, `groups`, `scope`) are not in that token.
#[derive(Clone, Debug, Default)]
pub struct RoleSamples {
    granting: Vec<(Value, Vec<String>)>,
    malformed: Vec<Value>,
}

impl RoleSamples {
    /// None yet; one of each kind is needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Claims that give exactly these roles, of the realm and of this client together.
    #[must_use]
    pub fn grants(mut self, claims: Value, roles: &[&str]) -> Self {
        let mut roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        roles.sort_unstable();
        self.granting.push((claims, roles));
        self
    }

    /// Claims in which what is read has a wrong shape: a number where a list should be.
    #[must_use]
    pub fn malformed(mut self, claims: Value) -> Self {
        self.malformed.push(claims);
        self
    }
}

/// Checks an extractor: `extractor` makes one, for the client `api`. `samples` say where it looks.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn role_extractor<E: RoleExtractor + 'static>(
    extractor: impl Fn() -> E,
    samples: &RoleSamples,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("RoleExtractor");
    if samples.granting.iter().all(|(_, roles)| roles.is_empty()) || samples.malformed.is_empty() {
        return Err(trial.impossible("it takes a sample that grants a role, and a malformed one"));
    }
    let tokens = match Tokens::new().await {
        Ok(tokens) => tokens,
        Err(error) => return Err(trial.impossible(error)),
    };
    let make = || Box::new(extractor()) as Box<dyn RoleExtractor>;
    trial
        .clause("claims give the roles that they name, and no others", exactly(&*make(), samples, &tokens))
        .await;
    trial.clause("the same token gives the same roles", same(&*make(), &*make(), samples, &tokens)).await;
    trial.clause("absent claims are no roles", absent(&*make(), samples, &tokens)).await;
    trial
        .clause("a claim of a wrong shape is an error, not no roles", malformed(&*make(), samples, &tokens))
        .await;
    trial.clause("roles of other clients are never one's own", others(&*make(), samples, &tokens)).await;
    trial
        .clause("claims that have nothing to do with it give nothing", noise(&*make(), samples, &tokens))
        .await;
    trial.end()
}

/// Where tokens that were checked come from.
struct Tokens {
    issuer: DevIssuer,
    validator: JwtValidator,
}

impl Tokens {
    async fn new() -> Result<Self, String> {
        let issuer = DevIssuer::builder().shared_keys().start().await.map_err(|error| error.to_string())?;
        let jwks = issuer.jwks().await.map_err(|error| error.to_string())?.to_string();
        let keys = PinnedKeys::from_jwks(jwks.as_bytes()).map_err(|error| error.to_string())?;
        let validator = JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(keys)).build();
        Ok(Self { issuer, validator })
    }

    /// A token without claims that could give roles.
    fn bare(&self) -> Mint {
        let mint = self.issuer.mint().user("alice");
        ["realm_access", "resource_access", "groups", "scope"].into_iter().fold(mint, Mint::without)
    }

    fn with(&self, claims: &Value) -> Mint {
        let members = claims.as_object().into_iter().flatten();
        members.fold(self.bare(), |mint, (name, value)| mint.claim(name, value.clone()))
    }

    async fn verified(&self, mint: Mint) -> Result<VerifiedToken, ValidationError> {
        let token = mint.sign().await.unwrap_or_default();
        self.validator.validate(&token).await
    }

    async fn sample(&self, claims: &Value) -> Result<VerifiedToken, String> {
        let token = self.verified(self.with(claims)).await;
        token.map_err(|error| format!("the sample {claims} cannot be in a token: {error}"))
    }
}

fn names(roles: &RoleSet) -> Vec<&str> {
    let mut names: Vec<&str> = roles.realm().iter().chain(roles.own().iter()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn gives(extractor: &dyn RoleExtractor, token: &VerifiedToken, expected: &[String], what: &Value) -> Held {
    let roles = extractor.extract(token).map_err(|error| format!("{what} is an error: {error}"))?;
    let names = names(&roles);
    hold(names == expected, || format!("{what} gives {names:?} where it should give {expected:?}"))
}

async fn exactly(extractor: &dyn RoleExtractor, samples: &RoleSamples, tokens: &Tokens) -> Held {
    for (claims, roles) in &samples.granting {
        gives(extractor, &tokens.sample(claims).await?, roles, claims)?;
    }
    Ok(())
}

async fn same(
    one: &dyn RoleExtractor,
    other: &dyn RoleExtractor,
    samples: &RoleSamples,
    tokens: &Tokens,
) -> Held {
    for (claims, _) in &samples.granting {
        let token = tokens.sample(claims).await?;
        let all = [one.extract(&token), one.extract(&token), other.extract(&token)];
        hold(all.iter().all(|roles| Some(roles) == all.first()), || format!("{claims} does not: {all:?}"))?;
    }
    Ok(())
}

async fn absent(extractor: &dyn RoleExtractor, samples: &RoleSamples, tokens: &Tokens) -> Held {
    let bare = tokens.verified(tokens.bare()).await.map_err(|error| error.to_string())?;
    gives(extractor, &bare, &[], &json!({}))?;
    for (claims, _) in &samples.granting {
        let nulls = claims.as_object().into_iter().flatten();
        let nulls: Value =
            nulls.map(|(name, _)| (name.clone(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
        gives(extractor, &tokens.sample(&nulls).await?, &[], &nulls)?;
    }
    Ok(())
}

async fn malformed(extractor: &dyn RoleExtractor, samples: &RoleSamples, tokens: &Tokens) -> Held {
    for claims in &samples.malformed {
        // The claims that kc-core reads itself do not get as far as an extractor.
        let token = match tokens.verified(tokens.with(claims)).await {
            Ok(token) => token,
            Err(ValidationError::Token(TokenError::MalformedClaim { .. })) => continue,
            Err(error) => return Err(format!("the sample {claims} cannot be in a token: {error}")),
        };
        match extractor.extract(&token) {
            Err(TokenError::MalformedClaim { .. }) => {}
            Err(error) => return Err(format!("{claims} is the error {error}, not a malformed claim")),
            Ok(roles) => return Err(format!("{claims} gives {:?}", names(&roles))),
        }
    }
    Ok(())
}

async fn others(extractor: &dyn RoleExtractor, samples: &RoleSamples, tokens: &Tokens) -> Held {
    for (claims, roles) in &samples.granting {
        let mut claims = claims.clone();
        let foreign = json!({"roles": ["kc-contract-foreign", "admin", "staff"]});
        let Some(members) = claims.as_object_mut() else { continue };
        let clients = members.entry("resource_access").or_insert_with(|| json!({}));
        let Some(clients) = clients.as_object_mut() else { continue };
        for client in ["kc-contract", "API", "api/", "a.pi"] {
            clients.insert(client.to_owned(), foreign.clone());
        }
        gives(extractor, &tokens.sample(&claims).await?, roles, &claims)?;
    }
    Ok(())
}

async fn noise(extractor: &dyn RoleExtractor, samples: &RoleSamples, tokens: &Tokens) -> Held {
    for (claims, roles) in &samples.granting {
        let mut mint = tokens.with(claims);
        for name in ["kc_contract", "Groups", "permissions", "authorities", "realm_access.roles", "role"] {
            if claims.get(name).is_none() {
                mint = mint.claim(name, json!(["admin", "staff"]));
            }
        }
        let token = tokens.verified(mint).await.map_err(|error| error.to_string())?;
        gives(extractor, &token, roles, claims)?;
    }
    Ok(())
}

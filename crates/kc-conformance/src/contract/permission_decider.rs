//! The contract of [`PermissionDecider`].

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use kc_core::clock::{Clock, SystemClock};
use kc_core::keys::PinnedKeys;
use kc_core::policy::Verdict;
use kc_core::roles::RoleSet;
use kc_core::uma::{PermissionDecider, PermissionRequest};
use kc_core::validator::{JwtValidator, TokenValidator};
use kc_core::wire::RequestView;
use kc_core::{AuthError, Principal};
use kc_dev::DevIssuer;

use super::findings::{ContractBroken, Held, Trial, at_once, given_up_after, hold};

/// Checks a decider: `decider` makes one for callers of the embedded issuer; `scope` of `resource` is what it grants to `alice`
/// of the client `api`, and not to `frank`.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn permission_decider<D: PermissionDecider + 'static>(
    decider: impl Fn(&DevIssuer) -> D,
    resource: Option<&str>,
    scope: &str,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("PermissionDecider");
    let (ours, theirs) = match (Realm::start().await, Realm::start().await) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(error), _) | (_, Err(error)) => return Err(trial.impossible(error)),
    };
    let make = || Bed { decider: Arc::new(decider(&ours.issuer)), ours: &ours, resource, scope };
    trial.clause("who has a permission is granted it, and nobody else is", granted(&make())).await;
    trial.clause("what there is not is granted to nobody", unknown(&make())).await;
    trial.clause("what is said at once is what is said later", agrees(&make())).await;
    trial.clause("a caller of another realm is told nothing", foreign(&make(), &theirs)).await;
    trial.clause("many callers at once are told each their own", many(&make())).await;
    trial.clause("dropping a question does no harm to others", dropped(&make())).await;
    trial.end()
}

/// An issuer, and callers who have its tokens.
struct Realm {
    issuer: DevIssuer,
    validator: JwtValidator,
}

impl Realm {
    async fn start() -> Result<Self, String> {
        let issuer = DevIssuer::builder().shared_keys().start().await.map_err(|error| error.to_string())?;
        let jwks = issuer.jwks().await.map_err(|error| error.to_string())?.to_string();
        let keys = PinnedKeys::from_jwks(jwks.as_bytes()).map_err(|error| error.to_string())?;
        let validator = JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(keys)).build();
        Ok(Self { issuer, validator })
    }

    async fn caller(&self, user: &str) -> Result<Caller, String> {
        let token = self.issuer.mint().user(user).sign().await.map_err(|error| error.to_string())?;
        let verified = self.validator.validate(&token).await.map_err(|error| error.to_string())?;
        let header = format!("Bearer {token}").parse().map_err(|_| "no header".to_owned())?;
        let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, header)]);
        Ok(Caller { principal: Principal::new(verified, RoleSet::default(), None), headers })
    }
}

#[derive(Clone)]
struct Caller {
    principal: Principal,
    headers: HeaderMap,
}

/// What the decider says at once, if it says anything, and what it says when it is asked.
type Said = (Option<Verdict>, Result<Verdict, AuthError>);

impl Caller {
    async fn ask(&self, decider: &dyn PermissionDecider, resource: Option<&str>, scope: &str) -> Said {
        let (path, route) = ("/kc-contract", Some("/kc-contract"));
        let request =
            RequestView { method: "GET", path, query: None, route, headers: &self.headers, peer: None };
        let asked = PermissionRequest::new(&self.principal, &request, resource, scope, SystemClock.now());
        let at_once = decider.decide_now(&asked);
        (at_once, decider.decide(&asked).await)
    }
}

struct Bed<'b> {
    decider: Arc<dyn PermissionDecider>,
    ours: &'b Realm,
    resource: Option<&'b str>,
    scope: &'b str,
}

impl Bed<'_> {
    async fn is(&self, user: &str, expected: Verdict) -> Held {
        let caller = self.ours.caller(user).await?;
        let (_, said) = caller.ask(&*self.decider, self.resource, self.scope).await;
        let said = said.map_err(|error| format!("{user} is an error: {error}"))?;
        hold(said == expected, || format!("{user} is told {said} where it should be {expected}"))
    }
}

async fn granted(bed: &Bed<'_>) -> Held {
    bed.is("alice", Verdict::Grant).await?;
    bed.is("frank", Verdict::Deny).await?;
    bed.is("alice", Verdict::Grant).await
}

async fn unknown(bed: &Bed<'_>) -> Held {
    let alice = bed.ours.caller("alice").await?;
    let longer = format!("{}-", bed.scope);
    let two = format!("{},kc-contract", bed.scope);
    for (resource, scope) in [
        (bed.resource, "kc-contract"),
        (bed.resource, ""),
        (bed.resource, longer.as_str()),
        (bed.resource, two.as_str()),
        (Some("kc-contract"), bed.scope),
        (Some(""), bed.scope),
    ] {
        let said = alice.ask(&*bed.decider, resource, scope).await;
        let granted = matches!(said, (Some(Verdict::Grant), _) | (_, Ok(Verdict::Grant)));
        hold(!granted, || format!("{resource:?} {scope:?} is granted"))?;
    }
    Ok(())
}

async fn agrees(bed: &Bed<'_>) -> Held {
    for user in ["alice", "frank", "alice", "frank"] {
        let caller = bed.ours.caller(user).await?;
        for _ in 0..2 {
            let said = caller.ask(&*bed.decider, bed.resource, bed.scope).await;
            if let (Some(at_once), later) = &said {
                hold(later.as_ref() == Ok(at_once), || {
                    format!("{user} is told {at_once}, and then {later:?}")
                })?;
            }
        }
    }
    Ok(())
}

async fn foreign(bed: &Bed<'_>, theirs: &Realm) -> Held {
    for user in ["alice", "frank"] {
        let caller = theirs.caller(user).await?;
        let (at_once, later) = caller.ask(&*bed.decider, bed.resource, bed.scope).await;
        hold(
            at_once.is_none_or(|said| said == Verdict::Indeterminate) && later == Ok(Verdict::Indeterminate),
            || format!("{user} of another realm is told {at_once:?}, {later:?}"),
        )?;
    }
    Ok(())
}

async fn many(bed: &Bed<'_>) -> Held {
    let callers =
        [(bed.ours.caller("alice").await?, Verdict::Grant), (bed.ours.caller("frank").await?, Verdict::Deny)];
    let (resource, scope) = (bed.resource.map(str::to_owned), bed.scope.to_owned());
    let answers = at_once(64, |number| {
        let chosen = callers.get(number % 2).cloned();
        let (decider, resource, scope) = (Arc::clone(&bed.decider), resource.clone(), scope.clone());
        async move {
            let (caller, expected) = chosen?;
            Some((caller.ask(&*decider, resource.as_deref(), &scope).await.1, expected))
        }
    })
    .await?;
    for (said, expected) in answers.into_iter().flatten() {
        hold(said == Ok(expected), || format!("one of 64 is told {said:?} where it should be {expected}"))?;
    }
    Ok(())
}

async fn dropped(bed: &Bed<'_>) -> Held {
    let caller = bed.ours.caller("alice").await?;
    for turns in 1..4 {
        given_up_after(turns, caller.ask(&*bed.decider, bed.resource, bed.scope)).await;
    }
    let ask = caller.ask(&*bed.decider, bed.resource, bed.scope);
    match tokio::time::timeout(Duration::from_secs(20), ask).await {
        Ok((_, Ok(Verdict::Grant))) => Ok(()),
        Ok((_, other)) => Err(format!("after that alice is told {other:?}")),
        Err(_) => Err("after that nothing is answered any more".to_owned()),
    }
}

//! The contract of [`IssuerRegistry`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use kc_core::issuers::IssuerRegistry;

use super::findings::{ContractBroken, Held, Trial, at_once, hold};
use super::server::{Server, Then, answer};

/// Checks a registry: `registry` makes one that trusts `issuer`, an `https` URL, and nobody at another host.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn issuer_registry<R: IssuerRegistry + 'static>(
    registry: impl Fn() -> R,
    issuer: &str,
) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("IssuerRegistry");
    let Some(host) = issuer.strip_prefix("https://").filter(|rest| rest.contains('/')) else {
        return Err(trial.impossible("the issuer has to be an https URL with a path"));
    };
    let make = || Arc::new(registry()) as Arc<dyn IssuerRegistry>;
    trial.clause("an issuer that is trusted is found", async { found(&*make(), issuer) }).await;
    trial.clause("the same issuer gives the same answer", async { same(&*make(), issuer) }).await;
    trial.clause("issuers are compared to the letter", async { to_the_letter(&*make(), issuer, host) }).await;
    trial.clause("nothing is sent because of an issuer that is not trusted", nothing_sent(&*make())).await;
    trial.clause("it answers at once, whatever is asked", async { quick(&*make(), issuer) }).await;
    trial.clause("it serves many requests at once", many(&make(), issuer)).await;
    trial.end()
}

fn found(registry: &dyn IssuerRegistry, issuer: &str) -> Held {
    hold(registry.find(issuer).is_some(), || format!("{issuer} is not found"))
}

fn same(registry: &dyn IssuerRegistry, issuer: &str) -> Held {
    let first = registry.find(issuer).ok_or_else(|| format!("{issuer} is not found"))?;
    registry.proven(issuer);
    for _ in 0..10 {
        let again = registry.find(issuer).ok_or_else(|| format!("{issuer} is not found any more"))?;
        hold(Arc::ptr_eq(&first, &again), || {
            "another validator each time: each would fetch keys of its own".to_owned()
        })?;
    }
    Ok(())
}

fn to_the_letter(registry: &dyn IssuerRegistry, issuer: &str, rest: &str) -> Held {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let upper = host.to_ascii_uppercase();
    let mut others = vec![
        String::new(),
        rest.to_owned(),
        format!("http://{rest}"),
        format!("HTTPS://{rest}"),
        format!("https://{upper}/{path}"),
        format!("https://{host}:443/{path}"),
        format!("https://{host}./{path}"),
        format!("https://{host}@other.example/{path}"),
        format!("https://{host}.other.example/{path}"),
        format!("https://other.example/{rest}"),
        format!("https://other.example/?{issuer}"),
        format!("https://other.example/#{issuer}"),
        format!("https://other@{rest}"),
        format!("https:/{rest}"),
        format!("https://{host}//{path}"),
        format!("https://{host}/../{path}"),
        format!(" {issuer}"),
        format!("{issuer}\0"),
    ];
    others.extend(
        ["/", "/.", "/..", "/../other", "%2f", "?", "?a", "#", "#a", " ", "\n", "/%2e%2e"]
            .map(|end| format!("{issuer}{end}")),
    );
    found(registry, issuer)?;
    match others.iter().find(|other| registry.find(other).is_some()) {
        Some(other) => Err(format!("{other:?} is trusted as {issuer:?} is")),
        None => Ok(()),
    }
}

async fn nothing_sent(registry: &dyn IssuerRegistry) -> Held {
    let trap = Server::start(Then::Answer(answer("200 OK", "", "{}"))).await?;
    for path in ["", "/", "/realms/kc-demo"] {
        let issuer = format!("{}{path}", trap.url());
        hold(registry.find(&issuer).is_none(), || format!("{issuer} is trusted, and nobody said so"))?;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let came = trap.seen().len();
    hold(came == 0, || format!("a server that was only named was asked {came} times"))
}

fn quick(registry: &dyn IssuerRegistry, issuer: &str) -> Held {
    let began = Instant::now();
    for number in 0..1000 {
        let _ = registry.find(issuer);
        let _ = registry.find(&format!("{issuer}-{number}"));
    }
    let took = began.elapsed();
    hold(took < Duration::from_secs(1), || {
        format!("two thousand questions took {} ms, and there is one for every request", took.as_millis())
    })
}

async fn many(registry: &Arc<dyn IssuerRegistry>, issuer: &str) -> Held {
    found(&**registry, issuer)?;
    let all = at_once(16, |number| {
        let (registry, issuer) = (Arc::clone(registry), issuer.to_owned());
        let unknown = format!("https://other.example/{number}");
        let ask =
            move || (0..100).all(|_| registry.find(&issuer).is_some() && registry.find(&unknown).is_none());
        async move { tokio::task::spawn_blocking(ask).await.unwrap_or(false) }
    })
    .await?;
    hold(all.iter().all(|right| *right), || "one of sixteen got another answer".to_owned())
}

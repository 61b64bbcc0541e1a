//! SIGTERM and SIGINT.

use std::time::Duration;

use kc_dev::{Endpoint, Fault};
use rustix::process::Signal;

use crate::case::{Case, CaseResult, ensure};
use crate::http::{Connection, Request};
use crate::kit::Kit;

const CONTRACT: &str = "contract: start and stop";
const LONGEST: Duration = Duration::from_secs(10);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::own("shutdown/sigterm", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            kit.signal(Signal::TERM);
            ends_well(kit, LONGEST).await
        }),
        Case::own("shutdown/sigint", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            kit.signal(Signal::INT);
            ends_well(kit, LONGEST).await
        }),
        Case::own("shutdown/an-idle-connection-holds-nothing-up", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            let mut idle = kit.connect().await?;
            idle.send(&Request::get("/health")).await?.has_status(200)?;
            let _silent = kit.connect().await?;
            kit.signal(Signal::TERM);
            ends_well(kit, LONGEST).await
        }),
        Case::own("shutdown/requests-in-flight-finish", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            let (mut connection, request) = slow_request(kit).await?;
            kit.signal(Signal::TERM);
            connection.read(&request).await?.has_status(204)?;
            drop(connection);
            ends_well(kit, LONGEST).await
        }),
        Case::own("shutdown/no-new-connections", CONTRACT, async |kit: &Kit| {
            kit.start(&[]).await?;
            let address = kit.address()?;
            let (mut connection, request) = slow_request(kit).await?;
            kit.signal(Signal::TERM);
            tokio::time::sleep(Duration::from_millis(1_000)).await;
            let taken = match Connection::open(address).await {
                // A backlog may still take it; nobody answers.
                Ok(mut new) => {
                    tokio::time::timeout(Duration::from_secs(1), new.send(&Request::get("/health")))
                        .await
                        .is_ok_and(|answer| answer.is_ok())
                }
                Err(_) => false,
            };
            ensure(!taken, || "expected no answer on a connection after SIGTERM, got one".to_owned())?;
            connection.read(&request).await?.has_status(204)
        }),
        Case::own("shutdown/a-request-without-end-is-cut", CONTRACT, async |kit: &Kit| {
            kit.start(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "60")]).await?;
            kit.me(&kit.token("alice").await?).await?.has_status(200)?;
            kit.issuer.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(60)));
            let request = Request::new("DELETE", "/items/1").bearer(&kit.token("alice").await?);
            let mut connection = kit.connect().await?;
            connection.write(&request).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            kit.signal(Signal::TERM);
            // A little more than ten seconds: the suite's machine may be busy too.
            ends_well(kit, LONGEST + Duration::from_secs(1)).await
        }),
        Case::own("shutdown/before-anything-was-asked", CONTRACT, async |kit: &Kit| {
            kit.issuer.fault(Endpoint::Certs, Fault::Slow(Duration::from_secs(60)));
            kit.start(&[("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "60")]).await?;
            kit.signal(Signal::TERM);
            ends_well(kit, LONGEST).await
        }),
    ]
}

/// A request that is on its way for three seconds.
async fn slow_request(kit: &Kit) -> Result<(Connection, Request), crate::case::Failure> {
    kit.me(&kit.token("alice").await?).await?.has_status(200)?;
    kit.issuer.fault(Endpoint::Introspect, Fault::Slow(Duration::from_secs(3)));
    let request = Request::new("DELETE", "/items/1").bearer(&kit.token("alice").await?);
    kit.keep_secret(&request.tokens);
    let mut connection = kit.connect().await?;
    connection.write(&request).await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok((connection, request))
}

async fn ends_well(kit: &Kit, patience: Duration) -> CaseResult {
    let ended = kit.ends(patience).await?;
    ensure(ended.code == Some(0), || {
        let said: String =
            ended.stderr.chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
        format!("expected exit code 0, got {:?}: {said}", ended.code)
    })
}

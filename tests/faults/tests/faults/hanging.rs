//! An endpoint that hangs, and those who do not need it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fault_tests::{Case, Client, Endpoint, Fault};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::stack::{May, Stack};

/// Longer than any test: whoever waits for the endpoint waits until it is mended.
const PATIENT: (&str, &str) = ("KEYCLOAK_HTTP_TIMEOUT_SECONDS", "300");

async fn seen(stack: &Stack, endpoint: Endpoint, times: u64) {
    let patience = Instant::now() + fault_tests::PATIENCE;
    while stack.proxy.seen(endpoint) < times {
        assert!(Instant::now() < patience, "{endpoint:?} is asked {} times", stack.proxy.seen(endpoint));
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_fifty_introspections_hang_all_other_requests_finish() {
    let stack = Stack::start(&[PATIENT]).await;
    stack.service.has_keys().await;
    stack.proxy.spoil(Endpoint::Introspect, Fault::Hang);
    let mut hanging = JoinSet::new();
    for _ in 0..50 {
        let (address, token) = (stack.service.address(), stack.good().to_owned());
        hanging.spawn(async move { Client::new(address).ask("DELETE", "/items/1", Some(&token)).await });
    }
    seen(&stack, Endpoint::Introspect, 50).await;
    // Without those that ask for introspection.
    let cases: Vec<_> = stack.cases(May::default());
    let others = Arc::new(cases.into_iter().filter(|case| !case.is_for("/items/1")).collect::<Vec<_>>());
    let mut finished = JoinSet::new();
    for n in 0..200 {
        let (address, others) = (stack.service.address(), Arc::clone(&others));
        finished.spawn(async move { others[n % others.len()].check(&mut Client::new(address)).await });
    }
    assert_eq!(finished.join_all().await.len(), 200);
    assert!(hanging.try_join_next().is_none(), "all fifty hang still");
    stack.proxy.mend();
    for answer in hanging.join_all().await {
        assert_eq!((answer.status, &*answer.code), (502, "introspection_unavailable"));
    }
    stack.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_every_endpoint_hangs_tokens_of_known_keys_are_decided_as_ever() {
    let stack = Stack::start(&[PATIENT, ("KEYCLOAK_JWKS_TTL_SECONDS", "1")]).await;
    stack.service.has_keys().await;
    for endpoint in
        [Endpoint::Certs, Endpoint::Discovery, Endpoint::Introspect, Endpoint::Realm, Endpoint::Token]
    {
        stack.proxy.spoil(endpoint, Fault::Hang);
    }
    // The keys are stale by now; they are asked for again, in vain.
    let fetches = stack.proxy.seen(Endpoint::Certs);
    sleep(Duration::from_millis(1100)).await;
    let known = |case: &Case| {
        !case.is_for("/items/1") && !case.is_for("/service-token") && !case.is("a token of an unknown key")
    };
    let cases: Vec<_> = stack.cases(May::default()).into_iter().filter(known).collect();
    let mut client = stack.service.client();
    for _ in 0..20 {
        for case in &cases {
            case.check(&mut client).await;
        }
    }
    seen(&stack, Endpoint::Certs, fetches + 1).await;
    stack.proxy.mend();
    stack.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_introspection_that_gives_no_answer_is_soon_asked_by_one_in_two_seconds_only() {
    let stack = Stack::start(&[]).await;
    stack.service.has_keys().await;
    stack.proxy.spoil(Endpoint::Introspect, Fault::Hang);
    let unavailable =
        Case::new("a token", "DELETE /items/1", Some(stack.good()), (502, "introspection_unavailable"));
    let mut first = JoinSet::new();
    for _ in 0..5 {
        let (unavailable, mut client) = (unavailable.clone(), stack.service.client());
        first.spawn(async move { unavailable.check(&mut client).await });
    }
    first.join_all().await;
    let (start, mut client) = (Instant::now(), stack.service.client());
    for _ in 0..300 {
        unavailable.check(&mut client).await;
    }
    let tries = stack.proxy.seen(Endpoint::Introspect) - 5;
    let most = start.elapsed().as_secs() / 2 + 1;
    assert!(tries <= most, "{tries} tries in {:?}", start.elapsed());
    stack.proxy.mend();
    stack.recovers().await;
}

//! Each endpoint spoiled in each way while requests come, each fault with a service of its own.

use std::time::Duration;

use fault_tests::{Endpoint, Fault, Load, Tally};
use kc_dev::Alg;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::stack::{COOLDOWN, May, Stack};

/// A little longer than a request to Keycloak may take.
const UNDER_FAULT: Duration = Duration::from_millis(1600);

/// By so much the memory of a service may grow by an answer of 1 GiB, or one that would unpack to 256 MiB. Debug builds
/// and their allocator are generous.
const GROWTH_KIB: u64 = 32 * 1024;

/// What of an answer without end leaves its sender: 512 KiB that are read, and what the sockets' buffers hold.
const TAKEN: u64 = 16 << 20;

fn load(stack: &Stack, may: May) -> Load {
    Load::of(stack.cases(may), stack.service.address(), 4, Duration::from_millis(20))
}

/// Runs a test of each fault, all at the same time.
async fn each<F>(test: impl Fn(Fault) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tests = JoinSet::new();
    for fault in Fault::ALL {
        let test = test(fault);
        tests.spawn(async move {
            println!("{fault:?} begins");
            test.await;
            println!("{fault:?} ends well");
        });
    }
    while let Some(ended) = tests.join_next().await {
        // The one that does not end well has said why.
        ended.unwrap();
    }
}

/// How often a case got this answer.
fn times(tally: &Tally, case: &'static str, status: u16) -> u64 {
    tally.get(&(case, status)).copied().unwrap_or(0)
}

async fn spoils(endpoint: Endpoint, fault: Fault, may: May) -> (Stack, Tally) {
    let stack = Stack::start(&[]).await;
    stack.service.has_keys().await;
    let before = stack.service.rss_kib();
    stack.proxy.spoil(endpoint, fault);
    let load = load(&stack, if fault.is_harmless() { May::default() } else { may });
    sleep(UNDER_FAULT).await;
    // On a busy machine the load takes its time to come by.
    for _ in 0..600 {
        if stack.proxy.seen(endpoint) > 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    let tally = load.stop().await;
    assert!(stack.proxy.seen(endpoint) > 0, "{fault:?}: nobody asked for {endpoint:?}");
    assert!(stack.proxy.most_taken() < TAKEN, "{fault:?}: {} bytes were taken", stack.proxy.most_taken());
    let growth = stack.service.rss_kib().saturating_sub(before);
    assert!(growth < GROWTH_KIB, "{fault:?}: the memory grew by {growth} KiB");
    (stack, tally)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_endpoint_spoiled_in_any_way_is_missed_by_new_keys_only_and_for_one_cool_down() {
    each(|fault| async move {
        let may = May { lack_new_keys: true, ..May::default() };
        let (stack, tally) = spoils(Endpoint::Certs, fault, may).await;
        assert_eq!(times(&tally, "a token of an unknown key", 503) > 0, !fault.is_harmless(), "{fault:?}");
        // The key that came meanwhile is good once it can be fetched.
        stack.issuer.rotate(Alg::Rs256).await.unwrap();
        let new = stack.issuer.token("alice", "api").await.unwrap();
        stack.proxy.mend();
        let new = fault_tests::Case::new("a token of the new key", "GET /me", Some(&new), (200, ""));
        new.becomes_right(&mut stack.service.client(), COOLDOWN).await;
        stack.recovers().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_starts_behind_a_spoiled_key_endpoint_lets_nobody_in_and_recovers() {
    each(|fault| async move {
        let spoil = |proxy: &fault_tests::Proxy| proxy.spoil(Endpoint::Certs, fault);
        let stack = Stack::start_with(&[], spoil).await;
        let load = load(&stack, May { lack_keys: true, lack_new_keys: true, ..May::default() });
        sleep(UNDER_FAULT).await;
        let tally = load.stop().await;
        let let_in = times(&tally, "a good token", 200) > 0;
        assert_eq!(let_in, fault.is_harmless(), "{fault:?}: {tally:?}");
        assert!(times(&tally, "anybody", 200) > 0);
        stack.proxy.mend();
        stack.recovers().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_spoiled_in_any_way_is_missed_only_where_it_is_asked() {
    each(|fault| async move {
        let may = May { not_introspect: true, ..May::default() };
        let (stack, tally) = spoils(Endpoint::Introspect, fault, may).await;
        let introspected = times(&tally, "a good token to be introspected", 204) > 0;
        assert_eq!(introspected, fault.is_harmless(), "{fault:?}: {tally:?}");
        assert!(times(&tally, "a good token", 200) > 0 && times(&tally, "anybody", 200) > 0);
        stack.proxy.mend();
        stack.recovers().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_spoiled_in_any_way_is_missed_by_the_service_token_only() {
    each(|fault| async move {
        let may = May { lack_service_token: true, ..May::default() };
        let (stack, tally) = spoils(Endpoint::Token, fault, may).await;
        let given = times(&tally, "a question for the service's own token", 200) > 0;
        assert_eq!(given, fault.is_harmless(), "{fault:?}: {tally:?}");
        stack.proxy.mend();
        stack.recovers().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_realms_page_or_a_discovery_spoiled_in_any_way_is_missed_by_nobody() {
    each(|fault| async move {
        let spoil = |proxy: &fault_tests::Proxy| {
            proxy.spoil(Endpoint::Realm, fault);
            proxy.spoil(Endpoint::Discovery, fault);
        };
        let stack = Stack::start_with(&[], spoil).await;
        stack.service.has_keys().await;
        let before = stack.service.rss_kib();
        let load = load(&stack, May::default());
        sleep(UNDER_FAULT).await;
        load.stop().await;
        assert_eq!((stack.proxy.seen(Endpoint::Realm), stack.proxy.seen(Endpoint::Discovery)), (1, 1));
        assert!(stack.proxy.most_taken() < TAKEN, "{fault:?}: {} bytes were taken", stack.proxy.most_taken());
        assert!(stack.service.rss_kib().saturating_sub(before) < GROWTH_KIB, "{fault:?}");
        stack.proxy.mend();
        stack.recovers().await;
    })
    .await;
}

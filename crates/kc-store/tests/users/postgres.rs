use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kc_conformance::contract;
use kc_core::users::{Identity, LocalUsers, UserDirectory};
use sqlx::Connection;
use test_servers::{PATIENCE, Postgres};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::both::{self, open};

/// Runs statements, past what is tested.
async fn run(database: &str, sql: &str) {
    let mut connection = sqlx::PgConnection::connect(database).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// What comes of it; a call that does not end by itself fails the test.
async fn ended<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, call).await.expect("it is not given up")
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_postgresql_keep_the_contract() {
    let server = Postgres::start();
    let make = async || open(&server.database()).await.unwrap();
    contract::user_directory(make).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_for_several_machines() {
    let server = Postgres::start();
    both::what_was_kept_is_there_when_it_is_opened_again(&server.database()).await;
    both::simultaneous_first_openings_make_the_tables_once(&server.database()).await;
    both::simultaneous_first_logins_at_several_machines_make_one_user(&server.database()).await;
    both::an_imported_user_goes_to_one_of_those_who_come_at_once(&server.database()).await;
}

#[tokio::test]
async fn the_tables_of_a_later_release_are_left_alone() {
    let server = Postgres::start();
    let url = server.database();
    open(&url).await.unwrap().close().await;
    run(&url, "INSERT INTO kc_schema VALUES (99)").await;
    both::the_tables_of_a_later_release_are_left_alone(&url).await;
}

#[tokio::test]
async fn a_server_that_was_restarted_is_used_again() {
    let mut server = Postgres::start();
    let users = open(&server.database()).await.unwrap();
    let user = users.create(both::new("alice")).await.unwrap();
    server.stop();
    let error = ended(users.list(9)).await.unwrap_err();
    assert!(!error.reason.is_empty() && !error.reason.contains(Postgres::PASSWORD), "{error}");
    server.start_again();
    assert_eq!(users.list(9).await.unwrap(), std::slice::from_ref(&user));
    assert_eq!(users.create(both::new("alice")).await.unwrap(), user);
}

#[tokio::test]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Postgres::start();
    let users = open(&server.database()).await.unwrap();
    let user = users.create(both::new("alice")).await.unwrap();
    server.stop();
    server.start_again();
    assert_eq!(users.list(9).await.unwrap(), [user]);
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_without_the_password() {
    let mut server = Postgres::start();
    let url = server.url("postgres");
    for (url, said) in [
        (url.replace("kc:hidden", "kc:wrong-hidden"), "password authentication failed"),
        (url.replace("/postgres", "/nowhere").replace("postgres:/nowhere", "postgres:/"), "does not exist"),
        (format!("{url}?sslmode=verify-full"), "sslmode=disable"),
        (format!("{url}?sslmode=sometimes"), "write postgres://"),
    ] {
        let error = open(&url).await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("hidden-in-the-url") && !error.contains('\n'), "{error}");
    }
    server.stop();
    let error = ended(open(&url)).await.unwrap_err().to_string();
    assert!(error.contains("start it") && !error.contains(Postgres::PASSWORD), "{error}");
}

#[tokio::test]
async fn a_user_of_the_data_base_who_may_make_no_tables_can_use_those_that_are_there() {
    let server = Postgres::start();
    let url = server.database();
    open(&url).await.unwrap().close().await;
    let grants = format!(
        "CREATE USER app PASSWORD '{}'; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO app",
        Postgres::PASSWORD
    );
    run(&url, &grants).await;
    let users = open(&url.replace("//kc:", "//app:")).await.unwrap();
    let user = users.create(both::new("alice")).await.unwrap();
    assert_eq!(users.list(9).await.unwrap(), [user]);
    let error = open(&server.database().replace("//kc:", "//app:")).await.unwrap_err().to_string();
    assert!(error.contains("the right to create tables"), "{error}");
}

/// Passes bytes on, until it is told to hold them back: as a network that has gone, without a word.
async fn passage(to: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let held = Arc::new(AtomicBool::new(false));
    let holding = Arc::clone(&held);
    tokio::spawn(async move {
        loop {
            let (here, _) = listener.accept().await.unwrap();
            if holding.load(Ordering::Relaxed) {
                std::mem::forget(here);
                continue;
            }
            let there = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let (from_here, to_here) = here.into_split();
            let (from_there, to_there) = there.into_split();
            tokio::spawn(pass(from_here, to_there, Arc::clone(&holding)));
            tokio::spawn(pass(from_there, to_here, Arc::clone(&holding)));
        }
    });
    (port, held)
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    held: Arc<AtomicBool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if held.load(Ordering::Relaxed) {
            // Whoever waits for it waits for ever.
            std::future::pending::<()>().await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_has_gone_is_given_up_and_used_again_when_it_is_back() {
    let server = Postgres::start();
    let url = server.database();
    let (port, held) = passage(server.port()).await;
    let users = Arc::new(open(&url.replace(&server.port().to_string(), &port.to_string())).await.unwrap());
    let user = users.create(both::new("alice")).await.unwrap();
    held.store(true, Ordering::Relaxed);
    // More than there are connections.
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.list(9).await })
        })
        .collect();
    for call in calls {
        ended(call).await.unwrap().unwrap_err();
    }
    held.store(false, Ordering::Relaxed);
    ended(async { while users.list(9).await.as_deref() != Ok(std::slice::from_ref(&user)) {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_sign_ins_at_several_machines_make_one_user() {
    let server = Postgres::start();
    let url = server.database();
    let issuer = kc_dev::DevIssuer::builder().shared_keys().start().await.unwrap();
    let keys =
        kc_core::keys::PinnedKeys::from_jwks(issuer.jwks().await.unwrap().to_string().as_bytes()).unwrap();
    let validator =
        Arc::new(kc_core::validator::JwtValidator::builder(issuer.issuer(), ["api"], Arc::new(keys)).build());
    let token = issuer.token("alice", "api").await.unwrap();
    let mut machines = Vec::new();
    for _ in 0..3 {
        machines.push(LocalUsers::new(Arc::new(open(&url).await.unwrap())));
    }
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let (machine, validator, token) =
                (machines[number % 3].clone(), Arc::clone(&validator), token.clone());
            tokio::spawn(async move {
                use kc_core::validator::TokenValidator;
                let token = validator.validate(&token).await.unwrap();
                let now = kc_core::clock::UnixTime::from_secs(1_800_000_000);
                machine.sign_in(&token, &kc_core::roles::RoleSet::default(), now).await
            })
        })
        .collect();
    let mut users = Vec::new();
    for task in tasks {
        users.push(task.await.unwrap().unwrap().unwrap());
    }
    users.dedup();
    assert_eq!(users.len(), 1);
    let identity: &Identity = &users[0].identities[0];
    assert_eq!(machines[0].directory().find(identity).await.unwrap().as_ref(), users.first());
    assert_eq!(machines[0].directory().list(9).await.unwrap(), users);
}

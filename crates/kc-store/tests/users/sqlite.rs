use kc_conformance::contract;
use kc_core::users::UserDirectory;
use kc_store::users::SqlUsers;
use sqlx::Connection;
use tempfile::TempDir;

use crate::both::{self, open};

fn file() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("users.db").display());
    (folder, url)
}

#[tokio::test]
async fn users_in_a_sqlite_file_keep_the_contract() {
    let folder = TempDir::new().unwrap();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let make = async || {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        open(&format!("sqlite:{}", folder.path().join(format!("{number}.db")).display())).await.unwrap()
    };
    contract::user_directory(make).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn users_in_sqlite_in_memory_keep_the_contract() {
    contract::user_directory(async || SqlUsers::in_memory().await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn two_data_bases_in_memory_are_two() {
    let (first, second) = (SqlUsers::in_memory().await.unwrap(), SqlUsers::in_memory().await.unwrap());
    first.create(both::new("alice")).await.unwrap();
    assert!(second.list(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_was_kept_is_there_when_it_is_opened_again() {
    let (_folder, url) = file();
    both::what_was_kept_is_there_when_it_is_opened_again(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_first_openings_make_the_tables_once() {
    let (_folder, url) = file();
    both::simultaneous_first_openings_make_the_tables_once(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_first_logins_at_several_machines_make_one_user() {
    let (_folder, url) = file();
    both::simultaneous_first_logins_at_several_machines_make_one_user(&url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_user_goes_to_one_of_those_who_come_at_once() {
    let (_folder, url) = file();
    both::an_imported_user_goes_to_one_of_those_who_come_at_once(&url).await;
}

#[tokio::test]
async fn the_tables_of_a_later_release_are_left_alone() {
    let (_folder, url) = file();
    open(&url).await.unwrap().close().await;
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("INSERT INTO kc_schema VALUES (99)").execute(&mut connection).await.unwrap();
    both::the_tables_of_a_later_release_are_left_alone(&url).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, url) = file();
    let users = open(&url).await.unwrap();
    users.create(both::new("alice")).await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name());
    }
    assert!(names.len() > 1, "the data base and its log: {names:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_made_or_is_something_else_is_an_error_with_a_remedy() {
    let (folder, _) = file();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no data base, however long this text is; it goes on and on and on and on")
        .unwrap();
    for path in [folder.path().join("missing/users.db"), folder.path().to_owned(), text] {
        let error = open(&format!("sqlite:{}", path.display())).await.unwrap_err().to_string();
        assert!(error.contains("SQLite") || error.contains("tables"), "{error}");
        assert!(!error.contains('\n') && error.contains(": "), "{error}");
    }
    let error = open("sqlite:users.db?nonsense=1").await.unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

//! PostgreSQL.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use kc_core::secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection as _, PgConnection};
use url::Url;

use super::connection::{Connection, LIMIT, Pool};
use super::error::{Fault, OpenError};
use super::schema;

/// Connections that a process has at most.
const CONNECTIONS: u32 = 10;

/// The server ends what takes longer than a caller waits, and what a caller has left half done.
const BOUNDS: &str =
    "SET statement_timeout = '5s'; SET lock_timeout = '4s'; SET idle_in_transaction_session_timeout = '10s'";

pub(super) async fn open(url: &Secret) -> Result<Pool, OpenError> {
    let unusable = |error: sqlx::Error| unusable(error, url);
    let options = PgConnectOptions::from_str(url.expose()).map_err(unusable)?;
    let options = with_tls(options, url).application_name("kc").disable_statement_logging();
    // A pool would try again until its time is up; whoever starts a service wants to know at once.
    let first = tokio::time::timeout(LIMIT, PgConnection::connect_with(&options)).await;
    let first = first.map_err(|_| {
        OpenError::new(format!("PostgreSQL has not answered in {} s", LIMIT.as_secs()), UNREACHABLE)
    })?;
    // That it can't be closed politely is no matter.
    let _ = first.map_err(unusable)?.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        // Ready for the next new token: to make one takes several times as long as to ask.
        .min_connections(1)
        .acquire_timeout(LIMIT)
        .idle_timeout(Duration::from_secs(600))
        .max_lifetime(Duration::from_secs(1800))
        .after_connect(|connection, _| {
            Box::pin(async move { sqlx::raw_sql(BOUNDS).execute(connection).await.map(drop) })
        })
        .connect_with(options)
        .await
        .map_err(unusable)?;
    let mut connection = Connection::Postgres(pool.acquire().await.map_err(unusable)?);
    schema::migrate(&mut connection).await?;
    Ok(Pool::Postgres(pool))
}

const UNREACHABLE: &str = "start it, or correct host and port";

fn unusable(error: sqlx::Error, url: &Secret) -> OpenError {
    let remedy = match &error {
        sqlx::Error::Tls(_) => {
            "give it a certificate that this machine trusts (sslrootcert=FILE for one of your own), or say in the URL what \
             protects the way to it instead: ?sslmode=disable"
        }
        sqlx::Error::Io(_) => UNREACHABLE,
        sqlx::Error::Configuration(_) => "write postgres://user:password@host:5432/name",
        _ => "correct user, password and data base in the URL, or create them",
    };
    let said = Fault::Sql(error).to_string();
    // None that is known says it; it would end up in a log all the same.
    let said = if tells(&said, url) { "with a message that holds the password".to_owned() } else { said };
    OpenError::new(format!("PostgreSQL can't be used ({said})"), remedy)
}

/// Whether a message holds the URL's password, in the form in which the URL has it or decoded.
fn tells(said: &str, url: &Secret) -> bool {
    let Ok(url) = Url::parse(url.expose()) else { return true };
    let in_query =
        url.query_pairs().filter(|(name, _)| name == "password").map(|(_, value)| value.into_owned());
    let decoded = url.password().map(|password| {
        url::form_urlencoded::parse(format!("p={}", password.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect::<String>()
    });
    let raw = url.password().map(str::to_owned);
    raw.into_iter()
        .chain(decoded)
        .chain(in_query)
        .any(|password| !password.is_empty() && said.contains(&password))
}

/// TLS with a certificate that is checked, for another machine, unless somebody has said otherwise.
fn with_tls(options: PgConnectOptions, url: &Secret) -> PgConnectOptions {
    let said = std::env::var_os("PGSSLMODE").is_some()
        || Url::parse(url.expose())
            .is_ok_and(|url| url.query_pairs().any(|(name, _)| name == "sslmode" || name == "ssl-mode"));
    let here = options.get_socket().is_some() || is_here(options.get_host());
    if said || here { options } else { options.ssl_mode(PgSslMode::VerifyFull) }
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> PgSslMode {
        let url = Secret::new(url);
        with_tls(PgConnectOptions::from_str(url.expose()).unwrap(), &url).get_ssl_mode()
    }

    #[test]
    fn another_machine_is_spoken_to_by_tls_and_checked_unless_the_url_says_otherwise() {
        assert!(matches!(mode("postgres://u:p@db.internal/users"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@10.0.0.7/users"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://u:p@db.internal/users?sslmode=disable"), PgSslMode::Disable));
        for here in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(
                !matches!(mode(&format!("postgres://u:p@{here}/users")), PgSslMode::VerifyFull),
                "{here}"
            );
        }
    }

    #[test]
    fn a_message_with_the_password_is_not_passed_on() {
        let url = Secret::new("postgres://u:hun%2Bter2@db/users");
        let said = |text: &str| unusable(sqlx::Error::Protocol(text.to_owned()), &url).to_string();
        assert!(!said("a hun%2Bter2 b").contains("hun") && !said("a hun+ter2 b").contains("hun"));
        assert!(said("something else").contains("something else"));
    }
}

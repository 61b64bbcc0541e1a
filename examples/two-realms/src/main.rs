//! Runs with nothing installed: two embedded development issuers, one for each realm.
//!
//! ```console
//! cargo run -p two-realms                  # or with an address to listen on
//! ```

use std::error::Error;

use kc_dev::DevIssuer;
use tokio::net::TcpListener;

const CUSTOMERS: &str = include_str!("../realms/customers.json");
const STAFF: &str = include_str!("../realms/staff.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(&listen).await?;
    let customers = DevIssuer::builder().realm_json(CUSTOMERS).start().await?;
    let staff = DevIssuer::builder().realm_json(STAFF).start().await?;
    // With Keycloaks of your own these are all that changes: `Settings::from_env()` for one, a builder for the other.
    let of_customers = two_realms::realm(customers.base_url(), customers.realm(), "shop", "-")?;
    let of_staff = two_realms::realm(staff.base_url(), staff.realm(), "desk", "-")?;
    let kc = two_realms::keycloak(&of_customers, of_staff)?;
    let (app, table) = two_realms::app(&kc)?;

    eprintln!("Two development issuers: never use them in production. Who may call what:\n\n{table}");
    let here = format!("http://{}", listener.local_addr()?);
    let curl = |path: &str| format!("curl -i -H \"Authorization: Bearer $TOKEN\" {here}{path}");
    for (issuer, client, user) in [
        (&customers, "shop", "carla"),
        (&customers, "shop", "mallory"),
        (&staff, "desk", "steve"),
        (&staff, "desk", "trudy"),
    ] {
        eprintln!("# {user} of the realm {}, by its client {client}", issuer.realm());
        eprintln!("{}\n{}\n{}\n", token(issuer, client, user), curl("/me"), curl("/ledger"));
    }
    kc.prefetch().await;
    eprintln!("ready at {here}");
    let stop = async {
        // Without signals it runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// A line for a shell that puts a token into `TOKEN`.
fn token(issuer: &DevIssuer, client: &str, user: &str) -> String {
    format!(
        "TOKEN=$(curl -s {}/protocol/openid-connect/token -d grant_type=password -d client_id={client} -d \
         client_secret={client}-secret -d username={user} -d password={user} \
         | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
        issuer.issuer()
    )
}

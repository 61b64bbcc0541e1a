//! Settings that are good, and what they do.

use kc_dev::{Alg, Endpoint};
use serde_json::json;

use crate::case::{Capability, Case, CaseResult, Environment, Setup, ensure};
use crate::http::Request;
use crate::kit::{CLIENT_SECRET, Kit};
use crate::stand_in::StandIn;

const CONTRACT: &str = "contract: configuration";

const AUDIENCES: Setup =
    Setup::Shared(&Environment { name: "audiences", variables: &[("KEYCLOAK_AUDIENCE", "first, second")] });
const NO_LEEWAY: Setup =
    Setup::Shared(&Environment { name: "no leeway", variables: &[("KEYCLOAK_LEEWAY_SECONDS", "0")] });
const NO_NEW_USERS: Setup =
    Setup::Shared(&Environment { name: "no new users", variables: &[("KEYCLOAK_CREATE_USERS", "false")] });

pub(crate) fn cases() -> Vec<Case> {
    [shared(), servers(), pinned(), files()].into_iter().flatten().collect()
}

fn shared() -> Vec<Case> {
    vec![
        Case::new("settings/any-of-the-audiences", CONTRACT, async |kit: &Kit| {
            for aud in [json!("first"), json!(["x", "second"])] {
                kit.me(&kit.mint().claim("aud", aud).sign().await?).await?.has_status(200)?;
            }
            // The client id is only the default.
            kit.me(&kit.token("alice").await?).await?.refused(401, "invalid_audience")
        })
        .with(AUDIENCES),
        Case::new("settings/audiences-are-compared-whole", CONTRACT, async |kit: &Kit| {
            for aud in ["first, second", "firstsecond", "fir", "first ", ""] {
                let token = kit.mint().claim("aud", aud).sign().await?;
                kit.me(&token).await?.refused(401, "invalid_audience")?;
            }
            Ok(())
        })
        .with(AUDIENCES),
        Case::new("settings/no-leeway", CONTRACT, async |kit: &Kit| {
            kit.me(&kit.mint().expires_in(-2).sign().await?).await?.refused(401, "token_expired")?;
            kit.me(&kit.mint().expires_in(30).sign().await?).await?.has_status(200)
        })
        .with(NO_LEEWAY),
        Case::new("settings/no-new-users", "contract: users", async |kit: &Kit| {
            let reply = kit.me(&kit.token("alice").await?).await?;
            reply.refused(401, "user_unknown")?;
            reply.has_detail("User does not exist")?;
            reply.challenge().map(|_| ())
        })
        .with(NO_NEW_USERS),
        Case::new("settings/no-new-users-token-first", "contract: order", async |kit: &Kit| {
            kit.me(&kit.mint().expires_in(-60).sign().await?).await?.refused(401, "token_expired")
        })
        .with(NO_NEW_USERS),
    ]
}

fn servers() -> Vec<Case> {
    vec![
        Case::own("settings/url-with-a-slash-at-the-end", CONTRACT, async |kit: &Kit| {
            let url = format!("{}/", kit.issuer.base_url());
            kit.start(&[("KEYCLOAK_URL", &url)]).await?;
            works(kit).await
        }),
        Case::own("settings/issuer-of-its-own", CONTRACT, async |kit: &Kit| {
            let public = public_issuer(kit);
            kit.start(&[("KEYCLOAK_ISSUER", &public)]).await?;
            let token = kit.mint().claim("iss", public).sign().await?;
            kit.me(&token).await?.has_status(200)?;
            kit.me(&kit.token("alice").await?).await?.refused(401, "invalid_issuer")
        }),
        Case::own("settings/internal-url-for-what-the-service-asks", CONTRACT, async |kit: &Kit| {
            let internal = kit.issuer.base_url().to_owned();
            let settings =
                [("KEYCLOAK_URL", "https://login.example.com"), ("KEYCLOAK_INTERNAL_URL", internal.as_str())];
            kit.start(&settings).await?;
            kit.me(&kit.mint().claim("iss", public_issuer(kit)).sign().await?).await?.has_status(200)?;
            kit.me(&kit.token("alice").await?).await?.refused(401, "invalid_issuer")
        }),
        Case::own("settings/legacy-base-path", CONTRACT, async |kit: &Kit| {
            let stand_in = StandIn::with_keys_of(kit).await?;
            let url = format!("{}/auth/", stand_in.url());
            kit.start(&[("KEYCLOAK_URL", &url)]).await?;
            let iss = format!("{}/auth/realms/{}", stand_in.url(), kit.realm());
            kit.me(&kit.mint().claim("iss", iss).sign().await?).await?.has_status(200)?;
            let certs = format!("/auth/realms/{}/protocol/openid-connect/certs", kit.realm());
            let asked = stand_in.seen(&certs).len();
            ensure(asked > 0, || "expected the keys to be asked for below /auth".to_owned())
        }),
        Case::own("settings/origins-of-a-server-elsewhere", "contract: CORS", async |kit: &Kit| {
            let internal = kit.issuer.base_url().to_owned();
            let settings =
                [("KEYCLOAK_URL", "https://login.example.com"), ("KEYCLOAK_INTERNAL_URL", internal.as_str())];
            kit.start(&settings).await?;
            let request = Request::get("/health").header("Origin", "http://localhost:3000");
            kit.send(&request).await?.lacks_header("access-control-allow-origin")
        }),
    ]
}

/// The same realm under a public name.
fn public_issuer(kit: &Kit) -> String {
    format!("https://login.example.com/realms/{}", kit.realm())
}

fn pinned() -> Vec<Case> {
    vec![
        Case::own("settings/pinned-key-as-pem", CONTRACT, async |kit: &Kit| {
            let pem = kit.issuer.public_key_pem(Alg::Rs256).await?;
            pinned_to(kit, &pem).await
        }),
        Case::own("settings/pinned-key-as-bare-base64", CONTRACT, async |kit: &Kit| {
            let pem = kit.issuer.public_key_pem(Alg::Rs256).await?;
            let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            pinned_to(kit, &bare).await
        }),
        Case::own_realm("settings/pinned-key-and-another", CONTRACT, async |kit: &Kit| {
            let pem = kit.issuer.public_key_pem(Alg::Rs256).await?;
            kit.start(&[("KEYCLOAK_PUBLIC_KEY", &pem)]).await?;
            kit.issuer.rotate(Alg::Rs256).await?;
            kit.me(&kit.token("alice").await?)
                .await?
                .refused_as(401, &["invalid_signature", "unknown_key"])?;
            let confused = kit.mint().secret(Alg::Hs256, pem.into_bytes()).sign().await?;
            kit.me(&confused).await?.refused(401, "unsupported_algorithm")
        }),
    ]
}

async fn pinned_to(kit: &Kit, key: &str) -> CaseResult {
    kit.start(&[("KEYCLOAK_PUBLIC_KEY", key)]).await?;
    works(kit).await?;
    // A pinned key serves any kid.
    kit.me(&kit.mint().header("kid", "any").sign().await?).await?.has_status(200)?;
    let asked = kit.asked(Endpoint::Certs);
    ensure(asked == 0, || format!("expected no request for the keys, got {asked}"))
}

fn files() -> Vec<Case> {
    let config = |kit: &Kit| {
        json!({
            "realm": kit.realm(),
            "auth-server-url": kit.issuer.base_url(),
            "ssl-required": "external",
            "resource": "api",
            "credentials": {"secret": CLIENT_SECRET},
            "confidential-port": 0,
        })
        .to_string()
    };
    let dot_env = |kit: &Kit| {
        format!(
            "# a comment\nKEYCLOAK_URL={}\nKEYCLOAK_REALM={}\nKEYCLOAK_CLIENT_ID=\"api\"\n\
             KEYCLOAK_CLIENT_SECRET='{CLIENT_SECRET}'\nKEYCLOAK_AUDIENCE=of-the-file\n",
            kit.issuer.base_url(),
            kit.realm()
        )
    };
    vec![
        Case::own("settings/adapter-config-file", CONTRACT, async move |kit: &Kit| {
            let path = kit.file("keycloak.json", &config(kit))?;
            let environment = [("KEYCLOAK_CONFIG".to_owned(), path)].into();
            kit.start_in(environment, &[]).await?;
            works(kit).await?;
            let request = Request::new("DELETE", "/items/1").bearer(&kit.token("alice").await?);
            kit.send(&request).await?.has_status(204)
        }),
        Case::own("settings/environment-before-the-adapter-config", CONTRACT, async move |kit: &Kit| {
            let wrong = config(kit).replace(&format!("\"{}\"", kit.realm()), "\"other\"");
            let path = kit.file("keycloak.json", &wrong)?;
            kit.start(&[("KEYCLOAK_CONFIG", &path)]).await?;
            works(kit).await
        }),
        Case::own("settings/dot-env", "contract: start and stop", async move |kit: &Kit| {
            kit.start_in([].into(), &[(".env", dot_env(kit))]).await?;
            kit.me(&kit.mint().claim("aud", "of-the-file").sign().await?).await?.has_status(200)
        })
        .needing(Capability::CleanFolder),
        Case::own(
            "settings/environment-before-dot-env",
            "contract: start and stop",
            async move |kit: &Kit| {
                let environment = [("KEYCLOAK_AUDIENCE".to_owned(), "of-the-environment".to_owned())].into();
                kit.start_in(environment, &[(".env", dot_env(kit))]).await?;
                kit.me(&kit.mint().claim("aud", "of-the-environment").sign().await?)
                    .await?
                    .has_status(200)?;
                kit.me(&kit.mint().claim("aud", "of-the-file").sign().await?)
                    .await?
                    .refused(401, "invalid_audience")
            },
        )
        .needing(Capability::CleanFolder),
        Case::own(
            "settings/keycloak-json-is-not-looked-for",
            "contract: start and stop",
            async |kit: &Kit| {
                kit.start_in(kit.environment(), &[("keycloak.json", "{\"realm\": 7".to_owned())]).await?;
                works(kit).await
            },
        )
        .needing(Capability::CleanFolder),
    ]
}

async fn works(kit: &Kit) -> CaseResult {
    kit.me(&kit.token("alice").await?).await?.has_status(200)?;
    kit.me(&kit.token_of_a_stranger().await?).await?.has_status(401)
}

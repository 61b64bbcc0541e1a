//! Refreshing, logging out, revoking.

use crate::observed::{Observed, PROTOCOL};
use crate::{compare, tampered};

#[tokio::test]
async fn refreshing() {
    compare(|server| async move {
        let mut seen = Observed::default();
        for (user, client, scope) in [
            ("alice", "api", "openid"),
            ("alice", "api", "email"),
            ("alice", "api", "openid email phone organization"),
            ("alice", "api", "openid offline_access"),
            ("carol", "api", "openid organization"),
            ("alice", "no-aud", "openid offline_access"),
            ("alice", "lightweight", "openid"),
            ("bob", "eddsa", "openid"),
        ] {
            let first = server.login(user, client, Some(scope)).await.text("refresh_token");
            for narrower in
                [None, Some("openid"), Some("email"), Some("phone"), Some("basic"), Some("nope"), Some("")]
            {
                let answer = server.refresh(&first, client, narrower).await;
                seen.add(format!("{user} at {client}, {scope:?} then {narrower:?}"), server.observe(&answer));
            }
            let name = format!("{user} at {client}, {scope:?}");
            let other = if client == "api" { "no-aud" } else { "api" };
            seen.add(
                format!("{name}: by another client"),
                server.observe(&server.refresh(&first, other, None).await),
            );
            for (asking, hint) in
                [(client, None), (client, Some("refresh_token")), (other, Some("refresh_token"))]
            {
                let told = server.introspect(&first, asking, hint).await;
                seen.add(format!("{name}: introspected by {asking} with {hint:?}"), server.observe(&told));
            }
        }
        let login = server.login("alice", "api", Some("openid")).await;
        for kind in ["access_token", "id_token"] {
            let answer = server.refresh(&login.text(kind), "api", None).await;
            seen.add(format!("{kind} as refresh token"), server.observe(&answer));
        }
        let answer = server.refresh(&tampered(&login.text("refresh_token")), "api", None).await;
        seen.add("tampered", server.observe(&answer));
        seen
    })
    .await;
}

#[tokio::test]
async fn logout_and_revocation() {
    compare(|server| async move {
        let mut seen = Observed::default();
        let (logout, revoke) = (format!("{PROTOCOL}/logout"), format!("{PROTOCOL}/revoke"));
        let api = [("client_id", "api"), ("client_secret", "api-secret")];
        let no_aud = [("client_id", "no-aud"), ("client_secret", "no-aud-secret")];
        let wrong = [("client_id", "api"), ("client_secret", "wrong")];
        for (url, field) in [(&logout, "refresh_token"), (&revoke, "token")] {
            for scope in ["openid", "openid offline_access"] {
                let login = server.login("alice", "api", Some(scope)).await;
                let (access, id) = (login.text("access_token"), login.text("id_token"));
                let refresh = login.text("refresh_token");
                let steps = [
                    ("wrong secret", wrong.to_vec(), refresh.as_str()),
                    ("unknown client", vec![("client_id", "nope")], &refresh),
                    ("no client", vec![], &refresh),
                    ("another client", no_aud.to_vec(), &refresh),
                    ("garbage", api.to_vec(), "garbage"),
                    ("ID token", api.to_vec(), &id),
                    ("access token", api.to_vec(), &access),
                    ("refresh token", api.to_vec(), &refresh),
                    ("again", api.to_vec(), &refresh),
                ];
                for (step, mut form, token) in steps {
                    form.push((field, token));
                    let name = format!("{url}, {scope}: {step}");
                    seen.add(name.clone(), server.observe(&server.post(url, &form).await));
                    for (kind, token, hint) in [
                        ("access", &access, None),
                        ("id", &id, None),
                        ("refresh", &refresh, Some("refresh_token")),
                    ] {
                        let told = server.introspect(token, "api", hint).await.json()["active"].clone();
                        seen.add(format!("{name}, then {kind} token"), told);
                    }
                    let info = server.userinfo(&access).await;
                    seen.add(format!("{name}, then userinfo"), server.observe(&info));
                }
                let answer = server.refresh(&refresh, "api", None).await;
                seen.add(format!("{url}, {scope}: refresh after it"), server.observe(&answer));
            }
        }
        let answer = server.post(&revoke, &api).await;
        seen.add("revoke nothing", server.observe(&answer));
        let token = server.login("alice", "spa", Some("openid")).await.text("refresh_token");
        for url in [&revoke, &logout] {
            let form = [("client_id", "spa"), ("token", &token), ("refresh_token", &token)];
            seen.add(format!("{url} of a public client"), server.observe(&server.post(url, &form).await));
        }
        seen
    })
    .await;
}

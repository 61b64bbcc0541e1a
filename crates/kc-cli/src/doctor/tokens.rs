//! The tokens, by one that the client gets for itself.

use kc_core::settings::OpaqueTokens;
use kc_core::signature::Algorithm;
use serde_json::Value;

use super::check::{Finding, Judged, Verdict};
use super::client::proven;
use super::facts::{Facts, NEEDS_ADMIN, asked};
use crate::terminal::shown;

/// Seconds that an access token may live without a finding.
const LIFETIMES: std::ops::RangeInclusive<i64> = 300..=900;

/// The mappers that put roles into tokens.
const ROLE_MAPPERS: [&str; 2] = ["oidc-usermodel-realm-role-mapper", "oidc-usermodel-client-role-mapper"];

pub(super) fn audience_mapper(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    let claims = match facts.claims() {
        Ok(claims) => claims,
        // Nothing shows it but the mappers; other clients' tokens may have theirs from elsewhere.
        Err(_) if named_by_mapper(facts, server.audiences()) => {
            return Ok(Verdict::Good("the client has a mapper for it".to_owned()));
        }
        Err(why) => return Err(why),
    };
    // Such a token has no audience, whatever the mappers are.
    let claims = match is_lightweight(claims) {
        false => claims,
        true => active(facts).ok_or("the token is a lightweight one (lightweight-tokens)")?,
    };
    let audience = strings(claims.get("aud"));
    if audience.iter().any(|name| server.audiences().contains(name)) {
        return Ok(Verdict::Good(audience.join(", ")));
    }
    let expected = server.audiences().join(", ");
    let got = if audience.is_empty() { "none".to_owned() } else { shown(&audience.join(", ")) };
    let mapper = server.audiences().first().map_or(id, String::as_str);
    Ok(Finding::error(
        format!("the audience of the client's token is {got}, this service expects {expected}"),
        "Such tokens are refused: invalid_audience.",
        format!(
            "Clients > {id} > Client scopes > {id}-dedicated > Configure a new mapper (or Add mapper > By configuration) > \
             Audience: Included Client Audience {mapper}, Add to access token on, Add to token introspection on. Other \
             clients whose tokens come here need the same: best in a client scope of their own, which is added to each. Or \
             set KEYCLOAK_AUDIENCE"
        ),
    )
    .into())
}

/// Whether a mapper of the client adds one of these.
fn named_by_mapper(facts: &Facts, audiences: &[String]) -> bool {
    let (Ok(client), Ok(scopes)) = (facts.client_settings(), facts.scopes()) else { return false };
    effective(client, scopes).filter(|mapper| adds(mapper, "oidc-audience-mapper")).any(|mapper| {
        ["/config/included.client.audience", "/config/included.custom.audience"]
            .iter()
            .filter_map(|path| mapper.pointer(path)?.as_str())
            .any(|name| audiences.iter().any(|one| one == name))
    })
}

pub(super) fn roles_mapper(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    let remedy = |what: &str| {
        format!(
            "Client scopes > roles > Mappers > {what}: Add to access token on; and Clients > {id} > Client scopes: roles has to \
             be there as Default (Add client scope > roles > Add > Default)"
        )
    };
    let means = "Whoever has a role is refused all the same: missing_roles.";
    if let (Ok(client), Ok(scopes)) = (facts.client_settings(), facts.scopes()) {
        let missing: Vec<&str> = ROLE_MAPPERS
            .into_iter()
            .filter(|kind| !effective(client, scopes).any(|mapper| adds(mapper, kind)))
            .map(|kind| if kind.contains("realm") { "realm roles" } else { "client roles" })
            .collect();
        return Ok(match missing.as_slice() {
            [] => Verdict::Good(String::new()),
            missing => {
                let names = missing.join(" and ");
                let found = format!("no mapper of the client {id:?} puts {names} into access tokens");
                Finding::error(found, means, remedy(&names)).into()
            }
        });
    }
    let claims = facts.claims()?;
    if claims.get("realm_access").is_some() || claims.get("resource_access").is_some() {
        return Ok(Verdict::Good("the client's own token has some".to_owned()));
    }
    Err(format!("the client's own token has no roles, nor need it have any: {NEEDS_ADMIN}"))
}

/// The mappers of the client and of the client scopes that are always its.
fn effective<'a>(client: &'a Value, scopes: &'a Value) -> impl Iterator<Item = &'a Value> {
    let names = strings(client.get("defaultClientScopes"));
    let of_scopes =
        scopes.as_array().into_iter().flatten().filter(move |scope| {
            scope["name"].as_str().is_some_and(|name| names.iter().any(|one| one == name))
        });
    let own = std::iter::once(client);
    own.chain(of_scopes).filter_map(|holder| holder.get("protocolMappers")?.as_array()).flatten()
}

fn adds(mapper: &Value, kind: &str) -> bool {
    mapper["protocolMapper"] == kind
        && mapper.pointer("/config/access.token.claim").is_some_and(|value| value == "true")
}

pub(super) fn lightweight(facts: &Facts) -> Judged {
    let (settings, server) = facts.server()?;
    let id = server.client_id();
    if !is_lightweight(facts.claims()?) {
        return Ok(Verdict::Good(String::new()));
    }
    if settings.opaque_tokens() == OpaqueTokens::Introspect {
        return Ok(Verdict::Good("lightweight, and Keycloak is asked about them".to_owned()));
    }
    Ok(Finding::error(
        format!("the client {id:?} gets lightweight access tokens"),
        "They have neither audience nor roles: they are refused.",
        format!(
            "Clients > {id} > Advanced > Advanced settings: Always use lightweight access token off. Or set \
             KEYCLOAK_OPAQUE_TOKENS=introspect: then Keycloak is asked about each of them"
        ),
    )
    .into())
}

pub(super) fn accepted(facts: &Facts) -> Judged {
    facts.claims()?;
    let (settings, server) = facts.server()?;
    if settings.opaque_tokens() == OpaqueTokens::Introspect {
        return Ok(Verdict::Idle("KEYCLOAK_OPAQUE_TOKENS=introspect: see introspection".to_owned()));
    }
    let Some((code, detail)) = &facts.refusal else { return Ok(Verdict::Good(String::new())) };
    let told = |check: super::check::Judged| matches!(check, Ok(Verdict::Found(_)));
    // What another check has said better.
    for (name, check) in [
        ("lightweight-tokens", lightweight as fn(&Facts) -> Judged),
        ("audience-mapper", audience_mapper),
        ("issuer", super::server::issuer),
        ("clock", super::server::clock),
        ("keys", super::server::keys),
        ("pinned-key", super::server::pinned_key),
    ] {
        if told(check(facts)) {
            return Err(format!("it is not: {name} says why"));
        }
    }
    let remedy = match *code {
        "unsupported_algorithm" => format!(
            "Clients > {} > Advanced > Fine grain OpenID Connect configuration > Access token signature algorithm: RS256, or \
             another that is not HMAC",
            server.client_id()
        ),
        code => format!("See `{code}` in docs/errors.md"),
    };
    Ok(Finding::error(
        format!("the token that the client just got is refused: {code}, {}", shown(detail)),
        "Users' tokens will be refused too.",
        remedy,
    )
    .into())
}

pub(super) fn introspection(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    if server.client_secret().is_none() {
        return Ok(Verdict::Idle("no secret is set".to_owned()));
    }
    proven(facts)?;
    let answer = asked(&facts.introspection)?;
    let means =
        "Rules that demand an active token answer 401 or 502; so does KEYCLOAK_OPAQUE_TOKENS=introspect.";
    match (answer.status, answer.member("active").and_then(Value::as_bool)) {
        (200, Some(true)) => Ok(Verdict::Good(String::new())),
        (200, Some(false)) => {
            if let Ok(Verdict::Found(_)) = super::server::not_before(facts) {
                return Err("the token is revoked (not-before)".to_owned());
            }
            let audience = strings(facts.claims()?.get("aud"));
            if let (false, Ok(Verdict::Found(_))) =
                (audience.iter().any(|one| one == id), audience_mapper(facts))
            {
                return Err(format!(
                    "the token is not for {id:?}: the audience comes first (audience-mapper)"
                ));
            }
            let found = format!("Keycloak says inactive of a good token when {id:?} asks");
            if audience.iter().any(|one| one == id) {
                let remedy = "Use one host name for Keycloak everywhere (see issuer): the token of another name is inactive. See \
                              Keycloak's log";
                return Ok(Finding::error(found, means, remedy).into());
            }
            let remedy = format!(
                "Since 26.6.2 the client that asks has to be in the token's audience, which is {}: Clients > {id} > Client \
                 scopes > {id}-dedicated > Configure a new mapper > Audience: Included Client Audience {id}, Add to access \
                 token on, Add to token introspection on",
                if audience.is_empty() { "none".to_owned() } else { shown(&audience.join(", ")) }
            );
            Ok(Finding::error(found, means, remedy).into())
        }
        (403, _) => Ok(Finding::error(
            format!("Keycloak does not let {id:?} introspect (403)"),
            means,
            format!("Clients > {id} > Settings > Capability config: Client authentication on"),
        )
        .into()),
        (status, _) => Ok(Finding::error(
            format!("introspection answers {status} {}", shown(answer.text("error"))),
            means,
            "See Keycloak's log; and see that no proxy keeps /token/introspect away from this machine",
        )
        .into()),
    }
}

pub(super) fn lifetime(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    proven(facts)?;
    // Not `expires_in`: that is a second less when a second passes while Keycloak answers.
    let claims = facts.claims()?;
    let time = |name: &str| claims[name].as_i64();
    let lifetime = time("exp").zip(time("iat")).map(|(ends, begins)| ends - begins);
    let seconds = lifetime.ok_or("the client's token does not say when it ends")?;
    if LIFETIMES.contains(&seconds) {
        return Ok(Verdict::Good(format!("{seconds} s")));
    }
    let remedy = format!(
        "Realm settings > Tokens > Access tokens > Access Token Lifespan: 5 Minutes; or for this client alone: Clients > {id} > \
         Advanced > Advanced settings > Access Token Lifespan: Inherits from realm settings"
    );
    let found = format!("access tokens live {seconds} s");
    Ok(if seconds > *LIFETIMES.end() {
        let means = "A stolen token, a user who was disabled, a role that was taken away: all stay good that long.";
        Finding::warning(found, means, remedy)
    } else {
        let means = "They are renewed all the time, and a clock that is off, or a slow request, makes them expire on the way.";
        Finding::note(found, means, remedy)
    }
    .into())
}

pub(super) fn userinfo(facts: &Facts) -> Judged {
    let (_, server) = facts.server()?;
    let id = server.client_id();
    facts.claims()?;
    if is_lightweight(facts.claims()?) {
        return Ok(Verdict::Idle("lightweight tokens are not for userinfo".to_owned()));
    }
    if matches!(super::server::not_before(facts), Ok(Verdict::Found(_))) {
        return Err("the token is revoked (not-before)".to_owned());
    }
    let remedy = |what: &str| {
        format!(
            "Clients > {id} > Advanced > Fine grain OpenID Connect configuration > User info signed response algorithm: {what}"
        )
    };
    let answer = asked(&facts.userinfo)?;
    match (answer.status, answer.media_type.as_str(), answer.jwt_algorithm.as_deref()) {
        (200, "application/json", _) => Ok(Verdict::Good("JSON".to_owned())),
        (200, "application/jwt", Some(alg)) if Algorithm::from_name(alg).is_some() => Ok(Finding::note(
            format!("userinfo is a JWT, signed with {alg}"),
            "A service that reads userinfo has to be told: it takes JSON unless signed_userinfo is set in its code. Others are \
             not concerned.",
            remedy("Unsigned, or call KeycloakBuilder::signed_userinfo"),
        )
        .into()),
        (200, _, Some(alg)) => Ok(Finding::error(
            format!("userinfo is signed with {}, which cannot be checked with the realm's keys", shown(alg)),
            "A service that reads userinfo takes none of it.",
            remedy("Unsigned, or RS256"),
        )
        .into()),
        (status, media_type, _) => Ok(Finding::error(
            format!("userinfo answers {status} {}", shown(media_type)),
            "A service that reads userinfo gets none.",
            format!(
                "{}; User info response encryption key management algorithm: none. See Keycloak's log",
                remedy("Unsigned, or RS256")
            ),
        )
        .into()),
    }
}

/// Keycloak says so in the prefix of the id: session, `lt` for lightweight, grant.
fn is_lightweight(claims: &Value) -> bool {
    let prefix = claims["jti"].as_str().and_then(|id| id.split_once(':')).map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| prefix.len() == 6 && prefix.get(2..4) == Some("lt"))
}

/// The introspected token, if it is active.
fn active(facts: &Facts) -> Option<&Value> {
    let answer = facts.introspection.as_ref().ok()?;
    answer.json.as_ref().filter(|json| json["active"] == true)
}

/// A text, or a list of texts.
pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

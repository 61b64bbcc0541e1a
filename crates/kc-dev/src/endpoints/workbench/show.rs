//! The page as HTML. Whatever goes in is escaped here.

use std::collections::BTreeSet;

use http::StatusCode;

use super::order::Order;
use super::token::{Shown, quoted};
use super::{SCRIPT, STYLE};
use crate::endpoints::page::escaped;
use crate::endpoints::reply::{Reply, with_type};
use crate::keys::KeyState;
use crate::mint::Defect;
use crate::state::State;

/// The most users and clients that are listed.
const MOST_ROWS: usize = 200;

/// The page, with the form as it was filled in and what came of it.
pub(super) async fn page(
    state: &State,
    order: &Order,
    made: Option<Result<Shown, String>>,
    status: StatusCode,
) -> Reply {
    let result = match &made {
        Some(Ok(shown)) => token(shown),
        Some(Err(why)) => format!(
            "<section id=\"token\">\n<h2>No token</h2>\n<p class=\"error\" role=\"alert\">{}</p>\n</section>\n",
            escaped(why)
        ),
        None => String::new(),
    };
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>kc-dev: {realm}</title>\n<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"{STYLE}\">\n\
         <script src=\"{SCRIPT}\" defer></script>\n</head>\n<body>\n\
         <header>\n<h1>kc-dev: realm {realm}</h1>\n<p>Issuer <code>{issuer}</code></p>\n\
         <p class=\"danger\">For development only: whoever reaches this can make any token.</p>\n</header>\n\
         <main>\n{form}<div class=\"stack\">\n{result}{users}{keys}{more}</div>\n</main>\n</body>\n</html>\n",
        realm = escaped(&state.realm.name),
        issuer = escaped(&state.issuer),
        form = form(state, order),
        users = users(state),
        keys = keys(state).await,
        more = more(state),
    );
    with_type(status, "text/html;charset=utf-8", html)
}

fn form(state: &State, order: &Order) -> String {
    let people: String = state
        .realm
        .people()
        .take(MOST_ROWS)
        .map(|user| format!("<option value=\"{}\"></option>\n", escaped(&user.username)))
        .collect();
    let client = if order.client.is_empty() {
        state.realm.main_client().map_or("", |client| client.id.as_str())
    } else {
        order.client.as_str()
    };
    let options = |clients: Vec<&str>| -> String {
        clients.into_iter().take(MOST_ROWS).map(|id| option(id, id, id == client)).collect()
    };
    let (own, built_in): (Vec<&str>, Vec<&str>) = state.realm.client_ids();
    let defects: String = Defect::ALL
        .iter()
        .map(|defect| {
            option(defect.name(), &format!("{defect}: {}", defect.about()), order.broken == defect.name())
        })
        .collect();
    format!(
        "<section>\n<h2>Make a token</h2>\n<form method=\"post\" action=\"/#token\" autocomplete=\"off\">\n\
         <input type=\"hidden\" name=\"do\" value=\"mint\">\n\
         <label for=\"user\">User</label>\n\
         <input id=\"user\" name=\"user\" list=\"people\" value=\"{user}\" placeholder=\"none: the client itself\" spellcheck=\"false\" autocapitalize=\"none\">\n\
         <datalist id=\"people\">\n{people}</datalist>\n\
         <p class=\"hint\">One of the realm, or any name: then one is made up.</p>\n\
         <label for=\"client\">Client</label>\n\
         <select id=\"client\" name=\"client\">\n{own}<optgroup label=\"Keycloak's own\">\n{built_in}</optgroup>\n</select>\n\
         <label for=\"roles\">Roles to add</label>\n\
         <input id=\"roles\" name=\"roles\" value=\"{roles}\" placeholder=\"admin api/api-read\" spellcheck=\"false\" autocapitalize=\"none\">\n\
         <label class=\"check\"><input type=\"checkbox\" name=\"only\" value=\"yes\"{only}> Only these, without the user's own</label>\n\
         <div class=\"two\">\n\
         <div><label for=\"audience\">Audience</label>\n\
         <input id=\"audience\" name=\"audience\" value=\"{audience}\" placeholder=\"as issued\" spellcheck=\"false\" autocapitalize=\"none\"></div>\n\
         <div><label for=\"expires_in\">Expires in (seconds)</label>\n\
         <input id=\"expires_in\" name=\"expires_in\" value=\"{expires_in}\" placeholder=\"{lifespan}\" inputmode=\"numeric\"></div>\n</div>\n\
         <label for=\"broken\">Broken on purpose</label>\n\
         <select id=\"broken\" name=\"broken\">\n<option value=\"\">no: a good token</option>\n{defects}</select>\n\
         <details{open}>\n<summary>Scope, groups, level of authentication</summary>\n\
         <label for=\"scope\">Scope asked for</label>\n\
         <input id=\"scope\" name=\"scope\" value=\"{scope}\" spellcheck=\"false\" autocapitalize=\"none\">\n\
         <label for=\"groups\">Groups to add</label>\n\
         <input id=\"groups\" name=\"groups\" value=\"{groups}\" placeholder=\"/staff/warehouse\" spellcheck=\"false\" autocapitalize=\"none\">\n\
         <label for=\"acr\">acr</label>\n\
         <input id=\"acr\" name=\"acr\" value=\"{acr}\" placeholder=\"as issued\" spellcheck=\"false\" autocapitalize=\"none\">\n\
         <label for=\"service\">Your service, for the curl line</label>\n\
         <input id=\"service\" name=\"service\" value=\"{service}\" spellcheck=\"false\" autocapitalize=\"none\">\n</details>\n\
         <button class=\"main\" type=\"submit\">Make token</button>\n</form>\n</section>\n",
        user = escaped(&order.user),
        own = options(own),
        built_in = options(built_in),
        roles = escaped(&order.roles),
        only = if order.only { " checked" } else { "" },
        audience = escaped(&order.audience),
        expires_in = escaped(&order.expires_in),
        lifespan = state.access_lifespan_secs(),
        open = if order.is_plain() { "" } else { " open" },
        scope = escaped(&order.scope),
        groups = escaped(&order.groups),
        acr = escaped(&order.acr),
        service = escaped(&order.service),
    )
}

fn option(value: &str, text: &str, selected: bool) -> String {
    let selected = if selected { " selected" } else { "" };
    format!("<option value=\"{}\"{selected}>{}</option>\n", escaped(value), escaped(text))
}

fn token(shown: &Shown) -> String {
    let defect = shown.defect.map_or_else(String::new, |defect| {
        format!(
            "<p class=\"note broken\">Broken on purpose: it {}. A service must refuse it with 401.</p>\n",
            escaped(defect.about())
        )
    });
    let notes: String =
        shown.notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", escaped(note))).collect();
    let facts: String = shown
        .facts
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)))
        .collect();
    let [header, payload, signature] = &shown.parts;
    let [header_json, payload_json] = &shown.decoded;
    let token = format!(
        "<span class=\"of-header\">{}</span>.<span class=\"of-payload\">{}</span>.<span class=\"of-signature\">{}</span>",
        escaped(header),
        escaped(payload),
        escaped(signature)
    );
    format!(
        "<section id=\"token\">\n<h2>Token</h2>\n{defect}{notes}<dl>\n{facts}</dl>\n\
         {}{}{}{}{}</section>\n",
        copied("Token", "jwt", &token),
        copied("Header", "header", &escaped(header_json)),
        copied("Payload", "payload", &escaped(payload_json)),
        copied("Send it", "send", &escaped(&shown.send)),
        copied("Make such a token in a shell", "again", &escaped(&shown.again)),
    )
}

/// A text with its name and a button that copies it; the text is HTML already.
fn copied(name: &str, id: &str, html: &str) -> String {
    format!(
        "<div class=\"head\"><h3>{name}</h3><button type=\"button\" data-copy=\"{id}\" aria-live=\"polite\" hidden>Copy</button></div>\n\
         <pre id=\"{id}\" tabindex=\"0\" role=\"group\" aria-label=\"{name}\">{html}</pre>\n"
    )
}

fn users(state: &State) -> String {
    let rows: String = state
        .realm
        .people()
        .take(MOST_ROWS)
        .map(|user| {
            let disabled = if state.is_enabled(user) { "" } else { " (disabled)" };
            format!(
                "<tr><td>{}{disabled}</td><td>{}</td><td>{}</td></tr>\n",
                escaped(&user.username),
                escaped(&user.told_roles().join(", ")),
                escaped(&user.groups.join(", "))
            )
        })
        .collect();
    if rows.is_empty() {
        return "<section>\n<h2>Users</h2>\n<p>The realm has none: make one up by any name.</p>\n</section>\n"
            .to_owned();
    }
    format!(
        "<section>\n<h2>Users</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Users\">\n<table>\n<thead><tr><th>Name</th><th>Roles</th>\
         <th>Groups</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n</section>\n"
    )
}

async fn keys(state: &State) -> String {
    let mut signing = BTreeSet::new();
    let mut rows = String::new();
    for (kid, alg, key_state) in state.keys().listed().await {
        let told = match key_state {
            // The newest comes first.
            KeyState::Active if signing.insert(alg) => "signs",
            KeyState::Active | KeyState::Passive => "listed, for older tokens",
            KeyState::Disabled => "taken out: its tokens are distrusted",
        };
        let kid = escaped(&kid);
        rows.push_str(&format!("<tr><td>{alg}</td><td><code>{kid}</code></td><td>{told}</td></tr>\n"));
    }
    let button = |what: &str, text: &str| {
        format!(
            "<form method=\"post\" action=\"/\"><input type=\"hidden\" name=\"do\" value=\"{what}\">\
             <button type=\"submit\">{text}</button></form>\n"
        )
    };
    format!(
        "<section id=\"keys\">\n<h2>Keys</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Keys\">\n<table>\n<thead><tr><th>Algorithm</th>\
         <th>Key id</th><th>State</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n<div class=\"buttons\">\n{}{}</div>\n\
         <p class=\"hint\">Rotating adds an RS256 key and keeps the old one listed. Replacing takes the old one out: a service must refuse its tokens \
         once it has fetched the keys again.</p>\n</section>\n",
        button("rotate", "Rotate the RS256 key"),
        button("replace", "Replace the RS256 key"),
    )
}

fn more(state: &State) -> String {
    let control = format!("{}/_kc-dev", state.base_url);
    let down = format!(
        "curl -X PUT {} -d {}",
        quoted(&format!("{control}/faults/certs")),
        quoted(r#"{"kind":"status","status":503}"#)
    );
    let well = format!("curl -X DELETE {}", quoted(&format!("{control}/faults")));
    let later = format!(
        "curl -X PUT {} -d {}",
        quoted(&format!("{control}/clock")),
        quoted(r#"{"skew_seconds":600}"#)
    );
    let discovery = format!("{}/.well-known/openid-configuration", state.issuer);
    format!(
        "<section>\n<h2>Faults, clock, sessions</h2>\n<p>For programs on this machine, below <code>{}</code>; the README of kc-dev lists all.</p>\n\
         {}{}{}<p class=\"hint\"><a href=\"{discovery}\">Discovery document</a></p>\n</section>\n",
        escaped(&control),
        copied("The key endpoint fails", "down", &escaped(&down)),
        copied("Everything works again", "well", &escaped(&well)),
        copied("The issuer's clock is ten minutes ahead", "later", &escaped(&later)),
        discovery = escaped(&discovery),
    )
}

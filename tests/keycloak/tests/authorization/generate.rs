//! Configurations as nobody would write them, from a seed.

use serde_json::{Value, json};

/// A sequence that a seed determines (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    /// True so many times out of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// At least `least` and at most `most` of them, each once.
    pub(crate) fn some<T: Clone>(&mut self, of: &[T], least: usize, most: usize) -> Vec<T> {
        let mut left = of.to_vec();
        let count = (least + self.below(most - least + 1)).min(left.len());
        (0..count).map(|_| left.remove(self.below(left.len()))).collect()
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        let (time, more) = (a >> 32, (a >> 16) & 0xffff);
        format!("{time:08x}-{more:04x}-4{:03x}-8{:03x}-{:012x}", a & 0xfff, b >> 52, b & 0xffff_ffff_ffff)
    }
}

const SCOPES: [&str; 4] = ["s0", "s1", "s2", "s3"];
/// `_` takes in any letter where Keycloak looks for permissions by the type of a resource.
const TYPES: [&str; 4] = ["urn:a", "urn:b", "urn:c_d", "urn:c-d"];
const STRATEGIES: [&str; 3] = ["UNANIMOUS", "AFFIRMATIVE", "CONSENSUS"];

/// A resource server in the form of an export.
pub(crate) fn configuration(dice: &mut Dice) -> Value {
    let mut resources = Vec::new();
    for n in 0..5 + dice.below(3) {
        let mut resource = json!({
            "_id": dice.uuid(),
            "name": format!("r{n}"),
            "ownerManagedAccess": dice.percent(30),
            "scopes": dice.some(&SCOPES, 0, 3).iter().map(|scope| json!({ "name": scope })).collect::<Vec<_>>(),
            "uris": [format!("/r{n}/*")],
        });
        if dice.percent(60) {
            resource["type"] = json!(dice.one(&TYPES));
        }
        if dice.percent(30) {
            resource["owner"] = json!({ "name": dice.one(&["alice", "bob"]) });
        }
        resources.push(resource);
    }
    let mut policies = Vec::new();
    let leaves = 10;
    for n in 0..leaves {
        let mut policy = leaf(dice);
        policy["name"] = json!(format!("p{n}"));
        policies.push(policy);
    }
    // Keycloak takes an aggregate that it meets twice on the way down for a circle: each is made of the one before at most.
    let names: Vec<String> = (0..leaves).map(|n| format!("p{n}")).collect();
    for n in leaves..leaves + 4 {
        let mut of = dice.some(&names, 1, 3);
        if n > leaves && dice.percent(50) {
            of.push(format!("p{}", n - 1));
        }
        policies.push(json!({
            "name": format!("p{n}"),
            "type": "aggregate",
            "config": { "applyPolicies": json!(of).to_string() },
        }));
    }
    for policy in &mut policies {
        policy["logic"] = json!(if dice.percent(25) { "NEGATIVE" } else { "POSITIVE" });
        policy["decisionStrategy"] = json!(dice.one(&STRATEGIES));
    }
    let names: Vec<String> = (0..policies.len()).map(|n| format!("p{n}")).collect();
    for n in 0..8 + dice.below(5) {
        policies.push(permission(dice, n, &resources, &names));
    }
    json!({
        "allowRemoteResourceManagement": true,
        "policyEnforcementMode": if dice.percent(75) { "ENFORCING" } else { "PERMISSIVE" },
        "decisionStrategy": dice.one(&STRATEGIES[..2]),
        "scopes": SCOPES.map(|name| json!({ "name": name })),
        "resources": resources,
        "policies": policies,
    })
}

fn permission(dice: &mut Dice, n: usize, resources: &[Value], policies: &[String]) -> Value {
    let mut config = serde_json::Map::new();
    let applied = dice.some(policies, 0, 3);
    if !applied.is_empty() {
        config.insert("applyPolicies".to_owned(), json!(json!(applied).to_string()));
    }
    // By id: only so can one name a user's.
    let ids: Vec<&Value> = resources.iter().map(|resource| &resource["_id"]).collect();
    let kind = *dice.one(&["resource", "scope"]);
    let named = match kind {
        "resource" if dice.percent(40) => {
            config.insert("defaultResourceType".to_owned(), json!(dice.one(&TYPES)));
            dice.some(&ids, 0, 1)
        }
        "resource" => dice.some(&ids, 1, 2),
        _ => {
            config.insert("scopes".to_owned(), json!(json!(dice.some(&SCOPES, 1, 2)).to_string()));
            if dice.percent(15) {
                config.insert("defaultResourceType".to_owned(), json!(dice.one(&TYPES)));
            }
            if dice.percent(60) { dice.some(&ids, 1, 2) } else { Vec::new() }
        }
    };
    if !named.is_empty() {
        config.insert("resources".to_owned(), json!(json!(named).to_string()));
    }
    json!({
        "name": format!("permission {n}"),
        "type": kind,
        "logic": if dice.percent(10) { "NEGATIVE" } else { "POSITIVE" },
        "decisionStrategy": dice.one(&STRATEGIES),
        "config": config,
    })
}

fn leaf(dice: &mut Dice) -> Value {
    let required = |dice: &mut Dice, names: Vec<&str>| {
        let items = names.into_iter().map(|name| json!({ "id": name, "required": dice.percent(30) }));
        json!(items.collect::<Vec<_>>()).to_string()
    };
    let (kind, config) = match dice.below(8) {
        0 | 1 => {
            let names = dice.some(&["admin", "staff", "user", "manager", "api/api-read", "api/admin"], 1, 3);
            ("role", json!({ "roles": required(dice, names) }))
        }
        2 => (
            "user",
            json!({ "users": json!(dice.some(&["alice", "bob", "carol", "frank"], 1, 2)).to_string() }),
        ),
        3 => ("client", json!({ "clients": json!(dice.some(&["api", "no-aud", "spa"], 1, 2)).to_string() })),
        4 => {
            let names = dice.some(&["profile", "email", "inventory-write"], 1, 2);
            ("client-scope", json!({ "clientScopes": required(dice, names) }))
        }
        5 => {
            let paths = dice.some(&["/staff", "/management", "/staff/warehouse"], 1, 2);
            let groups = paths.iter().map(|path| json!({ "path": path, "extendChildren": dice.percent(50) }));
            let groups = json!(groups.collect::<Vec<_>>()).to_string();
            let by_claim = dice.percent(70);
            (
                "group",
                if by_claim {
                    json!({ "groups": groups, "groupsClaim": "groups" })
                } else {
                    json!({ "groups": groups })
                },
            )
        }
        6 => {
            let rare = dice.percent(20);
            let (claim, pattern) = *dice.one(&[
                ("department", "^eng.*$"),
                ("department", "eng"),
                ("department", "(?i)SALES|legal"),
                ("preferred_username", r"\w{3}"),
                ("email", r"[a-c].*@example\.test"),
                ("email_verified", "true"),
                ("groups", "/staff(/.*)?"),
                ("realm_access.roles", r"\[.*staff.*\]"),
                ("resource_access.api.roles", r".*api-admin.*"),
                ("no-such-claim", ".*"),
                // Not JSON: Keycloak ends with an error.
                if rare { ("name.first", ".*") } else { ("department", "(eng|sal).+") },
            ]);
            ("regex", json!({ "targetClaim": claim, "pattern": pattern, "targetContextAttributes": "false" }))
        }
        _ => {
            let times = [
                json!({ "nbf": "2000-01-01 00:00:00", "noa": "2099-12-31 23:59:59" }),
                json!({ "noa": "2001-01-01" }),
                json!({ "nbf": "2098-01-01" }),
                json!({ "year": "2000", "yearEnd": "2099", "month": "1", "monthEnd": "12" }),
                json!({ "month": "12", "monthEnd": "1" }),
                json!({ "dayMonth": "1", "dayMonthEnd": "31", "minute": "0", "minuteEnd": "59" }),
            ];
            ("time", dice.one(&times).clone())
        }
    };
    json!({ "type": kind, "config": config })
}

//! `keycloak.json`, the file that Keycloak's admin console offers as "Download adapter config".

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::{Defect, Problem, SettingsError, quoted};
use super::placeholder::{self, PlaceholderError};
use super::variables;
use crate::secret::Secret;

/// What an adapter file says beside the settings that it fills in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdapterConfig {
    file: PathBuf,
    bearer_only: bool,
    confidential_port: Option<u16>,
    principal_attribute: Option<String>,
    public_client: bool,
    ssl_required: Option<SslRequired>,
    use_resource_role_mappings: bool,
    verify_token_audience: bool,
}

/// `ssl-required`: for whom the realm demands HTTPS. It never weakens what is demanded here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SslRequired {
    /// Everybody.
    All,
    /// Everybody outside private networks.
    External,
    /// Nobody.
    None,
}

impl AdapterConfig {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// `bearer-only`: the client has no browser login. Default false.
    #[must_use]
    pub const fn bearer_only(&self) -> bool {
        self.bearer_only
    }

    /// `confidential-port`: where the service would answer over TLS; absent when 0. Nothing here depends on it.
    #[must_use]
    pub const fn confidential_port(&self) -> Option<u16> {
        self.confidential_port
    }

    /// `principal-attribute`: the claim that the service wants to call the user by.
    #[must_use]
    pub fn principal_attribute(&self) -> Option<&str> {
        self.principal_attribute.as_deref()
    }

    /// `public-client`: the client has no secret. Default false.
    #[must_use]
    pub const fn public_client(&self) -> bool {
        self.public_client
    }

    /// `ssl-required`.
    #[must_use]
    pub const fn ssl_required(&self) -> Option<SslRequired> {
        self.ssl_required
    }

    /// `use-resource-role-mappings`. Default false. Realm and client roles are both read here, so nothing depends on it.
    #[must_use]
    pub const fn use_resource_role_mappings(&self) -> bool {
        self.use_resource_role_mappings
    }

    /// `verify-token-audience`. Default false. The audience is always checked here, so nothing depends on it.
    #[must_use]
    pub const fn verify_token_audience(&self) -> bool {
        self.verify_token_audience
    }
}

/// An adapter file, read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) config: AdapterConfig,
    /// The settings it fills in: variable, key, value.
    pub(super) values: Vec<(&'static str, &'static str, Secret)>,
    pub(super) warnings: Vec<String>,
}

/// Reads `bytes`, the content of `file`; `lookup` answers for the variables of placeholders.
pub(super) fn parse(
    bytes: &[u8],
    file: &Path,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, SettingsError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let remedy = "download it again: the client's Action menu > Download adapter config";
    let members = match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => members,
        Ok(_) => {
            return Err(of_file(file, Problem::malformed("holds JSON that is no object", remedy)));
        }
        // The parser's own text could quote the file.
        Err(error) => {
            let what = format!("is no JSON at line {}, column {}", error.line(), error.column());
            return Err(of_file(file, Problem::malformed(what, remedy)));
        }
    };
    let reader = Reader { members: &members, file, lookup };

    let mut values = Vec::new();
    for (variable, key) in FILLED_IN {
        if let Some(text) = reader.text(key)?
            && !text.is_empty()
        {
            values.push((variable, key, Secret::new(text)));
        }
    }
    let ssl_required = match reader.text("ssl-required")?.map(|text| text.to_ascii_lowercase()).as_deref() {
        None => None,
        Some("all") => Some(SslRequired::All),
        Some("external") => Some(SslRequired::External),
        Some("none") => Some(SslRequired::None),
        Some(_) => {
            return Err(reader.error("ssl-required", "is not known", "write all, external or none"));
        }
    };
    let confidential_port = match reader.text("confidential-port")? {
        None => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) => (port != 0).then_some(port),
            Err(_) => {
                return Err(reader.error("confidential-port", "is no port", "write a number up to 65535"));
            }
        },
    };
    let config = AdapterConfig {
        file: file.to_owned(),
        bearer_only: reader.flag("bearer-only")?,
        confidential_port,
        principal_attribute: reader.text("principal-attribute")?,
        public_client: reader.flag("public-client")?,
        ssl_required,
        use_resource_role_mappings: reader.flag("use-resource-role-mappings")?,
        verify_token_audience: reader.flag("verify-token-audience")?,
    };
    Ok(Parsed { config, values, warnings: reader.warnings() })
}

/// Keys that are settings here.
const FILLED_IN: [(&str, &str); 7] = [
    (variables::REALM, "realm"),
    (variables::URL, "auth-server-url"),
    (variables::CLIENT_ID, "resource"),
    (variables::CLIENT_SECRET, "credentials.secret"),
    (variables::PUBLIC_KEY, "realm-public-key"),
    (variables::JWKS_TTL_SECONDS, "public-key-cache-ttl"),
    (variables::JWKS_COOLDOWN_SECONDS, "min-time-between-jwks-requests"),
];

const READ_HERE: [&str; 8] = [
    "bearer-only",
    "confidential-port",
    "credentials",
    "principal-attribute",
    "public-client",
    "ssl-required",
    "use-resource-role-mappings",
    "verify-token-audience",
];

/// Keys of Keycloak's own adapters that mean nothing here.
const WITHOUT_EFFECT: [&str; 32] = [
    "adapter-state-cookie-path",
    "allow-any-hostname",
    "always-refresh-token",
    "autodetect-bearer-only",
    "client-key-password",
    "client-keystore",
    "client-keystore-password",
    "connection-pool-size",
    "connection-timeout-millis",
    "connection-ttl-millis",
    "cors-allowed-headers",
    "cors-allowed-methods",
    "cors-exposed-headers",
    "cors-max-age",
    "disable-trust-manager",
    "enable-basic-auth",
    "enable-cors",
    "enable-pkce",
    "expose-token",
    "ignore-oauth-query-parameter",
    "policy-enforcer",
    "proxy-url",
    "redirect-rewrite-rules",
    "register-node-at-startup",
    "register-node-period",
    "scope",
    "socket-timeout-millis",
    "token-minimum-time-to-live",
    "token-store",
    "truststore",
    "truststore-password",
    "turn-off-change-session-id-on-login",
];

struct Reader<'a> {
    members: &'a Map<String, Value>,
    file: &'a Path,
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    /// The value of `key` (`outer.inner` looks into an object), its placeholders replaced. A number or a boolean will
    /// do, because a placeholder can only stand in a string.
    fn text(&self, key: &str) -> Result<Option<String>, SettingsError> {
        let value = match key.split_once('.') {
            None => self.members.get(key),
            Some((outer, inner)) => match self.members.get(outer) {
                None | Some(Value::Null) => None,
                Some(Value::Object(members)) => members.get(inner),
                Some(_) => return Err(self.error(outer, "is no object", "write it as Keycloak does")),
            },
        };
        let text = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if !key.contains('.') => return Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) if !key.contains('.') => return Ok(Some(flag.to_string())),
            Some(_) => return Err(self.error(key, "is no string", "write it as a string")),
        };
        match placeholder::replace(text, self.lookup) {
            Ok(text) => Ok(Some(text)),
            Err(PlaceholderError::TooDeep) => {
                Err(self.error(key, "nests placeholders too deeply", "write fewer defaults in defaults"))
            }
            Err(PlaceholderError::Unset { name }) => Err(self.fails(
                key,
                Problem::new(
                    Defect::Missing,
                    format!("needs the variable {}, which is unset", quoted(&name)),
                    "set it, or give the placeholder a default: ${env.NAME:default}",
                ),
            )),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, SettingsError> {
        match self.text(key)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(self.error(key, "is neither true nor false", "write true or false")),
        }
    }

    fn error(&self, key: &str, what: &'static str, remedy: &'static str) -> SettingsError {
        self.fails(key, Problem::malformed(what, remedy))
    }

    fn fails(&self, key: &str, problem: Problem) -> SettingsError {
        let file = quoted(&self.file.to_string_lossy());
        SettingsError::new(format!("{} {file}, key `{key}`,", variables::CONFIG), problem)
    }

    fn warnings(&self) -> Vec<String> {
        let file = quoted(&self.file.to_string_lossy());
        let mut warnings = Vec::new();
        let mut warn = |keys: Vec<String>, what: &str| {
            if !keys.is_empty() {
                warnings.push(format!("{} {file}: {what}: {}", variables::CONFIG, keys.join(", ")));
            }
        };
        let top_level: Vec<&str> = FILLED_IN.iter().map(|(_, key)| *key).chain(READ_HERE).collect();
        let (without_effect, unknown): (Vec<&String>, Vec<&String>) = self
            .members
            .keys()
            .filter(|key| !top_level.contains(&key.as_str()))
            .partition(|key| WITHOUT_EFFECT.contains(&key.as_str()));
        warn(unknown.into_iter().map(|key| quoted(key)).collect(), "unknown keys are ignored");
        warn(without_effect.into_iter().cloned().collect(), "keys without effect here");
        let credentials = self.members.get("credentials").and_then(Value::as_object);
        let others = credentials.into_iter().flat_map(Map::keys).filter(|key| *key != "secret");
        warn(others.map(|key| quoted(key)).collect(), "credentials other than `secret` are not supported");
        if self.members.contains_key("realm-public-key") {
            warn(
                vec!["`realm-public-key`".to_owned()],
                "a pinned key does not follow the realm's key rotation; remove the key to fetch the realm's keys",
            );
        }
        warnings
    }
}

fn of_file(file: &Path, problem: Problem) -> SettingsError {
    SettingsError::new(format!("{} {}", variables::CONFIG, quoted(&file.to_string_lossy())), problem)
}

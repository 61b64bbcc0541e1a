//! An order for a token as a JSON object: the same calls, for other processes and for the page.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Defect, Mint, TokenKind};
use crate::keys::Alg;
use crate::state::State;

impl Mint {
    /// Reads an order. The error is what is wrong with the object.
    pub(crate) fn from_json(state: Arc<State>, order: &Map<String, Value>) -> Result<Self, String> {
        let mut members: Vec<(&String, &Value)> = order.iter().collect();
        // What takes away goes before what adds, and a defect after all that it would be hidden by.
        members.sort_by_key(|(name, _)| match name.as_str() {
            "without_roles" => 0,
            "broken" => 2,
            _ => 1,
        });
        members.into_iter().try_fold(Self::new(state), |mint, (name, value)| mint.ordered(name, value))
    }

    fn ordered(self, name: &str, value: &Value) -> Result<Self, String> {
        let text = || value.as_str().ok_or_else(|| format!("{name} must be text"));
        let object = || value.as_object().ok_or_else(|| format!("{name} must be an object"));
        let texts = || texts(name, value);
        let alg = || {
            let alg = Alg::from_name(text()?);
            alg.ok_or_else(|| format!("{name} is not known: write an algorithm such as RS256 or ES256"))
        };
        Ok(match name {
            "acr" => self.acr(text()?),
            "alg" => self.alg(alg()?),
            "audience" if value.is_string() => self.audience(text()?),
            "audience" => self.audiences(texts()?),
            "broken" => {
                let known = || Defect::ALL.map(Defect::name).join(", ");
                let defect = Defect::from_name(text()?);
                self.broken(defect.ok_or_else(|| format!("broken is not known: write one of {}", known()))?)
            }
            "claims" => object()?.iter().fold(self, |mint, (name, value)| mint.claim(name, value.clone())),
            "client" => self.client(text()?),
            "client_roles" => {
                let mut mint = self;
                for (client, roles) in object()? {
                    let roles = self::texts(&format!("client_roles.{client}"), roles)?;
                    mint = roles.into_iter().fold(mint, |mint, role| mint.client_role(client, role));
                }
                mint
            }
            "expires_in" => {
                self.expires_in(value.as_i64().ok_or_else(|| "expires_in must be a whole number".to_owned())?)
            }
            "granted_scope" => self.granted_scope(text()?),
            "groups" => texts()?.into_iter().fold(self, Self::group),
            "header" => object()?.iter().fold(self, |mint, (name, value)| mint.header(name, value.clone())),
            "key" => self.key(text()?),
            "kind" => {
                let kind = TokenKind::from_name(text()?);
                self.kind(kind.ok_or_else(|| {
                    "kind is not known: write access, id, logout, offline or refresh".to_owned()
                })?)
            }
            "raw_header" => self.raw_header(text()?),
            "raw_payload" => self.raw_payload(text()?),
            "roles" => texts()?.into_iter().fold(self, Self::role),
            "scope" => self.scope(text()?),
            "somebody" => self.somebody(text()?),
            "unknown_key" => self.unknown_key(alg()?),
            "unsigned" if value == &Value::Bool(true) => self.unsigned(),
            "user" => self.user(text()?),
            "without" => texts()?.into_iter().fold(self, Self::without),
            "without_header" => texts()?.into_iter().fold(self, Self::without_header),
            "without_roles" if value == &Value::Bool(true) => self.without_roles(),
            _ => return Err(format!("{name:?} is not a member of a token request")),
        })
    }
}

fn texts<'a>(name: &str, value: &'a Value) -> Result<Vec<&'a str>, String> {
    let all = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    all.ok_or_else(|| format!("{name} must be an array of texts"))
}

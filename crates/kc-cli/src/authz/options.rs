//! What the commands about configurations have in common.

use std::path::Path;
use std::time::SystemTime;

use clap::Arg;
use kc_core::clock::{Clock as _, SystemClock, UnixTime};
use kc_core::policy::AuthorizationConfig;

use crate::command_line::{Line, value};
use crate::input::file;

impl Line {
    /// The time of `--at`, or now.
    pub(crate) fn at(&self) -> Result<UnixTime, String> {
        match self.one("--at")? {
            None => Ok(SystemClock.now()),
            Some(text) => time(&text).ok_or_else(|| format!("--at {text:?} is no time; {TIME}")),
        }
    }

    /// The configuration in a file, with `--time-zone` and `--client-id`.
    pub(crate) fn config(&self, path: &Path) -> Result<AuthorizationConfig, String> {
        let mut builder = AuthorizationConfig::builder();
        if let Some(zone) = self.one("--time-zone")? {
            builder = builder.time_zone(&zone).map_err(|error| format!("--time-zone {zone:?} {error}"))?;
        }
        if let Some(client) = self.one("--client-id")? {
            builder = builder.client_id(client);
        }
        builder.build(&file(path)?).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Options that go with every configuration.
pub(super) fn of_config() -> [Arg; 2] {
    [
        value("time-zone", "ZONE", "The zone of time policies, that of the Keycloak server. Default UTC"),
        value("client-id", "ID", "The client that the configuration is of"),
    ]
}

/// How a time is written.
pub(crate) const TIME: &str = "write it as 2026-11-22T03:04:05Z";

/// RFC 3339.
pub(crate) fn time(text: &str) -> Option<UnixTime> {
    let at = SystemTime::from(text.parse::<jiff::Timestamp>().ok()?);
    let millis = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).ok()?,
        Err(before) => i64::try_from(before.duration().as_millis()).ok()?.checked_neg()?,
    };
    Some(UnixTime::from_millis(millis))
}

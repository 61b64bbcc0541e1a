//! Who decides about permissions, by the settings.

use std::sync::Arc;

use crate::clock::Clock;
use crate::policy::{AuthorizationConfig, AuthorizationFile};
use crate::settings::{AuthorizationMode, Settings, SettingsError};
use crate::uma::{
    ClaimsOf, HybridPermissions, OnlinePermissions, PermissionDecider, ProtectionClient, UmaClient,
};

/// The exported configuration, if the settings name one.
pub(super) fn file(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<Option<AuthorizationFile>, SettingsError> {
    let zone = settings.authorization_time_zone();
    let builder = AuthorizationConfig::builder().time_zone(zone).map_err(|_| {
        let remedy =
            "write the IANA name of the Keycloak server's time zone, UTC or Europe/Berlin for example";
        SettingsError::unusable("KEYCLOAK_AUTHORIZATION_TIME_ZONE", format!("{zone} is not known"), remedy)
    })?;
    let Some(path) = settings.authorization_config() else { return Ok(None) };
    let file = AuthorizationFile::open(path, builder, Arc::clone(clock)).map_err(|why| {
        let remedy = "export the file by the admin console (the client, Authorization, Export), and see what \
                      `kc authz check` says of it";
        // Quoted: a path may hold a line end.
        SettingsError::unusable("KEYCLOAK_AUTHORIZATION_CONFIG", format!("{path:?}: {why}"), remedy)
    })?;
    Ok(Some(file.for_issuer(settings.keycloak()?.issuer())))
}

/// What permissions are decided with, beside the file.
pub(super) struct Online<'a> {
    pub(super) settings: &'a Settings,
    pub(super) client: UmaClient,
    pub(super) resources: ProtectionClient,
    pub(super) tickets: bool,
    pub(super) claims: Option<Arc<ClaimsOf>>,
}

impl Online<'_> {
    /// Who decides about permissions.
    pub(super) fn decider(
        self,
        file: Option<&AuthorizationFile>,
    ) -> Result<Option<Arc<dyn PermissionDecider>>, SettingsError> {
        const MODE: &str = "KEYCLOAK_AUTHORIZATION";
        match (self.settings.authorization(), file) {
            (AuthorizationMode::Offline, _) if self.tickets || self.claims.is_some() => {
                let what =
                    "is offline, where there are neither permission tickets nor pushed claims".to_owned();
                Err(SettingsError::unusable(MODE, what, "write online or hybrid"))
            }
            (AuthorizationMode::Offline, None) => Ok(None),
            (AuthorizationMode::Offline, Some(file)) => Ok(Some(Arc::new(file.clone()))),
            (AuthorizationMode::Online, Some(_)) => {
                let what = "is online, where no file is read, and KEYCLOAK_AUTHORIZATION_CONFIG names one"
                    .to_owned();
                Err(SettingsError::unusable(MODE, what, "unset one of the two, or write hybrid"))
            }
            (AuthorizationMode::Online, None) => Ok(Some(Arc::new(self.online()?))),
            (AuthorizationMode::Hybrid, None) => {
                let what = "is hybrid, and there is no file to decide by first".to_owned();
                Err(SettingsError::unusable(MODE, what, "set KEYCLOAK_AUTHORIZATION_CONFIG, or write online"))
            }
            (AuthorizationMode::Hybrid, Some(file)) => {
                Ok(Some(Arc::new(HybridPermissions::new(file.clone(), self.online()?))))
            }
        }
    }

    fn online(self) -> Result<OnlinePermissions, SettingsError> {
        let server = self.settings.keycloak()?;
        if server.client_secret().is_none() {
            let what =
                "is not set, and which resource is the service's own is asked in the service's own name"
                    .to_owned();
            let remedy = "set it, or decide offline (KEYCLOAK_AUTHORIZATION)";
            return Err(SettingsError::unusable("KEYCLOAK_CLIENT_SECRET", what, remedy));
        }
        let online = OnlinePermissions::new(self.client, self.resources, server.issuer());
        let online = if self.tickets { online.tickets(server.endpoints().realm()) } else { online };
        Ok(match self.claims {
            Some(claims) => online.push_claims(claims),
            None => online,
        })
    }
}

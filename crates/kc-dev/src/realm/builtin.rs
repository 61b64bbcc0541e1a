//! What every Keycloak realm has although its export need not say so.

/// Client scopes that a realm gets when its export has none, in the shape of an export.
pub(super) const SCOPES: &str = include_str!("../../realms/builtin-scopes.json");

/// A client that every realm has.
pub(super) struct BuiltinClient {
    pub(super) id: &'static str,
    pub(super) public: bool,
    pub(super) direct_access: bool,
    pub(super) full_scope: bool,
    pub(super) lightweight: bool,
    /// Where the login of its own console leads back to; `REALM` is the realm's name.
    pub(super) redirect_uri: Option<&'static str>,
    /// Roles, each with the roles of the same client that it brings along.
    pub(super) roles: &'static [(&'static str, &'static [&'static str])],
}

/// Roles of the realm that every realm has.
pub(super) const REALM_ROLES: [&str; 2] = ["offline_access", "uma_authorization"];

/// Roles of the client `account` that the default role holds.
pub(super) const DEFAULT_ACCOUNT_ROLES: [&str; 2] = ["manage-account", "view-profile"];

/// The clients that every realm has.
pub(super) const CLIENTS: [BuiltinClient; 6] = [
    BuiltinClient {
        id: "account",
        public: true,
        direct_access: false,
        full_scope: false,
        lightweight: false,
        redirect_uri: Some("/realms/REALM/account/*"),
        roles: &[
            ("delete-account", &[]),
            ("manage-account", &["manage-account-links"]),
            ("manage-account-links", &[]),
            ("manage-consent", &["view-consent"]),
            ("view-applications", &[]),
            ("view-consent", &[]),
            ("view-groups", &[]),
            ("view-profile", &[]),
        ],
    },
    BuiltinClient {
        id: "account-console",
        public: true,
        direct_access: false,
        full_scope: false,
        lightweight: false,
        redirect_uri: Some("/realms/REALM/account/*"),
        roles: &[],
    },
    BuiltinClient {
        id: "admin-cli",
        public: true,
        direct_access: true,
        full_scope: true,
        lightweight: true,
        redirect_uri: None,
        roles: &[],
    },
    BuiltinClient {
        id: "broker",
        public: false,
        direct_access: false,
        full_scope: false,
        lightweight: false,
        redirect_uri: None,
        roles: &[("read-token", &[])],
    },
    BuiltinClient {
        id: "realm-management",
        public: false,
        direct_access: false,
        full_scope: false,
        lightweight: false,
        redirect_uri: None,
        roles: &[
            ("create-client", &[]),
            ("impersonation", &[]),
            ("manage-authorization", &[]),
            ("manage-clients", &[]),
            ("manage-events", &[]),
            ("manage-identity-providers", &[]),
            ("manage-realm", &[]),
            ("manage-users", &[]),
            ("query-clients", &[]),
            ("query-groups", &[]),
            ("query-realms", &[]),
            ("query-users", &[]),
            (
                "realm-admin",
                &[
                    "create-client",
                    "impersonation",
                    "manage-authorization",
                    "manage-clients",
                    "manage-events",
                    "manage-identity-providers",
                    "manage-realm",
                    "manage-users",
                    "query-clients",
                    "query-groups",
                    "query-realms",
                    "query-users",
                    "view-authorization",
                    "view-clients",
                    "view-events",
                    "view-identity-providers",
                    "view-realm",
                    "view-users",
                ],
            ),
            ("view-authorization", &[]),
            ("view-clients", &["query-clients"]),
            ("view-events", &[]),
            ("view-identity-providers", &[]),
            ("view-realm", &[]),
            ("view-users", &["query-groups", "query-users"]),
        ],
    },
    BuiltinClient {
        id: "security-admin-console",
        public: true,
        direct_access: false,
        full_scope: true,
        lightweight: true,
        redirect_uri: Some("/admin/REALM/console/*"),
        roles: &[],
    },
];

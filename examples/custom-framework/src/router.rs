//! Which route a path is. A path is read once, here; the guard decides about the route, never about the path.

use kc_core::Access;
use reference_service::access;

/// The routes of the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    AdminUsers,
    Cases,
    Health,
    Inventory,
    Item,
    Items,
    Me,
    Reports,
    ResourceMetadata,
    ServiceToken,
    Transfer,
}

/// A route that was found, with the segment that stands for `{id}`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found<'a> {
    pub(crate) route: Route,
    pub(crate) id: Option<&'a str>,
}

/// Finds the route of a raw path. Every segment is compared as it came: `/%6de` is not `/me`.
pub(crate) fn find(path: &str) -> Option<Found<'_>> {
    let route = match path {
        "/admin/users" => Route::AdminUsers,
        "/cases" => Route::Cases,
        "/health" => Route::Health,
        "/inventory" => Route::Inventory,
        "/items" => Route::Items,
        "/me" => Route::Me,
        "/reports" => Route::Reports,
        "/.well-known/oauth-protected-resource" => Route::ResourceMetadata,
        "/service-token" => Route::ServiceToken,
        "/transfer" => Route::Transfer,
        _ => {
            let id = path.strip_prefix("/items/").filter(|id| !id.is_empty() && !id.contains('/'))?;
            return Some(Found { route: Route::Item, id: Some(id) });
        }
    };
    Some(Found { route, id: None })
}

impl Route {
    /// Each of them.
    pub(crate) const ALL: [Self; 11] = [
        Self::Health,
        Self::ResourceMetadata,
        Self::Me,
        Self::Items,
        Self::Item,
        Self::AdminUsers,
        Self::Reports,
        Self::Cases,
        Self::Inventory,
        Self::Transfer,
        Self::ServiceToken,
    ];

    /// How it is written in the audit log.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::AdminUsers => "/admin/users",
            Self::Cases => "/cases",
            Self::Health => "/health",
            Self::Inventory => "/inventory",
            Self::Item => "/items/{id}",
            Self::Items => "/items",
            Self::Me => "/me",
            Self::Reports => "/reports",
            Self::ResourceMetadata => "/.well-known/oauth-protected-resource",
            Self::ServiceToken => "/service-token",
            Self::Transfer => "/transfer",
        }
    }

    /// What it asks of its callers. A route without an arm here does not compile.
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::Health | Self::ResourceMetadata => Access::Public,
            Self::AdminUsers | Self::ServiceToken => Access::Require(access::ADMIN),
            Self::Cases => Access::Require(access::CASES),
            Self::Inventory => Access::Require(access::INVENTORY),
            Self::Item => Access::Require(access::ITEM),
            Self::Items => Access::Require(access::ITEMS),
            Self::Me => Access::Require(access::ME),
            Self::Reports => Access::Require(access::REPORTS),
            Self::Transfer => Access::Require(access::TRANSFER),
        }
    }

    /// The methods it has, as in `Allow`.
    pub(crate) const fn methods(self) -> &'static str {
        match self {
            Self::Cases | Self::Inventory | Self::Items => "GET,HEAD,POST",
            Self::Item => "DELETE",
            _ => "GET,HEAD",
        }
    }

    /// Whether it has a method.
    pub(crate) fn has(self, method: &str) -> bool {
        self.methods().split(',').any(|listed| listed == method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_route_or_none() {
        assert_eq!(find("/me").map(|found| found.route), Some(Route::Me));
        assert_eq!(find("/items/7"), Some(Found { route: Route::Item, id: Some("7") }));
        for path in
            ["", "/", "/me/", "//me", "/ME", "/%6de", "/items/", "/items/7/", "/items//7", "/me/../me"]
        {
            assert_eq!(find(path), None, "{path}");
        }
    }
}

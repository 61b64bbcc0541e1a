//! Without the feature `metrics`: nothing, at no cost.

use std::time::Duration;

pub(crate) fn describe() {}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteCounters;

impl RouteCounters {
    pub(crate) fn of(_: Option<&str>) -> Self {
        Self
    }

    pub(crate) fn decided(self, _: Option<&'static str>) {}
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Held(());

impl Held {
    pub(crate) fn at(&self, _: Option<&str>) -> RouteCounters {
        RouteCounters
    }
}

pub(crate) fn session_event(_: &'static str, _: Option<&'static str>) {}
pub(crate) fn token_cache_hit() {}
pub(crate) fn token_cache_miss() {}
pub(crate) fn token_cache_entries(_: impl FnOnce() -> usize) {}
pub(super) fn sessions(_: usize) {}
pub(crate) fn key_fetch(_: &str, _: &'static str) {}
pub(crate) fn keys_fetched(_: &str) {}
pub(crate) fn outbound(_: &'static str, _: &'static str, _: Duration) {}
pub(crate) fn introspection(_: &'static str, _: Duration) {}
pub(crate) fn service_token(_: &'static str) {}
pub(crate) fn token_exchange(_: &'static str) {}
pub(crate) fn circuit(_: &'static str, _: bool) {}
pub(crate) fn audit_event_lost() {}

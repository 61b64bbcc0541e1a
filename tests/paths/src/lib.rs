//! Whatever is done to a path, what a router routes to a guarded handler was guarded: see `tests/paths`.

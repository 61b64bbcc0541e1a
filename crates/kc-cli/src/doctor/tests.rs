//! Checks by facts.

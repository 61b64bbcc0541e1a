//! Whole tokens against the public API: a real signature, a real validator, a verdict.

#![expect(clippy::string_slice, reason = "tokens are ASCII")]

#[cfg(test)]
mod bearer_tokens;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod key_lessons;
#[cfg(test)]
mod properties;

//! Whole tokens against the public API: a real signature, a real validator, a verdict.

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
mod properties;

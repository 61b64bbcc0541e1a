//! The cases, a file for each group, and the shapes that most of them have.

pub(crate) mod bearer;
pub(crate) mod challenges;
pub(crate) mod claims;
pub(crate) mod cors;
pub(crate) mod exempt;
pub(crate) mod header;
pub(crate) mod introspection;
pub(crate) mod inventory;
pub(crate) mod issued;
pub(crate) mod key_lists;
pub(crate) mod keys;
pub(crate) mod kind;
pub(crate) mod limits;
pub(crate) mod logs;
pub(crate) mod methods;
pub(crate) mod paths;
pub(crate) mod problems;
pub(crate) mod roles;
pub(crate) mod routes;
pub(crate) mod service_token;
pub(crate) mod settings;
pub(crate) mod shutdown;
pub(crate) mod signature;
pub(crate) mod startup;
pub(crate) mod token;
mod weak_keys;

use kc_dev::Mint;

use crate::case::Case;

/// What the contract says of these tokens beyond the standards.
const CONTRACT_TOKENS: &str = "contract: which tokens";

/// A bent token that is good all the same.
fn accepted(id: &str, spec: &'static str, bend: impl Fn(Mint) -> Mint + 'static) -> Case {
    Case::new(id, spec, async move |kit| kit.me(&bend(kit.mint()).sign().await?).await?.has_status(200))
}

/// A bent token that is refused with 401 and this code.
fn refused(id: &str, spec: &'static str, code: &'static str, bend: impl Fn(Mint) -> Mint + 'static) -> Case {
    Case::new(id, spec, async move |kit| kit.me(&bend(kit.mint()).sign().await?).await?.refused(401, code))
}

/// The same, where two defects meet and the contract doesn't say which is named.
fn refused_as(
    id: &str,
    spec: &'static str,
    codes: &'static [&'static str],
    bend: impl Fn(Mint) -> Mint + 'static,
) -> Case {
    Case::new(id, spec, async move |kit| {
        kit.me(&bend(kit.mint()).sign().await?).await?.refused_as(401, codes)
    })
}

/// A good token whose text was changed, and which is refused with 401 and one of these codes.
fn mangled(
    id: &str,
    spec: &'static str,
    codes: &'static [&'static str],
    mangle: impl Fn(&str) -> String + 'static,
) -> Case {
    Case::new(id, spec, async move |kit| {
        let good = kit.mint().sign().await?;
        kit.me(&mangle(&good)).await?.refused_as(401, codes)
    })
}

/// The segments of a token.
fn segments(token: &str) -> (&str, &str, &str) {
    let mut segments = token.splitn(3, '.');
    let mut next = || segments.next().unwrap_or_default();
    (next(), next(), next())
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes.as_ref())
}

fn unbase64url(text: &str) -> Vec<u8> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).unwrap_or_default()
}

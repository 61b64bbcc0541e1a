//! The values that show that a request was meant by a page of this service.
//!
//! They are derived from the session's id, which no page and no script of another site can read: nothing has to be kept, and
//! they change with the session. What goes into a link is another value than what goes into a form: links end up in logs and
//! histories, and whoever finds one there can log somebody out, and nothing else.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use kc_core::secret::Secret;

use crate::session::SessionId;

/// The header that a script sends the value in.
pub(crate) const HEADER: &str = "x-csrf-token";
/// The field of a form, or of the query of a link that logs out.
pub(crate) const FIELD: &str = "csrf_token";

/// For forms and scripts.
pub(crate) fn of_session(id: &SessionId) -> Secret {
    derived(id, "a request that changes something")
}

/// For links that log out.
pub(crate) fn of_logout(id: &SessionId) -> Secret {
    derived(id, "a link that logs out")
}

/// Whether it is the value, without telling by the time it takes how much of it is right.
pub(crate) fn is(value: &[u8], expected: &Secret) -> bool {
    verify_slices_are_equal(value, expected.expose().as_bytes()).is_ok()
}

fn derived(id: &SessionId, purpose: &str) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, id.expose().as_bytes());
    Secret::new(URL_SAFE_NO_PAD.encode_to_string(hmac::sign(&key, purpose.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_and_each_purpose_has_its_own() {
        let (one, other) = (SessionId::random(), SessionId::random());
        let value = of_session(&one);
        assert!(is(value.expose().as_bytes(), &of_session(&one)));
        assert!(!is(value.expose().as_bytes(), &of_session(&other)));
        assert!(!is(value.expose().as_bytes(), &of_logout(&one)));
        assert!(!is(b"", &value) && !is(one.expose().as_bytes(), &value));
    }
}

//! The context of a trace (W3C Trace Context) on what this service sends: to Keycloak, and by
//! [`OutboundClient`](crate::outbound::OutboundClient).
//!
//! | you want … | use |
//! | --- | --- |
//! | the trace that the request came with to go on | [`PassOn`], and [`TraceParent::scope`] around the handler |
//! | spans of your own in between (OpenTelemetry) | your own [`TraceContext`]: see `docs/observability.md` |
//!
//! `traceparent` and `tracestate` are sent, `baggage` never: it holds what others put there, and Keycloak is not to see it.
//! Nothing is sent by default.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::wire::{Headers, RequestView};

/// Writes the context of the present trace into the headers of a request that is about to be sent.
///
/// # Contract
/// Called in the task that sends, within the span `kc.keycloak.request` if that is on. It sets `traceparent` and `tracestate`,
/// and touches no other header. It does not wait.
pub trait TraceContext: fmt::Debug + Send + Sync {
    /// Writes it.
    fn inject(&self, headers: &mut HeaderMap);
}

/// Passes on the context that the request being served came with, unchanged: for a service that makes no spans of its own.
///
/// The guard sets that context while it decides. For what a handler sends, the service does: [`TraceParent::scope`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PassOn;

impl TraceContext for PassOn {
    fn inject(&self, headers: &mut HeaderMap) {
        // An error means that there is none.
        let _ = PRESENT.try_with(|present| present.write(headers));
    }
}

/// A valid `traceparent`, with its `tracestate` if that is valid too.
///
/// # Spec
/// W3C Trace Context (2021) §3. What is not valid is treated as if it were not there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceParent {
    /// As version 00.
    parent: HeaderValue,
    state: Option<HeaderValue>,
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

tokio::task_local! {
    static PRESENT: TraceParent;
}

impl TraceParent {
    /// The context that these headers hold: those of a request, or an `http::HeaderMap`.
    #[must_use]
    pub fn of(headers: &dyn Headers) -> Option<Self> {
        let parent = headers.value(TRACEPARENT.as_str(), 0)?;
        if headers.value(TRACEPARENT.as_str(), 1).is_some() {
            return None;
        }
        let parent = version_00(parent)?;
        Some(Self { parent: HeaderValue::from_str(&parent).ok()?, state: state(headers) })
    }

    /// The trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.parent.to_str().ok().and_then(|text| text.get(3..35)).unwrap_or_default()
    }

    /// Runs `future` with this as the context that [`PassOn`] writes.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        PRESENT.scope(self, future).await
    }

    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(TRACEPARENT, self.parent.clone());
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }

    /// Runs what decides about a request, in the context that it came with.
    pub(crate) async fn scope_of<F: Future>(request: &RequestView<'_>, future: F) -> F::Output {
        match Self::of(request.headers) {
            Some(parent) => parent.scope(future).await,
            None => future.await,
        }
    }
}

/// Runs a future, that is to be a task of its own, in the context of the task that begins it, and in its span.
pub(crate) fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> {
    use tracing::Instrument as _;
    let parent = PRESENT.try_with(TraceParent::clone).ok();
    let future = future.in_current_span();
    async move {
        match parent {
            Some(parent) => parent.scope(future).await,
            None => future.await,
        }
    }
}

/// The four fields as version 00 writes them. A later version begins with the same, and may go on after another dash (§4.3).
fn version_00(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let (fields, rest) = text.split_at_checked(55)?;
    let mut parts = fields.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &str, length| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    let ends = match version {
        "00" => rest.is_empty(),
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    let valid = parts.next().is_none()
        && is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
        && ends;
    // Of the flags only "sampled" has a meaning in version 00.
    let sampled = u8::from_str_radix(flags, 16).ok()? & 1;
    valid.then(|| format!("00-{trace}-{parent}-0{sampled}"))
}

/// All lines of `tracestate` as one; `None` when there is none, or it is not what §3.3 says.
fn state(headers: &dyn Headers) -> Option<HeaderValue> {
    const LONGEST: usize = 512;
    const MEMBERS: usize = 32;
    let lines: Vec<&[u8]> = (0..=MEMBERS).map_while(|nth| headers.value(TRACESTATE.as_str(), nth)).collect();
    let joined = String::from_utf8(lines.join(&b","[..])).ok()?;
    let members: Vec<&str> = joined.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    let valid = (1..=MEMBERS).contains(&members.len()) && members.iter().all(|member| is_member(member));
    let joined = members.join(",");
    if !valid || joined.len() > LONGEST { None } else { HeaderValue::from_str(&joined).ok() }
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let key_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let value_byte = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&key.len())
        && key.bytes().all(key_byte)
        && key.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && (1..=256).contains(&value.len())
        && value.bytes().all(value_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    async fn passed_on(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut sent = HeaderMap::new();
        let write = async { PassOn.inject(&mut sent) };
        match TraceParent::of(&headers(lines)) {
            Some(parent) => parent.scope(write).await,
            None => write.await,
        }
        sent
    }

    /// Source: W3C Trace Context §3.2.2 and §3.2.3, and its examples of what is not valid.
    #[tokio::test]
    async fn a_valid_parent_is_passed_on_and_any_other_is_not() {
        assert_eq!(passed_on(&[("traceparent", PARENT)]).await["traceparent"], PARENT);
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        for bad in [
            "",
            "00",
            PARENT.trim_end_matches('1'),
            &format!("{PARENT}-"),
            &format!("{PARENT}0"),
            &PARENT.replace("4bf9", "4BF9"),
            &PARENT.replace("4bf9", "4bg9"),
            &PARENT.replace("00-4b", "ff-4b"),
            &PARENT.replace("00-4b", "0x-4b"),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{trace}-{}-01", "0".repeat(16)),
            &PARENT.replace("-01", "-1g"),
            &PARENT.replace('-', "_"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\u{e9}",
        ] {
            let sent = passed_on(&[("traceparent", bad)]).await;
            assert!(sent.is_empty(), "{bad}");
        }
        assert!(passed_on(&[("traceparent", PARENT), ("traceparent", PARENT)]).await.is_empty());
        assert!(passed_on(&[]).await.is_empty());
    }

    #[tokio::test]
    async fn a_later_version_is_passed_on_as_the_one_that_is_known() {
        let later = PARENT.replace("00-4b", "cc-4b").replace("-01", "-f3");
        for given in [later.clone(), format!("{later}-more")] {
            assert_eq!(passed_on(&[("traceparent", &given)]).await["traceparent"], PARENT);
        }
    }

    #[tokio::test]
    async fn the_state_is_passed_on_if_it_is_valid_and_never_without_a_parent() {
        let both = passed_on(&[
            ("traceparent", PARENT),
            ("tracestate", "rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE"),
            ("tracestate", "a@b=c"),
            ("baggage", "user=alice"),
        ]);
        let both = both.await;
        assert_eq!(both["tracestate"], "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE,a@b=c");
        assert_eq!(both.len(), 2, "no baggage");
        let long = format!("a={}", "x".repeat(257));
        let many = "a=1,".repeat(33);
        for bad in ["", "a", "=1", "A=1", "a=", "a=b=c", &long, &many] {
            let sent = passed_on(&[("traceparent", PARENT), ("tracestate", bad)]).await;
            assert_eq!(sent.len(), 1, "{bad}");
        }
        assert!(passed_on(&[("tracestate", "a=1")]).await.is_empty());
    }

    #[tokio::test]
    async fn a_task_that_is_begun_has_the_context_of_who_begins_it() {
        let sent = async {
            let task = carried(async {
                let mut sent = HeaderMap::new();
                PassOn.inject(&mut sent);
                sent
            });
            tokio::spawn(task).await.unwrap()
        };
        let parent = TraceParent::of(&headers(&[("traceparent", PARENT)])).unwrap();
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.scope(sent).await["traceparent"], PARENT);
    }
}

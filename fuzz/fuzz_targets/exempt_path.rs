//! A path, in the first line, and prefixes that need no token, in the others.
#![no_main]

use kc_core::wire::ExemptPaths;
use kc_fuzz::assert_discreet;
use libfuzzer_sys::fuzz_target;
use url::Url;

/// Percent-decoded, whatever comes out.
fn decoded(path: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::new();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap());
                rest = &after[2..];
            }
            _ => out.push(*first),
        }
    }
    out
}

/// The segments that a router would see who decodes first and then takes dots and empty segments away.
fn resolved(path: &[u8]) -> Vec<Vec<u8>> {
    let mut segments: Vec<Vec<u8>> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        let segment = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            _ => segments.push(segment.to_vec()),
        }
    }
    segments
}

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let path = lines.next().unwrap_or_default();
    let prefixes: Vec<&str> = lines.take(4).collect();
    let exempt = match ExemptPaths::new(&prefixes) {
        Ok(exempt) => exempt,
        Err(error) => return assert_discreet(&error, ""),
    };
    for prefix in &prefixes {
        assert!(exempt.contains(prefix.trim()), "a prefix is within itself: {prefix:?}");
    }
    if !exempt.contains(path) {
        return;
    }
    // Read in whichever way, once decoded or twice, it stays within a prefix.
    let within = |segments: &[Vec<u8>]| {
        exempt.iter().any(|prefix| {
            let twice = [resolved(&decoded(prefix.as_bytes())), resolved(prefix.as_bytes())];
            twice.iter().any(|prefix| !prefix.is_empty() && segments.starts_with(prefix))
        })
    };
    let once = decoded(path.as_bytes());
    for reading in [path.as_bytes(), &once, &decoded(&once)] {
        assert!(within(&resolved(reading)), "{path:?} read as {}", String::from_utf8_lossy(reading));
    }
    let plain = path.strip_suffix('/').unwrap_or(path);
    assert_eq!(resolved(path.as_bytes()).len(), plain.split('/').count() - 1, "{path:?}");
    let url = Url::parse(&format!("http://kc.test{path}")).unwrap();
    assert!(url.query().is_none() && url.fragment().is_none());
    assert_eq!(url.path().split('/').count(), path.split('/').count(), "{path:?} and {}", url.path());
});

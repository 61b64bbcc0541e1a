//! Queries and forms (`application/x-www-form-urlencoded`), as a browser reads and changes them.

/// One value, escaped.
pub(crate) fn escaped(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

/// Names and values, escaped.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let pairs = form.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The first value of that name in a URL, or in a bare query.
pub(crate) fn value(url: &str, name: &str) -> Option<String> {
    pairs(url).find(|(found, _)| *found == name).map(|(_, value)| unescaped(value))
}

/// The URL with one parameter set to this value, or taken away.
pub(crate) fn with(url: &str, name: &str, value: Option<&str>) -> String {
    let (path, _) = url.split_once('?').unwrap_or((url, ""));
    let kept = pairs(url).filter(|(found, _)| *found != name).map(|(name, value)| format!("{name}={value}"));
    let set = value.map(|value| format!("{name}={}", escaped(value)));
    format!("{path}?{}", kept.chain(set).collect::<Vec<_>>().join("&"))
}

fn pairs(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or(url, |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').filter_map(|pair| pair.split_once('='))
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_every_letter_of_a_password() {
        let form = [("a", "b c&d=e+f%\u{e4}"), ("g", "-._~")];
        assert_eq!(encoded(&form), "a=b%20c%26d%3De%2Bf%25%C3%A4&g=-._~");
        assert_eq!(value(&encoded(&form), "a").as_deref(), Some("b c&d=e+f%\u{e4}"));
    }

    #[test]
    fn a_parameter_is_found_changed_and_taken_away() {
        let url = "/a?b=1&c=x+y%2F#f";
        assert_eq!(value(url, "c").as_deref(), Some("x y/"));
        assert_eq!(value(url, "d"), None);
        assert_eq!(with(url, "b", Some("2 3")), "/a?c=x+y%2F&b=2%203");
        assert_eq!(with(url, "c", None), "/a?b=1");
    }
}

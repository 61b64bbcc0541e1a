//! An answer, and what is expected of it.

use serde_json::Value;

use crate::case::{CaseResult, Failure, ensure};

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Method and target of the request, for messages.
    pub(crate) request: String,
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Reads status line and headers.
    pub(crate) fn of_head(request: String, head: &[u8]) -> Result<Self, String> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| format!("the answer begins with {status_line:?}"))?;
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("a header line is {line:?}"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Ok(Self { request, status, headers: headers.collect::<Result<_, String>>()?, body: Vec::new() })
    }

    /// The first value of a header; its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Everything that came, to be searched.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
        text.push_str(&String::from_utf8_lossy(&self.body));
        text
    }

    /// The headers that a cache or a clock does not change, sorted: to compare two answers.
    pub(crate) fn lasting_headers(&self) -> Vec<(&str, &str)> {
        let lasting = self.headers.iter().filter(|(name, _)| {
            !matches!(name.as_str(), "date" | "connection" | "keep-alive" | "transfer-encoding" | "server")
        });
        let mut lasting: Vec<_> = lasting.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        lasting.sort_unstable();
        lasting
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        self.parsed().ok_or_else(|| self.unlike("a body of JSON"))
    }

    /// The `code` of a problem body.
    pub(crate) fn code(&self) -> Option<String> {
        self.member("code")
    }

    fn member(&self, name: &str) -> Option<String> {
        Some(self.parsed()?.get(name)?.as_str()?.to_owned())
    }

    fn parsed(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Status, and a body that equals this JSON.
    pub(crate) fn is(&self, status: u16, body: &Value) -> CaseResult {
        self.has_status(status)?;
        ensure(self.json()? == *body, || self.expected(&format!("the body {body}")))
    }

    pub(crate) fn has_status(&self, status: u16) -> CaseResult {
        if status >= 400 {
            return self.keeps_out(self.status == status, &status.to_string());
        }
        ensure(self.status == status, || self.expected(&status.to_string()))
    }

    /// Refused with this status and code.
    pub(crate) fn refused(&self, status: u16, code: &str) -> CaseResult {
        self.refused_as(status, &[code])
    }

    /// Refused with this status and one of these codes, where the contract leaves room.
    pub(crate) fn refused_as(&self, status: u16, codes: &[&str]) -> CaseResult {
        let matches = self.status == status && self.code().is_some_and(|code| codes.contains(&code.as_str()));
        self.keeps_out(matches, &format!("{status} {}", codes.join(" or ")))
    }

    /// Turned down with this status and code, though the caller may come in: a parameter is bad.
    pub(crate) fn turned_down(&self, status: u16, code: &str) -> CaseResult {
        let matches = self.status == status && self.code().is_some_and(|got| got == code);
        ensure(matches, || self.expected(&format!("{status} {code}")))
    }

    /// The member `detail` of a problem body.
    pub(crate) fn has_detail(&self, detail: &str) -> CaseResult {
        let body = self.json()?;
        ensure(body.get("detail").and_then(Value::as_str) == Some(detail), || {
            self.expected(&format!("the detail {detail:?}"))
        })
    }

    /// A header with exactly this value.
    pub(crate) fn has_header(&self, name: &str, value: &str) -> CaseResult {
        let values = self.header_values(name);
        ensure(values == [value], || {
            format!("{}: expected the header {name}: {value}, got {values:?}", self.request)
        })
    }

    /// A header that must not be there.
    pub(crate) fn lacks_header(&self, name: &str) -> CaseResult {
        let values = self.header_values(name);
        ensure(values.is_empty(), || format!("{}: expected no header {name}, got {values:?}", self.request))
    }

    /// The one challenge: scheme `Bearer`, its parameters.
    pub(crate) fn challenge(&self) -> Result<Challenge, Failure> {
        let values = self.header_values("www-authenticate");
        match values.as_slice() {
            [one] => Challenge::read(one).ok_or_else(|| {
                Failure::new(format!("{}: expected a Bearer challenge, got {one:?}", self.request))
            }),
            _ => {
                Err(Failure::new(format!("{}: expected one WWW-Authenticate, got {values:?}", self.request)))
            }
        }
    }

    /// Neither let in nor broken: whatever a guard or a router says to a stranger's trick. A router may send him to
    /// the path as it is written elsewhere in the same service, where he is asked for a token.
    pub(crate) fn kept_out(&self) -> CaseResult {
        let location = self.header("location").unwrap_or_default();
        let stays = location.starts_with("http://127.0.0.1:")
            || (location.starts_with('/') && !location.starts_with("//") && !location.contains('\\'));
        let kept_out = match self.status {
            400 | 401 | 403 | 404 | 405 => true,
            301 | 307 | 308 => stays,
            _ => false,
        };
        self.keeps_out(kept_out, "400, 401, 403, 404, 405 or a redirect within the service")
    }

    /// Passes if `holds`; otherwise it matters whether the request was let in.
    fn keeps_out(&self, holds: bool, expected: &str) -> CaseResult {
        match (holds, self.status) {
            (true, _) => Ok(()),
            (false, 200..=299) => Err(Failure::letting_in(self.expected(expected))),
            (false, _) => Err(Failure::new(self.expected(expected))),
        }
    }

    pub(crate) fn unlike(&self, expected: &str) -> Failure {
        Failure::new(self.expected(expected))
    }

    fn expected(&self, expected: &str) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let short: String = body.chars().take(200).flat_map(char::escape_debug).collect();
        let got = match self.code() {
            Some(code) => {
                format!("{} {code} ({})", self.status, self.member("detail").unwrap_or_default())
            }
            None if short.is_empty() => format!("{} with an empty body", self.status),
            None => format!("{} {}", self.status, short.replace("\\\"", "\"")),
        };
        format!("{}: expected {expected}, got {got}", self.request)
    }
}

/// A `Bearer` challenge (RFC 6750 §3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Challenge {
    pub(crate) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// `Bearer name="value", …` with every value a quoted-string (RFC 9110 §11.2, §5.6.4).
    fn read(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix("Bearer ")?;
        let mut parameters = Vec::new();
        loop {
            let (name, after) = rest.split_once("=\"")?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_name) {
                return None;
            }
            let (mut value, mut letters) = (String::new(), after.char_indices());
            let end = loop {
                match letters.next()? {
                    (at, '"') => break at,
                    (_, '\\') => value.push(letters.next()?.1),
                    (_, letter @ ' '..='~') => value.push(letter),
                    _ => return None,
                }
            };
            parameters.push((name.to_owned(), value));
            match after.get(end + 1..)? {
                "" => return Some(Self { parameters }),
                more => rest = more.strip_prefix(',')?.trim_start(),
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_and_what_is_none_is_not() {
        let read = Challenge::read(r#"Bearer realm="r", error="x", error_description="a \"b\" c""#).unwrap();
        assert_eq!(read.get("realm"), Some("r"));
        assert_eq!(read.get("error_description"), Some("a \"b\" c"));
        for bad in
            ["Bearer", "Basic realm=\"r\"", "Bearer realm=r", "Bearer realm=\"r", "Bearer realm=\"r\" x"]
        {
            assert_eq!(Challenge::read(bad), None, "{bad}");
        }
    }
}

//! An event as a line of text.

use std::cell::Cell;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{AuditEvent, Decision};
use crate::clock::UnixTime;

impl AuditEvent<'_> {
    /// The event as one line of JSON, without the line break. Control characters, line and paragraph separators and
    /// marks of writing direction are escaped wherever they came from: nothing in an event makes a second line or
    /// hides what is in the first.
    #[must_use]
    pub fn to_json_line(&self) -> String {
        // Room for a usual one.
        let mut line = String::with_capacity(512);
        self.write_json_line(&mut line);
        line
    }

    /// The same at the end of `line`.
    pub(super) fn write_json_line(&self, line: &mut String) {
        // By hand, since a serializer looks at each letter on its own. Writing into a string does not fail.
        line.push_str("{\"time\":\"");
        time(line, self.time.0);
        line.push('"');
        let decision = match self.decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
        };
        member(line, ",\"event\":", Some(self.event));
        member(line, ",\"decision\":", Some(decision));
        member(line, ",\"code\":", self.code);
        line.push_str(",\"status\":");
        match self.status {
            Some(status) => decimal(line, status),
            None => line.push_str("null"),
        }
        member(line, ",\"method\":", Some(&self.method));
        member(line, ",\"route\":", self.route.as_deref());
        member(line, ",\"path\":", Some(&self.path));
        member(line, ",\"realm\":", Some(&self.realm));
        member(line, ",\"sub\":", self.sub.as_deref());
        member(line, ",\"username\":", self.username.as_deref());
        member(line, ",\"client\":", self.client.as_deref());
        member(line, ",\"sid\":", self.sid.as_deref());
        line.push_str(",\"ip\":");
        match self.ip {
            Some(IpAddr::V4(ip)) => {
                for (at, octet) in ip.octets().into_iter().enumerate() {
                    line.push(if at == 0 { '"' } else { '.' });
                    decimal(line, octet.into());
                }
                line.push('"');
            }
            Some(IpAddr::V6(ip)) => {
                let _ = write!(line, "\"{ip}\"");
            }
            None => line.push_str("null"),
        }
        member(line, ",\"request_id\":", Some(&self.request_id));
        line.push('}');
    }
}

/// `label` is the member's name as it stands in the line, with what is around it.
fn member(line: &mut String, label: &str, value: Option<&str>) {
    line.push_str(label);
    let Some(value) = value else { return line.push_str("null") };
    line.push('"');
    if is_plain(value) {
        line.push_str(value);
    } else {
        value.chars().for_each(|letter| escaped(line, letter));
    }
    line.push('"');
}

fn decimal(line: &mut String, number: u16) {
    let mut unit = 10_000;
    while unit > 1 && number < unit {
        unit /= 10;
    }
    digits(line, number, unit);
}

/// From the digit that counts `unit` on.
fn digits(line: &mut String, number: u16, mut unit: u16) {
    while unit > 0 {
        line.push(char::from_digit(u32::from(number / unit % 10), 10).unwrap_or_default());
        unit /= 10;
    }
}

/// As the time prints. Events come many in a second, so that all but the milliseconds is there from the last one.
fn time(line: &mut String, at: UnixTime) {
    thread_local! {
        static SECOND: Cell<(UnixTime, String)> = const { Cell::new((UnixTime::from_secs(0), String::new())) };
    }
    let second = UnixTime::from_secs(at.as_secs());
    let (mut known, mut text) = SECOND.take();
    if known != second || text.is_empty() {
        text.clear();
        let _ = write!(text, "{second}");
        known = second;
    }
    match text.strip_suffix("000Z") {
        Some(start) => {
            line.push_str(start);
            digits(line, u16::try_from(at.as_millis().rem_euclid(1000)).unwrap_or_default(), 100);
            line.push('Z');
        }
        // No date, in years of five digits.
        None => line.push_str(&text),
    }
    SECOND.set((known, text));
}

/// Whether JSON and whoever reads the line take all of it as it is. All letters are looked at without a way out in
/// between, which is quicker: many at once.
fn is_plain(value: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\');
    value.bytes().fold(true, |all, byte| all & plain(byte))
}

fn escaped(line: &mut String, letter: char) {
    match letter {
        '"' | '\\' => line.extend(['\\', letter]),
        _ if is_treacherous(letter) => {
            // As JSON writes what is above U+FFFF: in two halves (RFC 8259 §7).
            for half in letter.encode_utf16(&mut [0; 2]) {
                // Writing into a string does not fail.
                let _ = write!(line, "\\u{half:04x}");
            }
        }
        _ => line.push(letter),
    }
}

/// Controls, and what Unicode calls format characters: marks of direction, joiners, tags, and other invisible ones.
fn is_treacherous(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::super::tests::event;
    use super::*;

    #[test]
    fn an_event_is_one_line_with_its_members_in_order() {
        assert_eq!(
            AuditEvent { status: Some(200), ..event() }.to_json_line(),
            r#"{"time":"2026-11-22T00:56:13.042Z","event":"access","decision":"allow","code":null,"status":200,"method":"GET","route":"/items/{id}","path":"/items/1","realm":"r","sub":"s","username":"alice","client":null,"sid":null,"ip":"127.0.0.1","request_id":"1"}"#
        );
    }

    #[test]
    fn a_line_is_the_json_that_a_serializer_writes() {
        let full = AuditEvent {
            decision: Decision::Deny,
            code: Some("missing_roles"),
            status: Some(403),
            route: None,
            username: Some("Zoë \"Z\" O'Neill \\ 東京".into()),
            client: Some("web".into()),
            sid: Some("".into()),
            ip: Some("2001:db8::1".parse().unwrap()),
            ..event()
        };
        for event in [event(), full, AuditEvent { sub: None, username: None, ip: None, ..event() }] {
            assert_eq!(event.to_json_line(), serde_json::to_string(&event).unwrap());
        }
    }

    #[test]
    fn a_time_is_written_as_it_prints() {
        for millis in [0, 999, 1_000, 1_001, 1_999, 5, -1, -1_000, 1_795_308_973_042, i64::MAX, i64::MIN] {
            let mut line = String::new();
            time(&mut line, UnixTime::from_millis(millis));
            assert_eq!(line, UnixTime::from_millis(millis).to_string());
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in (0..=1_100).chain([9_999, 10_000, 65_535]) {
            let mut line = String::new();
            decimal(&mut line, number);
            assert_eq!(line, number.to_string());
        }
    }

    #[test]
    fn nothing_in_an_event_makes_a_second_line_or_hides_the_first() {
        let nasty = "a\n{\"decision\":\"allow\"}\r\t\u{1b}[2J\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{61c}\u{200b}\u{fff9}\u{e0041}\u{0}\"\\";
        let line = AuditEvent { username: Some(nasty.into()), path: nasty.into(), ..event() }.to_json_line();
        assert!(line.chars().all(|letter| !is_treacherous(letter)), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["username"], nasty);
        assert_eq!(read["path"], nasty);
    }
}

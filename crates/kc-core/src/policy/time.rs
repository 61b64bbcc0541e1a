//! Time policies: in the zone of the server, to the second, all bounds included.

use std::cell::OnceCell;

use jiff::civil::DateTime;
use jiff::tz::{Disambiguation, TimeZone};

use super::effect::Effect;
use super::error::ConfigError;
use super::export::{RawPolicy, wrong};
use crate::clock::UnixTime;

/// Now, on the wall of the server.
#[derive(Debug)]
pub(super) struct Wall<'a> {
    now: UnixTime,
    zone: &'a TimeZone,
    civil: OnceCell<Option<(DateTime, i64)>>,
}

impl<'a> Wall<'a> {
    pub(super) fn new(now: UnixTime, zone: &'a TimeZone) -> Self {
        Self { now, zone, civil: OnceCell::new() }
    }

    /// The wall's time, and the second that Keycloak takes for it: it writes the time as text without an offset, and reads
    /// that again. `None` outside the years that a calendar has.
    fn civil(&self) -> Option<(DateTime, i64)> {
        *self.civil.get_or_init(|| {
            let timestamp = jiff::Timestamp::from_second(self.now.as_secs()).ok()?;
            let civil = self.zone.to_datetime(timestamp);
            Some((civil, second_of(civil, self.zone)?))
        })
    }
}

/// The second that a wall's time is. Of two in autumn the later, of none in spring the one that the old offset gives, as
/// Java has it.
fn second_of(civil: DateTime, zone: &TimeZone) -> Option<i64> {
    let zoned = zone.to_ambiguous_zoned(civil).disambiguate(Disambiguation::Later).ok()?;
    Some(zoned.timestamp().as_second())
}

#[derive(Debug)]
pub(super) struct TimePolicy {
    not_before: Option<i64>,
    not_after: Option<i64>,
    /// In the order in which Keycloak looks.
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    of: Reading,
    from: Option<i32>,
    /// `Some(None)` for a text that is no number.
    to: Option<Option<i32>>,
}

/// Reads a part off the wall.
type Reading = fn(DateTime) -> i32;

/// What a part is called, its end too, and where it is on the wall.
const PARTS: [(&str, &str, Reading); 5] = [
    ("dayMonth", "dayMonthEnd", |at| i32::from(at.day())),
    ("month", "monthEnd", |at| i32::from(at.month())),
    ("year", "yearEnd", |at| i32::from(at.year())),
    ("hour", "hourEnd", |at| i32::from(at.hour())),
    ("minute", "minuteEnd", |at| i32::from(at.minute())),
];

impl TimePolicy {
    /// The policy, and a note for each part that Keycloak will not be able to read.
    pub(super) fn read(raw: &RawPolicy, zone: &TimeZone) -> (Result<Self, ConfigError>, Vec<ConfigError>) {
        let mut notes = Vec::new();
        let date = |key: &str| match raw.get(key) {
            None | Some("") => Ok(None),
            Some(text) => date(text).and_then(|civil| second_of(civil, zone)).map(Some).ok_or_else(|| {
                let what = "is no date as Keycloak writes it, 2026-11-22 or 2026-11-22 03:04:05";
                wrong(&raw.place_of(key), what)
            }),
        };
        let bounds = date("nbf").and_then(|from| Ok((from, date("noa")?)));
        let mut parts = Vec::new();
        for (start, end, of) in PARTS {
            let number = |key: &str| raw.get(key).map(|text| text.parse::<i32>().ok());
            // Keycloak looks at an end only where there is a start.
            let Some(from) = number(start) else {
                if raw.get(end).is_some() {
                    notes.push(wrong(&raw.place_of(end), format!("has no effect without {start}")));
                }
                continue;
            };
            let to = number(end);
            for (key, value) in [(start, Some(from)), (end, to)] {
                if value == Some(None) {
                    let what = "is no number: Keycloak answers with an error when it gets here";
                    notes.push(wrong(&raw.place_of(key), what));
                }
            }
            if let (Some(from), Some(Some(to))) = (from, to)
                && to < from
            {
                let what = format!("is before {start}: never, as it does not go round");
                notes.push(wrong(&raw.place_of(end), what));
            }
            parts.push(Part { of, from, to });
        }
        (bounds.map(|(not_before, not_after)| Self { not_before, not_after, parts }), notes)
    }

    pub(super) fn decide(&self, wall: &Wall<'_>) -> (Effect, &'static str) {
        let Some((civil, second)) = wall.civil() else {
            return (Effect::UNKNOWN, "the time is outside the calendar");
        };
        if self.not_before.is_some_and(|bound| second < bound) {
            return (Effect::DENY, "it is too early");
        }
        if self.not_after.is_some_and(|bound| second > bound) {
            return (Effect::DENY, "it is too late");
        }
        const NO_NUMBER: &str = "a part of it is no number";
        for part in &self.parts {
            let now = (part.of)(civil);
            let Some(from) = part.from else { return (Effect::FAILS, NO_NUMBER) };
            let within = match part.to {
                None => now == from,
                Some(_) if now < from => false,
                Some(None) => return (Effect::FAILS, NO_NUMBER),
                Some(Some(to)) => now <= to,
            };
            if !within {
                return (Effect::DENY, "the day or the hour is another");
            }
        }
        (Effect::GRANT, "it is the time for it")
    }
}

/// `2026-11-22` or `2026-11-22 03:04:05`, blanks around the first allowed.
fn date(text: &str) -> Option<DateTime> {
    let trimmed = text.trim();
    match trimmed.len() {
        10 => jiff::civil::Date::strptime("%Y-%m-%d", trimmed).ok().map(|date| date.at(0, 0, 0, 0)),
        _ => DateTime::strptime("%Y-%m-%d %H:%M:%S", trimmed).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(config: &[(&str, &str)], zone: &str) -> (TimePolicy, TimeZone) {
        let zone = TimeZone::get(zone).unwrap();
        let raw = RawPolicy {
            name: "t".to_owned(),
            kind: "time".to_owned(),
            negative: false,
            strategy: super::super::effect::Strategy::default(),
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            at: 0,
        };
        (TimePolicy::read(&raw, &zone).0.unwrap(), zone)
    }

    fn at(config: &[(&str, &str)], zone: &str, now: &str) -> Effect {
        let (policy, zone) = policy(config, zone);
        let now: jiff::Timestamp = now.parse().unwrap();
        policy.decide(&Wall::new(UnixTime::from_millis(now.as_millisecond()), &zone)).0
    }

    #[test]
    fn both_bounds_are_included_to_the_second() {
        let bounds = [("nbf", "2026-11-22 10:00:00"), ("noa", "2026-11-22 11:00:00")];
        for (now, granted) in [
            ("2026-11-22T09:59:59.999Z", false),
            ("2026-11-22T10:00:00Z", true),
            ("2026-11-22T11:00:00.999Z", true),
            ("2026-11-22T11:00:01Z", false),
        ] {
            assert_eq!(at(&bounds, "UTC", now), Effect::of(granted), "{now}");
        }
        assert_eq!(at(&[("noa", " 2026-11-22 ")], "UTC", "2026-11-22T00:00:00Z"), Effect::GRANT);
        assert_eq!(at(&[("noa", "2026-11-22")], "UTC", "2026-11-22T00:00:01Z"), Effect::DENY);
    }

    #[test]
    fn the_wall_is_that_of_the_zone() {
        let office = [("hour", "9"), ("hourEnd", "17")];
        assert_eq!(at(&office, "UTC", "2026-07-01T07:00:00Z"), Effect::DENY);
        assert_eq!(at(&office, "Europe/Berlin", "2026-07-01T07:00:00Z"), Effect::GRANT);
        assert_eq!(at(&office, "Europe/Berlin", "2026-01-01T07:30:00Z"), Effect::DENY);
        assert_eq!(at(&office, "UTC", "2026-07-01T17:59:59Z"), Effect::GRANT);
    }

    #[test]
    fn a_range_does_not_go_round_and_a_start_alone_is_one_value() {
        let night = [("hour", "22"), ("hourEnd", "6")];
        for hour in 0..24 {
            assert_eq!(at(&night, "UTC", &format!("2026-07-01T{hour:02}:00:00Z")), Effect::DENY);
        }
        assert_eq!(at(&[("month", "7")], "UTC", "2026-07-31T23:59:59Z"), Effect::GRANT);
        assert_eq!(at(&[("month", "7")], "UTC", "2026-08-01T00:00:00Z"), Effect::DENY);
        assert_eq!(at(&[("monthEnd", "7")], "UTC", "2026-08-01T00:00:00Z"), Effect::GRANT);
    }

    /// Seen with Java 17's `SimpleDateFormat`, which Keycloak writes and reads the time with.
    #[test]
    fn a_time_that_a_day_has_twice_is_the_later_and_one_that_it_lacks_is_an_hour_on() {
        for (zone, text, second) in [
            ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T01:30:00Z"),
            ("Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
            ("America/New_York", "2026-11-01 01:30:00", "2026-11-01T06:30:00Z"),
            ("America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:30:00Z"),
            ("Australia/Lord_Howe", "2026-04-05 01:45:00", "2026-04-04T15:15:00Z"),
            ("Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03T15:45:00Z"),
        ] {
            let second: jiff::Timestamp = second.parse().unwrap();
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(second_of(date(text).unwrap(), &zone), Some(second.as_second()), "{text}");
        }
        // The first 02:30 of that night is written as the second one is.
        let from = [("nbf", "2026-10-25 02:20:00")];
        assert_eq!(at(&from, "Europe/Berlin", "2026-10-25T00:30:00Z"), Effect::GRANT);
    }

    #[test]
    fn what_keycloak_cannot_read_fails_where_it_would() {
        assert_eq!(at(&[("hour", "x")], "UTC", "2026-07-01T00:00:00Z"), Effect::FAILS);
        assert_eq!(at(&[("hour", "5"), ("hourEnd", "")], "UTC", "2026-07-01T00:00:00Z"), Effect::DENY);
        assert_eq!(at(&[("hour", "5"), ("hourEnd", "")], "UTC", "2026-07-01T06:00:00Z"), Effect::FAILS);
        assert_eq!(at(&[("hour", "x"), ("noa", "2026-01-01")], "UTC", "2026-07-01T00:00:00Z"), Effect::DENY);
        assert!(date("2026-11-22T03:04:05").is_none() && date("2026-02-30").is_none());
    }

    #[test]
    fn a_time_outside_the_calendar_is_nobodys() {
        let (policy, zone) = policy(&[], "UTC");
        assert_eq!(policy.decide(&Wall::new(UnixTime::from_millis(i64::MAX), &zone)).0, Effect::UNKNOWN);
    }
}

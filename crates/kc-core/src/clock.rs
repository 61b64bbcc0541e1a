//! The time, as something a test can set.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted (RFC 7519 §2,
/// `NumericDate`, which allows fractions of a second).
///
/// Arithmetic saturates: a token that expires in the year 300 000 000 is a token that does not expire soon.
///
/// # Example
/// ```
/// use kc_core::clock::UnixTime;
/// use std::time::Duration;
///
/// let issued_at = UnixTime::from_secs(1_795_308_973);
/// let expires_at = issued_at.plus(Duration::from_secs(300));
/// assert_eq!(expires_at.to_string(), "2026-11-22T01:01:13.000Z");
/// assert_eq!(expires_at.since(issued_at), Duration::from_secs(300));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime {
    millis: i64,
}

impl UnixTime {
    /// From whole seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self { millis: secs.saturating_mul(1000) }
    }

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// From seconds with a fraction, as JSON gives them. Rounds down to the millisecond; `None` for what is no number.
    #[must_use]
    pub fn from_secs_f64(secs: f64) -> Option<Self> {
        // `as` saturates; a NaN would become zero, which is a date.
        #[expect(clippy::cast_possible_truncation, reason = "a saturating cast is what is wanted")]
        secs.is_finite().then(|| Self { millis: (secs * 1000.0).floor() as i64 })
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.millis.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.millis
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self { millis: self.millis.saturating_add(millis_of(by)) }
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self { millis: self.millis.saturating_sub(millis_of(by)) }
    }

    /// How long it is from `earlier` to this; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis.saturating_sub(earlier.millis)).unwrap_or(0))
    }
}

/// As RFC 3339 in UTC with milliseconds: `2026-11-22T03:04:05.678Z`; outside the years 0 to 9999, plain seconds.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rfc3339() {
            // They are digits.
            Some(text) => f.write_str(str::from_utf8(&text).unwrap_or_default()),
            None => write!(f, "{} s since 1970", self.as_secs()),
        }
    }
}

impl UnixTime {
    /// By hand, since every line of an audit log has a time, and a calendar for all zones costs several times as much.
    fn rfc3339(self) -> Option<[u8; 24]> {
        const DAY: i64 = 86_400_000;
        let (year, month, day) = civil(self.millis.div_euclid(DAY));
        let of_day = self.millis.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (end, mut number) in [
            (4, u64::try_from(year).ok().filter(|year| *year <= 9999)?),
            (7, month),
            (10, day),
            (13, of_day.unsigned_abs() / 3_600_000),
            (16, of_day.unsigned_abs() / 60_000 % 60),
            (19, of_day.unsigned_abs() / 1000 % 60),
            (23, of_day.unsigned_abs() % 1000),
        ] {
            for digit in text.get_mut(..end).into_iter().flatten().rev() {
                if number == 0 {
                    break;
                }
                *digit += u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        Some(text)
    }
}

/// Year, month and day of a day after 1970-01-01 in the Gregorian calendar. Years are counted from March, so that a leap
/// day is the last day of one, in eras of 400 years, which are all alike.
fn civil(days: i64) -> (i64, u64, u64) {
    const ERA: i64 = 146_097;
    /// From 0000-03-01 to 1970-01-01.
    const BEFORE: i64 = 719_468;
    let days = days.saturating_add(BEFORE);
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA).unsigned_abs());
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Of March to January, five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year.cast_signed() + next, month, day)
}

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Says what time it is.
///
/// # Contract
/// Wall-clock time in UTC; not required to be monotonic. Called on every request: it must not block.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime { millis: millis_of(since) }
    }
}

/// A clock that stands still until a test moves it.
///
/// # Example
/// ```
/// use kc_core::clock::{Clock, FakeClock, UnixTime};
/// use std::time::Duration;
///
/// let clock = FakeClock::at(UnixTime::from_secs(1_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().as_secs(), 1_060);
/// ```
#[derive(Debug, Default)]
pub struct FakeClock {
    millis: AtomicI64,
}

impl FakeClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn at(now: UnixTime) -> Self {
        Self { millis: AtomicI64::new(now.millis) }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(millis_of(by), Ordering::Relaxed);
    }

    /// Sets the clock, back too.
    pub fn set(&self, now: UnixTime) {
        self.millis.store(now.millis, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixTime {
        UnixTime { millis: self.millis.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_a_second_is_kept_to_the_millisecond() {
        assert_eq!(UnixTime::from_secs_f64(1.9999), Some(UnixTime::from_millis(1999)));
        assert_eq!(UnixTime::from_secs_f64(-0.5), Some(UnixTime::from_millis(-500)));
        assert_eq!(UnixTime::from_millis(-1).as_secs(), -1);
    }

    #[test]
    fn an_absurd_date_saturates_and_a_nan_is_no_date() {
        assert_eq!(UnixTime::from_secs_f64(1e300), Some(UnixTime::from_millis(i64::MAX)));
        assert_eq!(UnixTime::from_secs_f64(f64::NAN), None);
        assert_eq!(UnixTime::from_secs(i64::MAX).plus(Duration::MAX), UnixTime::from_millis(i64::MAX));
        assert_eq!(UnixTime::from_millis(i64::MIN).minus(Duration::MAX), UnixTime::from_millis(i64::MIN));
    }

    #[test]
    fn it_prints_as_rfc_3339() {
        assert_eq!(UnixTime::from_millis(1_795_308_973_042).to_string(), "2026-11-22T00:56:13.042Z");
        assert_eq!(UnixTime::from_millis(i64::MAX).to_string(), "9223372036854775 s since 1970");
    }

    #[test]
    fn it_prints_what_a_calendar_prints() {
        // About every 37 days from the year 0 to 9999, at changing times of day; the other calendar ends a day early.
        let (first, last) = (-62_167_219_200_000, 253_402_300_799_999);
        for millis in (first..last - 100_000_000).step_by(3_221_225_473).chain([-1, 0]) {
            let at = jiff::Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(UnixTime::from_millis(millis).to_string(), format!("{at:.3}"));
        }
        assert_eq!(UnixTime::from_millis(last).to_string(), "9999-12-31T23:59:59.999Z");
        for millis in [first - 1, last + 1, i64::MIN] {
            assert!(UnixTime::from_millis(millis).to_string().ends_with(" s since 1970"));
        }
    }

    #[test]
    fn a_fake_clock_moves_only_when_told() {
        let clock = FakeClock::at(UnixTime::from_secs(10));
        assert_eq!(clock.now().as_secs(), 10);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().since(UnixTime::from_secs(10)), Duration::from_secs(5));
        clock.set(UnixTime::from_secs(1));
        assert_eq!(clock.now().since(UnixTime::from_secs(10)), Duration::ZERO);
    }

    #[test]
    fn the_system_clock_is_past_2026() {
        assert!(SystemClock.now() > UnixTime::from_secs(1_767_225_600));
    }
}

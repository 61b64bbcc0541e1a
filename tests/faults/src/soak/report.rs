//! What a soak has found.

use std::fmt;
use std::time::Duration;

/// How things stood at a time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Since the start.
    pub at: Duration,
    /// Requests that were answered by then.
    pub requests: u64,
    /// Answers that were wrong by then.
    pub wrong: u64,
    /// Resident memory of the service.
    pub rss_kib: u64,
}

/// All of it.
#[derive(Debug)]
pub struct Report {
    /// In the order of time.
    pub samples: Vec<Sample>,
    /// What was done to the issuer.
    pub events: Vec<String>,
    /// What was asked, what came, how often.
    pub tally: Vec<(String, u64)>,
    /// What came and should not have.
    pub wrong: Vec<String>,
}

/// The memory may grow by so much from the second sixth of the time to the last third.
const FLAT_KIB: u64 = 8 * 1024;

impl Report {
    /// By how many KiB the most memory of the last third of the time is above the most of the second sixth.
    #[must_use]
    pub fn growth_kib(&self) -> u64 {
        let end = self.samples.last().map_or(Duration::ZERO, |sample| sample.at);
        let most = |from: Duration, until: Duration| {
            let inside = self.samples.iter().filter(|sample| (from..=until).contains(&sample.at));
            inside.map(|sample| sample.rss_kib).max().unwrap_or(0)
        };
        most(end * 2 / 3, end).saturating_sub(most(end / 6, end / 3))
    }

    /// Whether no answer was wrong, and the memory is flat.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.growth_kib() <= FLAT_KIB
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, requests, wrong, rss_kib } = self;
        write!(f, "{:>7} s {requests:>10} {wrong:>7} {rss_kib:>10}", at.as_secs())
    }
}

/// Tables.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} {:>10} {:>7} {:>10}", "time", "requests", "wrong", "RSS, KiB")?;
        let step = self.samples.len().div_ceil(30).max(1);
        for sample in self.samples.iter().skip(step - 1).step_by(step) {
            writeln!(f, "{sample}")?;
        }
        writeln!(f)?;
        for event in self.events.iter().filter(|event| !event.ends_with("rotated")) {
            writeln!(f, "{event}")?;
        }
        let rotations = self.events.iter().filter(|event| event.ends_with("rotated")).count();
        writeln!(f, "the keys rotated {rotations} times\n")?;
        for (what, times) in &self.tally {
            writeln!(f, "{times:>9}  {what}")?;
        }
        writeln!(f)?;
        for wrong in &self.wrong {
            writeln!(f, "WRONG: {wrong}")?;
        }
        let verdict = if self.is_good() { "good" } else { "NOT GOOD" };
        writeln!(
            f,
            "{verdict}: {} wrong answers; the memory grew by {} KiB ({FLAT_KIB} are allowed)",
            self.samples.last().map_or(0, |sample| sample.wrong),
            self.growth_kib()
        )
    }
}

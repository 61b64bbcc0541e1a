//! The table at the end.

use std::fmt;
use std::time::Duration;

use crate::libtest::Tally;

/// What a suite found.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    /// What was looked at, with its number: `5 crates`.
    pub(crate) count: String,
    /// Tests of each package, where the suite ran tests.
    pub(crate) tests: Vec<(String, Tally)>,
}

/// How a suite ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Why, in a line or a few.
    Failed(String),
    /// Not to be had on this machine, for this reason. Shown, counted, and no failure.
    Impossible(String),
    Passed,
}

impl Outcome {
    /// No finding among so many.
    pub(crate) fn passed(count: impl Into<String>) -> Self {
        Self { verdict: Verdict::Passed, count: count.into(), tests: Vec::new() }
    }

    /// These findings; passed when there are none.
    pub(crate) fn of(findings: &[String], count: impl Into<String>) -> Self {
        let verdict =
            if findings.is_empty() { Verdict::Passed } else { Verdict::Failed(findings.join("\n")) };
        Self { verdict, ..Self::passed(count) }
    }

    /// Adds a finding.
    pub(crate) fn also(&mut self, finding: String) {
        self.verdict = match std::mem::replace(&mut self.verdict, Verdict::Passed) {
            Verdict::Failed(others) => Verdict::Failed(format!("{others}\n{finding}")),
            _ => Verdict::Failed(finding),
        };
    }

    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed(why.into()), ..Self::passed("") }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
}

/// Everything that ran.
#[derive(Debug, Default)]
pub(crate) struct Summary(pub(crate) Vec<Row>);

impl Summary {
    pub(crate) fn passed(&self) -> bool {
        self.failed_suites() == 0
    }

    fn failed_suites(&self) -> usize {
        self.0.iter().filter(|row| matches!(row.outcome.verdict, Verdict::Failed(_))).count()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<20} {:<12} {:>8}  what", "suite", "result", "time")?;
        let mut all = Tally::default();
        let mut impossible = 0;
        for row in &self.0 {
            let result = match &row.outcome.verdict {
                Verdict::Failed(_) => "FAILED",
                Verdict::Impossible(_) => "not possible",
                Verdict::Passed => "ok",
            };
            let line =
                format!("{:<20} {result:<12} {:>8}  {}", row.suite, seconds(row.took), row.outcome.count);
            writeln!(f, "{}", line.trim_end())?;
            for (package, tally) in &row.outcome.tests {
                all.add(*tally);
                writeln!(f, "{:<44}{package:<20} {}", "", counts(*tally))?;
            }
            match &row.outcome.verdict {
                Verdict::Failed(why) => {
                    for line in why.lines() {
                        writeln!(f, "{:<44}{line}", "")?;
                    }
                }
                Verdict::Impossible(why) => {
                    impossible += 1;
                    writeln!(f, "{:<44}not possible here: {why}", "")?;
                }
                Verdict::Passed => {}
            }
        }
        let took: Duration = self.0.iter().map(|row| row.took).sum();
        let failed = self.failed_suites();
        let passed = self.0.len() - failed - impossible;
        writeln!(
            f,
            "\n{passed} suites ok, {failed} failed, {impossible} not possible here; {}",
            seconds(took)
        )?;
        // Without tests and with nothing wrong there is nothing to count.
        if all.total() > 0 {
            writeln!(f, "tests: {} passed, {} failed", all.passed, all.failed)?;
        }
        Ok(())
    }
}

fn counts(tally: Tally) -> String {
    let mut text = format!("{:>5} passed", tally.passed);
    for (count, what) in [(tally.failed, "FAILED"), (tally.ignored, "IGNORED")] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(suite: &'static str, outcome: Outcome) -> Row {
        Row { suite, outcome, took: Duration::from_millis(1500) }
    }

    #[test]
    fn a_failed_suite_fails_the_whole_and_says_why() {
        let summary = Summary(vec![
            row("format", Outcome::passed("")),
            row("layers", Outcome::of(&["a depends on b".to_owned()], "3 crates")),
        ]);
        assert!(!summary.passed());
        let text = summary.to_string();
        assert!(
            text.contains("a depends on b")
                && text.contains("1 suites ok, 1 failed, 0 not possible here; 3.0 s"),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_possible_here_is_shown_and_is_no_failure() {
        let outcome =
            Outcome { verdict: Verdict::Impossible("no network".to_owned()), ..Outcome::passed("") };
        let summary = Summary(vec![row("advisories", outcome)]);
        assert!(summary.passed());
        assert!(summary.to_string().contains("not possible here: no network"));
    }

    #[test]
    fn the_last_line_counts_the_tests_of_every_package() {
        let tests = vec![
            ("kc-core".to_owned(), Tally { passed: 40, ..Tally::default() }),
            ("kc-dev".to_owned(), Tally { passed: 1, failed: 2, ignored: 0 }),
        ];
        let text =
            Summary(vec![row("tests", Outcome { tests, ..Outcome::passed("2 packages") })]).to_string();
        assert!(text.ends_with("tests: 41 passed, 2 failed\n"), "{text}");
    }
}

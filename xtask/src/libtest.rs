//! Counting tests in what `cargo test` prints.

use std::collections::BTreeMap;

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// All of them.
    pub(crate) fn total(self) -> u64 {
        self.passed + self.failed + self.ignored
    }

    /// Reads `test result: ok. 5 passed; 0 failed; 1 ignored; …`; `None` for any other line.
    fn from_line(line: &str) -> Option<Self> {
        let mut tally = Self::default();
        for part in line.trim().strip_prefix("test result: ")?.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(count) = count.parse() else { continue };
            match what {
                "passed" => tally.passed = count,
                "failed" => tally.failed = count,
                "ignored" => tally.ignored = count,
                _ => {}
            }
        }
        Some(tally)
    }
}

/// A test that failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestFailure {
    /// The file name of its binary, or the library of a doc test.
    pub(crate) binary: String,
    pub(crate) test: String,
    /// Enough to know what was wrong without the log.
    pub(crate) said: Vec<String>,
}

impl TestFailure {
    const LINES: usize = 12;
    const LINE: usize = 300;

    fn hear(&mut self, line: &str) {
        if self.said.len() < Self::LINES && !line.trim().is_empty() {
            self.said.push(line.chars().take(Self::LINE).collect());
        }
    }
}

/// What one `cargo test` printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// For each test binary (its file name) or, of doc tests, each library.
    pub(crate) tallies: BTreeMap<String, Tally>,
    /// Who issued the tokens, where a test says so: `issuer: …`.
    pub(crate) issuers: BTreeMap<String, String>,
    /// What failed, and the beginning of what it printed.
    pub(crate) failures: Vec<TestFailure>,
    /// Binaries that ended without a result line: they crashed.
    pub(crate) crashed: Vec<String>,
}

impl Report {
    pub(crate) fn read(output: &str) -> Self {
        let mut report = Self::default();
        let mut running: Option<(String, bool)> = None;
        let mut failure: Option<TestFailure> = None;
        for line in output.lines() {
            if let (Some(test), Some((binary, _))) = (heading(line), running.as_ref()) {
                let (binary, test) = (binary.clone(), test.to_owned());
                report.failures.extend(failure.replace(TestFailure { binary, test, said: Vec::new() }));
            } else if matches!(line, "failures:" | "stack backtrace:") || line.starts_with("test result: ") {
                report.failures.extend(failure.take());
            } else if let Some(failure) = &mut failure {
                failure.hear(line);
            }
            if let Some(next) = started(line) {
                report.finish(running.replace((next, false)));
            } else if let (Some(tally), Some((name, seen))) = (Tally::from_line(line), running.as_mut()) {
                *seen = true;
                report.tallies.entry(name.clone()).or_default().add(tally);
            } else if let (Some(issuer), Some((name, _))) = (line.strip_prefix("issuer: "), running.as_ref())
            {
                report.issuers.insert(name.clone(), issuer.to_owned());
            }
        }
        report.failures.extend(failure);
        report.finish(running);
        report
    }

    fn finish(&mut self, running: Option<(String, bool)>) {
        if let Some((name, false)) = running {
            self.crashed.push(name);
        }
    }
}

/// The test whose output comes after this line: `---- rules::a_test stdout ----`, with libtest-mimic `---- a test ----`.
fn heading(line: &str) -> Option<&str> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    Some(name.strip_suffix(" stdout").unwrap_or(name))
}

/// The binary or library whose tests begin with this line of cargo's:
/// `Running unittests src/lib.rs (target/debug/deps/kc_core-0f00)` or `Doc-tests kc_core`.
fn started(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Some(library.to_owned());
    }
    let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?;
    path.rsplit('/').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_line_is_read_whole() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s";
        assert_eq!(Tally::from_line(line), Some(Tally { passed: 5, failed: 2, ignored: 1 }));
        assert_eq!(Tally::from_line("test tests::a ... ok"), None);
    }

    #[test]
    fn each_binary_gets_its_own_tally() {
        let output = "     Running unittests src/lib.rs (target/debug/deps/kc_core-1a)\n\nrunning 2 tests\n..\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            \x20    Running tests/guard.rs (/other/target/debug/deps/guard-2b)\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let report = Report::read(output);
        assert_eq!(report.tallies["kc_core-1a"], Tally { passed: 2, ..Tally::default() });
        assert_eq!(report.tallies["guard-2b"], Tally { passed: 1, failed: 1, ignored: 0 });
        assert!(report.crashed.is_empty());
    }

    #[test]
    fn a_failed_test_is_named_with_the_beginning_of_what_it_printed() {
        let output = "     Running tests/guard.rs (target/debug/deps/guard-2b)\n\nrunning 3 tests\ntest a ... ok\n\
            test b ... FAILED\ntest c ... FAILED\n\nfailures:\n\n---- b stdout ----\n\nthread 'b' panicked at a.rs:1:1:\n\
            left is not right\nstack backtrace:\n   0: rust_begin_unwind\n\n\n---- c ----\nno\n\nfailures:\n    b\n    c\n\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let failures = Report::read(output).failures;
        let read: Vec<_> =
            failures.iter().map(|one| (&*one.binary, &*one.test, one.said.join("|"))).collect();
        assert_eq!(
            read,
            [
                ("guard-2b", "b", "thread 'b' panicked at a.rs:1:1:|left is not right".to_owned()),
                ("guard-2b", "c", "no".to_owned())
            ]
        );
    }

    #[test]
    fn a_conformance_test_says_who_issued_its_tokens() {
        let output = "     Running tests/conformance.rs (target/debug/deps/conformance-1a)\ntest a/b ... ok\n\n\
            issuer: the embedded issuer\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let report = Report::read(output);
        assert_eq!(report.issuers["conformance-1a"], "the embedded issuer");
        assert_eq!(report.tallies["conformance-1a"].passed, 1);
    }

    #[test]
    fn the_two_results_of_one_librarys_doc_tests_are_added() {
        let one =
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        let report = Report::read(&format!("   Doc-tests kc_core\n{one}{one}"));
        assert_eq!(report.tallies["kc_core"].passed, 6);
    }

    #[test]
    fn a_binary_that_ends_without_a_result_is_reported_as_crashed() {
        let output = "     Running unittests src/lib.rs (target/debug/deps/a-1)\nrunning 1 test\n\
            error: test failed\n     Running unittests src/lib.rs (target/debug/deps/b-2)\n";
        assert_eq!(Report::read(output).crashed, ["a-1", "b-2"]);
    }
}

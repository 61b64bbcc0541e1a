//! For build servers: JUnit XML, as Jenkins, GitLab and GitHub's actions read it.

use std::fmt::Write as _;

use super::{Counts, Outcome, Report};

impl Report {
    /// One `testsuite` for each group. A deviation is a skipped test with its reason; a stale one is a failure.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let counts = self.counts();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        push(
            &mut xml,
            &format!(
                "<testsuites name=\"kc-conformance on {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
                escaped(&self.issuer),
                counts.total() + self.stale.len(),
                counts.failed + self.stale.len(),
                counts.skipped + counts.deviating,
                self.took.as_secs_f64()
            ),
        );
        for (group, cases) in self.groups() {
            let counts = Counts::of(cases.iter().copied());
            push(
                &mut xml,
                &format!(
                    "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
                    escaped(group),
                    counts.total(),
                    counts.failed,
                    counts.skipped + counts.deviating
                ),
            );
            for case in cases {
                let opening = format!(
                    "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                    escaped(group),
                    escaped(&case.info.id),
                    case.took.as_secs_f64()
                );
                let inside = match &case.outcome {
                    Outcome::Passed => None,
                    Outcome::Failed { what, .. } => Some(format!(
                        "<failure message=\"{}\">{}</failure>",
                        escaped(what),
                        escaped(case.info.spec)
                    )),
                    Outcome::Deviates { reason, what, .. } => Some(format!(
                        "<skipped message=\"{}\"/>",
                        escaped(&format!("deviation: {reason} [{what}]"))
                    )),
                    Outcome::Skipped(why) => Some(format!("<skipped message=\"{}\"/>", escaped(why))),
                };
                match inside {
                    None => push(&mut xml, &format!("{opening}/>")),
                    Some(inside) => push(&mut xml, &format!("{opening}>{inside}</testcase>")),
                }
            }
            push(&mut xml, "  </testsuite>");
        }
        if !self.stale.is_empty() {
            let count = self.stale.len();
            push(
                &mut xml,
                &format!(
                    "  <testsuite name=\"deviations\" tests=\"{count}\" failures=\"{count}\" skipped=\"0\">"
                ),
            );
            for stale in &self.stale {
                push(
                    &mut xml,
                    &format!(
                        "    <testcase classname=\"deviations\" name=\"{0}\"><failure message=\"{0}\"/></testcase>",
                        escaped(stale)
                    ),
                );
            }
            push(&mut xml, "  </testsuite>");
        }
        push(&mut xml, "</testsuites>");
        xml
    }
}

fn push(xml: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(xml, "{line}");
}

/// Text for an attribute or an element; what XML 1.0 can't hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::CaseReport;
    use super::*;
    use crate::case::{Capability, CaseInfo};

    fn case(id: &str, outcome: Outcome) -> CaseReport {
        let info = CaseInfo { id: id.to_owned(), spec: "RFC 0 §1", needs: Capability::Api };
        CaseReport { info, outcome, took: Duration::from_millis(5) }
    }

    fn report() -> Report {
        Report {
            issuer: "the embedded issuer".to_owned(),
            cases: vec![
                case("a/good", Outcome::Passed),
                case("a/bad", Outcome::Failed { what: "got <b> & \"c\"\u{0}".to_owned(), let_in: true }),
                case(
                    "b/known",
                    Outcome::Deviates { reason: "r".to_owned(), what: "w".to_owned(), let_in: false },
                ),
                case("b/other", Outcome::Skipped("needs x".to_owned())),
            ],
            stale: vec!["the deviation \"z\" names no case".to_owned()],
            codes: Vec::new(),
            took: Duration::from_secs(1),
        }
    }

    #[test]
    fn counts_and_texts_are_in_the_xml_and_nothing_breaks_out_of_it() {
        let xml = report().to_junit();
        assert!(xml.contains("tests=\"5\" failures=\"2\" skipped=\"2\""), "{xml}");
        assert!(xml.contains("got &lt;b&gt; &amp; &quot;c&quot;\u{fffd}"), "{xml}");
        assert!(xml.contains("deviation: r [w]"), "{xml}");
        assert!(xml.contains("the deviation &quot;z&quot; names no case"), "{xml}");
    }

    #[test]
    fn the_same_counts_are_in_the_table_and_in_the_json() {
        let table = report().to_table();
        assert!(table.contains("4 cases on the embedded issuer: 1 passed, 1 failed (1 let in what must stay out), 1 deviate with a reason, 1 skipped"), "{table}");
        assert!(table.contains("a (1 of 2 passed)"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&report().to_json()).unwrap();
        assert_eq!(json["failed"], 1);
        assert_eq!(json["cases"][2]["reason"], "r");
        assert!(!report().is_good());
    }

    #[test]
    fn a_stale_deviation_alone_fails_the_run() {
        let mut report = report();
        report.cases.truncate(1);
        assert!(!report.is_good());
        report.stale.clear();
        assert!(report.is_good());
    }
}

//! For people.

use std::fmt::Write as _;

use super::{Counts, Outcome, Report};

impl Report {
    /// One line for each case, in groups; the counts at the end.
    #[must_use]
    pub fn to_table(&self) -> String {
        let mut text = String::new();
        let widest = self.cases.iter().map(|case| case.info.id.len()).max().unwrap_or(0);
        for (group, cases) in self.groups() {
            let counts = Counts::of(cases.iter().copied());
            line(&mut text, &format!("\n{group} ({} of {} passed)", counts.passed, counts.total()));
            for case in cases {
                let (mark, more) = match &case.outcome {
                    Outcome::Passed => ("ok  ", None),
                    Outcome::Failed { what, let_in: true } => ("OPEN", Some(what.clone())),
                    Outcome::Failed { what, let_in: false } => ("FAIL", Some(what.clone())),
                    Outcome::Deviates { reason, what, .. } => ("dev ", Some(format!("{reason} [{what}]"))),
                    Outcome::Skipped(why) => ("skip", Some(why.clone())),
                };
                line(&mut text, &format!("  {mark}  {:widest$}  {}", case.info.id, case.info.spec));
                if let Some(more) = more {
                    line(&mut text, &format!("        {more}"));
                }
            }
        }
        let counts = self.counts();
        line(&mut text, "");
        for stale in &self.stale {
            line(&mut text, &format!("FAIL  {stale}"));
        }
        line(
            &mut text,
            &format!(
                "{} cases on {}: {} passed, {} failed ({} let in what must stay out), {} deviate with a reason, {} skipped; {:.1} s",
                counts.total(),
                self.issuer,
                counts.passed,
                counts.failed,
                counts.let_in,
                counts.deviating,
                counts.skipped,
                self.took.as_secs_f64()
            ),
        );
        text
    }
}

fn line(text: &mut String, line: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{line}");
}

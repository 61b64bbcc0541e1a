//! For programs.

use serde_json::{Value, json};

use super::{Outcome, Report};

impl Report {
    /// `{"issuer":"…","passed":n,"failed":n,"deviating":n,"skipped":n,"let_in":n,"seconds":n,"stale_deviations":[…],"codes":[…],"cases":[…]}`, a
    /// case as `{"id","spec","needs","outcome","what","reason","let_in","seconds"}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let cases: Vec<Value> = self
            .cases
            .iter()
            .map(|case| {
                let (outcome, what, reason, let_in) = match &case.outcome {
                    Outcome::Passed => ("passed", None, None, false),
                    Outcome::Failed { what, let_in } => ("failed", Some(what), None, *let_in),
                    Outcome::Deviates { reason, what, let_in } => {
                        ("deviates", Some(what), Some(reason), *let_in)
                    }
                    Outcome::Skipped(why) => ("skipped", None, Some(why), false),
                };
                json!({
                    "id": case.info.id,
                    "spec": case.info.spec,
                    "needs": case.info.needs.name(),
                    "outcome": outcome,
                    "what": what,
                    "reason": reason,
                    "let_in": let_in,
                    "seconds": case.took.as_secs_f64(),
                })
            })
            .collect();
        let counts = self.counts();
        let report = json!({
            "issuer": self.issuer,
            "passed": counts.passed,
            "failed": counts.failed,
            "deviating": counts.deviating,
            "skipped": counts.skipped,
            "let_in": counts.let_in,
            "seconds": self.took.as_secs_f64(),
            "stale_deviations": self.stale,
            "codes": self.codes,
            "cases": cases,
        });
        format!("{report:#}\n")
    }
}

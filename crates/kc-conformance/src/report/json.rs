//! For programs.

use serde_json::{Value, json};

use super::{Outcome, Report};

impl Report {
    /// `{"passed":n,"failed":n,"deviating":n,"skipped":n,"seconds":n,"stale_deviations":[…],"codes":[…],"cases":[…]}`, a
    /// case as `{"id","spec","needs","outcome","what","reason","seconds"}`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let cases: Vec<Value> = self
            .cases
            .iter()
            .map(|case| {
                let (outcome, what, reason) = match &case.outcome {
                    Outcome::Passed => ("passed", None, None),
                    Outcome::Failed(what) => ("failed", Some(what), None),
                    Outcome::Deviates { reason, what } => ("deviates", Some(what), Some(reason)),
                    Outcome::Skipped(why) => ("skipped", None, Some(why)),
                };
                json!({
                    "id": case.info.id,
                    "spec": case.info.spec,
                    "needs": case.info.needs.name(),
                    "outcome": outcome,
                    "what": what,
                    "reason": reason,
                    "seconds": case.took.as_secs_f64(),
                })
            })
            .collect();
        let counts = self.counts();
        let report = json!({
            "passed": counts.passed,
            "failed": counts.failed,
            "deviating": counts.deviating,
            "skipped": counts.skipped,
            "seconds": self.took.as_secs_f64(),
            "stale_deviations": self.stale,
            "codes": self.codes,
            "cases": cases,
        });
        format!("{report:#}\n")
    }
}

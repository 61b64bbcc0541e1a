//! The table, and the same as JSON.

use serde::Serialize;
use serde_json::{Value, json};

use super::check::{Check, Finding, Severity, Verdict};
use crate::terminal::{Paint, shown};

/// Letters of the longest name of a check, and a blank.
const NAME: usize = 22;

/// What all checks came to.
#[derive(Debug)]
pub(super) struct Report {
    /// The issuer that is checked, if the settings could be read.
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) verdicts: Vec<(Check, Verdict)>,
}

#[derive(Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Summary {
    good: usize,
    notes: usize,
    warnings: usize,
    errors: usize,
    not_needed: usize,
    not_checked: usize,
}

impl Report {
    /// The worst that was found.
    pub(super) fn severity(&self) -> Option<Severity> {
        self.findings().map(|finding| finding.severity).max()
    }

    fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.verdicts.iter().flat_map(|(_, verdict)| match verdict {
            Verdict::Found(findings) => findings.as_slice(),
            _ => &[],
        })
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (_, verdict) in &self.verdicts {
            match verdict {
                Verdict::Good(_) => summary.good += 1,
                Verdict::Idle(_) => summary.not_needed += 1,
                Verdict::Unknown(_) => summary.not_checked += 1,
                Verdict::Found(_) => {}
            }
        }
        for finding in self.findings() {
            match finding.severity {
                Severity::Note => summary.notes += 1,
                Severity::Warning => summary.warnings += 1,
                Severity::Error => summary.errors += 1,
            }
        }
        summary
    }

    /// One object, with a list of checks.
    pub(super) fn json(&self) -> Value {
        let checks: Vec<Value> = self
            .verdicts
            .iter()
            .map(|(check, verdict)| {
                let (status, detail, findings) = match verdict {
                    Verdict::Good(detail) => ("good", detail.as_str(), &[][..]),
                    Verdict::Idle(why) => ("not_needed", why.as_str(), &[][..]),
                    Verdict::Unknown(why) => ("not_checked", why.as_str(), &[][..]),
                    Verdict::Found(findings) => ("found", "", findings.as_slice()),
                };
                let detail = if detail.is_empty() { Value::Null } else { Value::from(detail) };
                json!({
                    "name": check.name,
                    "group": check.group,
                    "about": check.about,
                    "status": status,
                    "detail": detail,
                    "findings": findings,
                })
            })
            .collect();
        json!({
            "issuer": self.issuer,
            "client_id": self.client_id,
            "severity": self.severity(),
            "summary": self.summary(),
            "checks": checks,
        })
    }

    /// For a person.
    pub(super) fn table(&self, paint: Paint) -> String {
        let mut out = String::new();
        if let (Some(issuer), Some(client)) = (&self.issuer, &self.client_id) {
            out.push_str(&format!("{issuer}, client {}\n", shown(client)));
        }
        let mut group = "";
        for (check, verdict) in &self.verdicts {
            if check.group != group {
                group = check.group;
                out.push_str(&format!("\n{}\n", paint.bold(group)));
            }
            let (mark, detail) = match verdict {
                Verdict::Good(detail) => (paint.green("✓"), detail.as_str()),
                Verdict::Idle(why) => (paint.dim("-"), why.as_str()),
                Verdict::Unknown(why) => (paint.dim("-"), why.as_str()),
                Verdict::Found(findings) => {
                    let worst = findings.iter().map(|finding| finding.severity).max();
                    (mark(worst, paint), check.about)
                }
            };
            let detail = match verdict {
                Verdict::Unknown(_) => format!("not checked: {detail}"),
                Verdict::Idle(_) => format!("not needed: {detail}"),
                Verdict::Found(_) => format!("should be: {detail}"),
                Verdict::Good(_) if detail.is_empty() => check.about.to_owned(),
                Verdict::Good(_) => detail.to_owned(),
            };
            out.push_str(&format!("  {mark} {:<NAME$}{detail}\n", check.name));
            if let Verdict::Found(findings) = verdict {
                for finding in findings {
                    let severity = match finding.severity {
                        Severity::Error => paint.red("error"),
                        Severity::Warning => paint.yellow("warning"),
                        Severity::Note => paint.cyan("note"),
                    };
                    out.push_str(&format!("      {severity}: {}\n", finding.found));
                    out.push_str(&format!("      {}\n", finding.means));
                    out.push_str(&format!("      {} {}\n", paint.bold("→"), finding.remedy));
                }
            }
        }
        out.push_str(&format!("\n{}\n", self.summary()));
        out
    }
}

fn mark(worst: Option<Severity>, paint: Paint) -> String {
    match worst {
        Some(Severity::Error) => paint.red("✗"),
        Some(Severity::Warning) => paint.yellow("!"),
        Some(Severity::Note) | None => paint.cyan("!"),
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} good, {} errors, {} warnings, {} notes, {} not needed, {} not checked",
            self.good, self.errors, self.warnings, self.notes, self.not_needed, self.not_checked
        )
    }
}

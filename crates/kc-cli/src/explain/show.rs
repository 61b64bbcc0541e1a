//! The verdict, for people and as JSON.

use kc_core::AuthError;
use kc_core::wire::Refusal;
use serde_json::{Map, Value, json};

use super::judge::Judge;
use super::remedy;
use super::steps::{Looked, Mark, Step};
use crate::routes::{self, Passing};
use crate::terminal::{Paint, printable};

/// Letters of the longest name of a step, and a blank.
const NAME: usize = 14;

/// Whether a token passes a rule, or what the service answers; `None` when the token was not accepted.
pub(super) type Passed = Option<Result<(), Box<Refusal>>>;

/// What a service answers.
struct Answer {
    status: u16,
    code: &'static str,
    detail: String,
    challenge: Option<String>,
}

impl Answer {
    fn new(judge: &Judge, refusal: &Refusal) -> Self {
        Self {
            status: refusal.status().as_u16(),
            code: refusal.code(),
            detail: refusal.detail().to_owned(),
            challenge: judge.challenge(refusal),
        }
    }

    fn json(&self) -> Value {
        json!({
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "www_authenticate": self.challenge,
            "remedy": remedy::of(self.code),
            "documentation": format!("docs/errors.md#{}", self.code),
        })
    }

    fn text(&self, paint: Paint, because: Option<&str>) -> String {
        let head = format!("{} {}", self.status, self.code);
        let mut out = format!("{}: {}\n", paint.red(&head), self.detail);
        if let Some(because) = because {
            out.push_str(&format!("  because {because}\n"));
        }
        if let Some(challenge) = &self.challenge {
            out.push_str(&format!("  WWW-Authenticate: {challenge}\n"));
        }
        if let Some(remedy) = remedy::of(self.code) {
            out.push_str(&format!("\n{} (docs/errors.md, `{}`)\n\n", paint.bold("What to do"), self.code));
            for line in remedy.lines() {
                out.push_str(format!("  {line}").trim_end());
                out.push('\n');
            }
        }
        out
    }
}

/// All that is said.
pub(super) struct Report<'r> {
    issuer: String,
    audiences: Vec<String>,
    looked: Looked,
    refused: Option<(Answer, String)>,
    /// Each rule as it is written, and what the service answers; `None` when the token was not accepted.
    rules: Vec<(String, Option<Result<(), Answer>>)>,
    routes: Option<Vec<Passing<'r>>>,
}

impl<'r> Report<'r> {
    pub(super) fn new(
        judge: &Judge,
        looked: Looked,
        outcome: Result<(), AuthError>,
        rules: Vec<(String, Passed)>,
        routes: Option<Vec<Passing<'r>>>,
    ) -> Self {
        let refused = outcome.err().map(|error| {
            let because = error.to_string();
            (Answer::new(judge, &Refusal::from(error)), because)
        });
        let rules = rules.into_iter().map(|(rule, answer)| {
            let answer = answer.map(|answer| answer.map_err(|refusal| Answer::new(judge, &refusal)));
            (rule, answer)
        });
        Self {
            issuer: judge.expected.issuer.clone(),
            audiences: judge.expected.audiences.clone(),
            looked,
            refused,
            rules: rules.collect(),
            routes,
        }
    }

    /// 0 it passes, 1 not, 2 that could not be found out.
    pub(super) fn exit_code(&self) -> u8 {
        let rules = self.rules.iter().filter_map(|(_, answer)| answer.as_ref()?.as_ref().err());
        let answers = self.refused.iter().map(|(answer, _)| answer).chain(rules);
        answers.map(|answer| if answer.status >= 500 { 2 } else { 1 }).max().unwrap_or(0)
    }

    pub(super) fn json(&self, claims: bool) -> String {
        let steps: Vec<Value> = self.looked.steps.iter().map(step).collect();
        let refused = self.refused.as_ref().map(|(answer, because)| {
            let mut refusal = answer.json();
            if let Some(refusal) = refusal.as_object_mut() {
                refusal.insert("because".to_owned(), json!(because));
            }
            refusal
        });
        let rules = self.rules.iter().map(|(rule, answer)| {
            let passes = answer.as_ref().map(Result::is_ok);
            let refusal = answer.as_ref().and_then(|answer| Some(answer.as_ref().err()?.json()));
            json!({ "rule": rule, "passes": passes, "refusal": refusal })
        });
        let mut report = json!({
            "accepted": self.refused.is_none(),
            "expected": { "issuer": self.issuer, "audiences": self.audiences },
            "steps": steps,
            "refusal": refused,
            "rules": rules.collect::<Vec<_>>(),
        });
        if let (Some(routes), Some(report)) = (&self.routes, report.as_object_mut()) {
            report.insert("routes".to_owned(), routes::in_json(routes));
        }
        if claims && let Some(report) = report.as_object_mut() {
            report.insert("claims".to_owned(), json!(self.looked.claims));
        }
        printable(&format!("{report:#}"))
    }

    pub(super) fn text(&self, paint: Paint, claims: bool) -> String {
        let mut out = format!("A token for {}, issued by {}?\n\n", self.audiences.join(" or "), self.issuer);
        for step in &self.looked.steps {
            let mark = match step.mark {
                Mark::Bad(_) => paint.red("✗"),
                Mark::Good => paint.green("✓"),
                Mark::Note | Mark::Unseen => paint.dim("-"),
            };
            let unseen = if step.mark == Mark::Unseen { "not looked at, " } else { "" };
            out.push_str(&format!("  {mark} {:<NAME$}{unseen}{}\n", step.name, step.detail));
        }
        out.push('\n');
        match &self.refused {
            None => out.push_str(&format!("{}\n", paint.green("Accepted"))),
            Some((answer, because)) => out.push_str(&answer.text(paint, Some(because))),
        }
        for (rule, answer) in &self.rules {
            match answer {
                None => out.push_str(&format!("\n{rule}: not looked at, because the token is refused\n")),
                Some(Ok(())) => out.push_str(&format!("\n{} {rule} would let it pass\n", paint.green("✓"))),
                Some(Err(answer)) => {
                    out.push_str(&format!("\n{} {rule} would not let it pass\n", paint.red("✗")));
                    out.push_str(&answer.text(paint, None));
                }
            }
        }
        if let Some(routes) = &self.routes {
            out.push_str(&format!("\n{}\n\n", paint.bold("Routes")));
            for line in routes::table(routes, paint).lines() {
                out.push_str(&format!("  {line}\n"));
            }
        }
        if claims {
            out.push_str(&self.all_claims(paint));
        }
        out
    }

    fn all_claims(&self, paint: Paint) -> String {
        let title = paint.bold("Claims, as the token says them");
        match &self.looked.claims {
            Some(claims) => format!("\n{title}\n\n{}\n", printable(&pretty(claims))),
            None => "\nThere are no claims that can be read.\n".to_owned(),
        }
    }
}

fn step(step: &Step) -> Value {
    let (mark, code) = match step.mark {
        Mark::Bad(code) => ("bad", Some(code)),
        Mark::Good => ("good", None),
        Mark::Note => ("note", None),
        Mark::Unseen => ("not_looked_at", None),
    };
    json!({ "name": step.name, "status": mark, "code": code, "detail": step.detail })
}

fn pretty(claims: &Map<String, Value>) -> String {
    format!("{:#}", Value::Object(claims.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_stays_the_same_json() {
        let value = json!({ "a": "\u{9b}31m\u{202e}ä\"\\\u{e0001}", "b": [1] });
        let text = printable(&format!("{value:#}"));
        assert!(text.contains(r"\u009b31m\u202eä\"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}

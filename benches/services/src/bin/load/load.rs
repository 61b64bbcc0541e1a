//! CPU time of a request under as much load as one connection loop takes.

use std::path::Path;
use std::process::Command;

use bench_services::Failed;
use serde::Deserialize;

use crate::server::Server;
use crate::{Effort, Setting, Subject};

/// What `wrk` says of a run.
#[derive(Debug, Deserialize)]
struct Run {
    requests: u32,
    micros: u64,
    bad: u32,
    /// In microseconds, these two.
    p50: u32,
    p99: u32,
}

/// Something to put load on.
#[derive(Debug)]
struct Case<'a> {
    what: &'static str,
    server: &'a Server,
    tokens: &'a Path,
    /// The case without protection that it is compared to.
    plain: usize,
}

/// What a round has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// CPU time of a request, in microseconds.
    cpu: f64,
    pub(crate) per_second: f64,
    pub(crate) p50: u32,
    pub(crate) p99: u32,
}

/// Tokens in rotation, which the service does not look at: it speaks about one caller.
const HOT: &str = "not protected, 2,000 tokens";

/// Takes the cases in turns, so that what else the machine does meets them all alike. A ratio is the median of those of
/// each turn; the rest is of the turn in which a request cost least.
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
pub(crate) fn measure(setting: &Setting, subjects: &[Subject], effort: &Effort) -> Result<(), Failed> {
    println!(
        "{:<34} {:>12} {:>7} {:>10} {:>9} {:>9}",
        "", "CPU/request", "ratio", "requests/s", "p50", "p99"
    );
    for subject in subjects {
        let log = setting.audit_log(subject);
        let quiet = Server::start(subject.command(), "me", &setting.guarded("off"))?;
        let body = quiet.ask(setting.tokens())?;
        let logging = if effort.logging {
            let logging = Server::start(subject.command(), "me", &setting.guarded(&log))?;
            if logging.ask(setting.tokens())? != body {
                return Err("two services answer differently".into());
            }
            Some(logging)
        } else {
            None
        };
        let plain = |tokens| -> Result<Server, Failed> {
            let plain = Server::start(subject.command(), "plain", &setting.plain(tokens))?;
            if plain.ask(setting.tokens().take(1))? != body {
                return Err("the service without protection answers something else".into());
            }
            Ok(plain)
        };
        // The peers' handlers speak about one caller always, protected too.
        let all_callers = if effort.logging { Some(plain(&setting.all)?) } else { None };
        let plain = plain(&setting.one)?;
        let mut cases = Vec::new();
        for (tokens, unprotected, protected, logged) in [
            (&setting.one, "not protected, one token", "protected, one token", "the same, logged"),
            (&setting.all, HOT, "protected, 2,000 tokens", "the same, logged"),
        ] {
            let base = cases.len();
            cases.push(Case { what: unprotected, server: &plain, tokens, plain: base });
            cases.push(Case { what: protected, server: &quiet, tokens, plain: base });
            if let Some(logging) = &logging {
                cases.push(Case { what: logged, server: logging, tokens, plain: base });
            }
        }
        if let (Some(server), Some(base)) = (&all_callers, cases.iter().rposition(|case| case.what == HOT)) {
            let what = "not protected, 2,000 callers";
            cases.push(Case { what, server, tokens: &setting.all, plain: base });
        }
        let mut rounds = vec![Vec::new(); cases.len()];
        for _ in 0..effort.rounds {
            for (case, rounds) in cases.iter().zip(&mut rounds) {
                rounds.push(run(case.server, case.tokens, effort.seconds)?);
            }
        }
        println!("{}", subject.name);
        for (case, of) in cases.iter().zip(&rounds) {
            let plain = rounds.get(case.plain).unwrap_or(of);
            let mut ratios: Vec<f64> = plain.iter().zip(of).map(|(plain, of)| plain.cpu / of.cpu).collect();
            let best = of.iter().copied().min_by(|a, b| a.cpu.total_cmp(&b.cpu)).ok_or("no rounds")?;
            println!(
                "  {:<32} {:>9.2} µs {:>7.3} {:>10.0} {:>6} µs {:>6} µs",
                case.what,
                best.cpu,
                median(&mut ratios),
                best.per_second,
                best.p50,
                best.p99
            );
        }
    }
    Ok(())
}

pub(crate) fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// `wrk` on `/me` for so long, with the tokens of a file in turn.
pub(crate) fn run(server: &Server, tokens: &Path, seconds: u32) -> Result<Round, Failed> {
    const SCRIPT: &str = include_str!("rotate.lua");
    let script = tokens.with_file_name("rotate.lua");
    std::fs::write(&script, SCRIPT)?;
    let mut wrk = Command::new("wrk");
    wrk.args(["--threads", "1", "--connections", "8", "--duration", &format!("{seconds}s")]);
    wrk.arg("--script").arg(script).arg(format!("http://{}/me", server.address()));
    wrk.env("TOKENS", tokens);
    let before = server.cpu()?;
    let output = wrk.output().map_err(|error| format!("wrk: {error}; install it: apt-get install wrk"))?;
    let cpu = server.cpu()?.saturating_sub(before);
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find(|line| line.starts_with('{')).ok_or("wrk has not said what came of it")?;
    let run: Run = serde_json::from_str(line)?;
    if run.bad > 0 || run.requests == 0 {
        return Err(format!("{} of {} requests went wrong", run.bad, run.requests).into());
    }
    #[expect(clippy::cast_precision_loss, reason = "a minute of microseconds is exact in it")]
    let elapsed = run.micros as f64 / 1e6;
    Ok(Round {
        cpu: cpu.as_secs_f64() * 1e6 / f64::from(run.requests),
        per_second: f64::from(run.requests) / elapsed,
        p50: run.p50,
        p99: run.p99,
    })
}

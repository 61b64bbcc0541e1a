//! Instructions of a request outside the kernel: the same each time, whatever else the machine does.

use std::path::Path;
use std::process::Command;

use bench_services::Failed;

use crate::server::Server;
use crate::{Setting, Subject};

/// The difference of two runs, so that start and end do not count.
const FEW: usize = 2_000;
const MANY: usize = 6_000;

#[expect(clippy::print_stdout, reason = "a table is what it is for")]
pub(crate) fn measure(setting: &Setting, subjects: &[Subject]) -> Result<(), Failed> {
    println!("{:<34} {:>12} {:>7}", "", "instructions", "ratio");
    for subject in subjects {
        let log = setting.audit_log(subject);
        let (quiet, logging) = (setting.guarded("off"), setting.guarded(&log));
        let plain = setting.plain();
        println!("{}", subject.name);
        let mut base = None;
        for (what, role, environment, tokens) in [
            ("not protected", "plain", &plain, 1),
            ("protected, one token", "me", &quiet, 1),
            ("protected, 2,000 tokens", "me", &quiet, setting.tokens.len()),
            ("protected and logged, one token", "me", &logging, 1),
        ] {
            let count = |requests| count(setting, subject, role, environment, tokens, requests);
            #[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
            let each = (count(MANY)? - count(FEW)?) as f64 / (MANY - FEW) as f64;
            let base = *base.get_or_insert(each);
            println!("  {what:<32} {each:>12.0} {:>7.3}", base / each);
        }
    }
    Ok(())
}

fn count(
    setting: &Setting,
    subject: &Subject,
    role: &str,
    environment: &[(&str, &str)],
    tokens: usize,
    requests: usize,
) -> Result<u64, Failed> {
    let out = setting.folder.path().join("callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(&subject.program);
    let server = Server::start(valgrind, role, environment)?;
    server.ask(setting.tokens().take(tokens).cycle().take(requests))?;
    server.end()?;
    total(&out)
}

fn total(out: &Path) -> Result<u64, Failed> {
    let text = std::fs::read_to_string(out)?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("totals: "));
    Ok(lines.filter_map(|line| line.trim().parse::<u64>().ok()).sum())
}

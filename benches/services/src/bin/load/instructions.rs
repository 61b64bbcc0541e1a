//! Instructions and allocations of a request outside the kernel: the same each time, whatever else the machine does.

use std::path::Path;
use std::process::Command;

use bench_services::Failed;

#[path = "../../../../../xtask/src/callgrind.rs"]
mod callgrind;

use self::callgrind::Counts;
use crate::server::Server;
use crate::{Setting, Subject};

/// The difference of two runs, so that start and end do not count.
const FEW: usize = 2_000;
const MANY: usize = 4_000;

/// `keep`: the folder for callgrind's files, which `callgrind_annotate` reads; they are named after subject and case.
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
pub(crate) fn measure(setting: &Setting, subjects: &[Subject], keep: Option<&Path>) -> Result<(), Failed> {
    println!("{:<34} {:>12} {:>7} {:>11}", "", "instructions", "ratio", "allocations");
    for subject in subjects {
        let log = setting.audit_log(subject);
        let (quiet, logging) = (setting.guarded("off"), setting.guarded(&log));
        let plain = setting.plain(&setting.one);
        println!("{}", subject.name);
        let mut base = None;
        for (what, role, environment, tokens) in [
            ("not protected", "plain", &plain, 1),
            ("protected, one token", "me", &quiet, 1),
            ("protected, 2,000 tokens", "me", &quiet, setting.tokens.len()),
            ("protected and logged, one token", "me", &logging, 1),
        ] {
            let folder = keep.unwrap_or(setting.folder.path());
            let out = folder.join(format!("callgrind.{}.{}", subject.name, what.replace([' ', ','], "-")));
            let count = |requests| count(&out, setting, subject, role, environment, tokens, requests);
            let (few, many) = (count(FEW)?, count(MANY)?);
            #[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
            let each = |of: fn(&Counts) -> u64| (of(&many) - of(&few)) as f64 / (MANY - FEW) as f64;
            let (instructions, allocations) = (each(|of| of.instructions), each(|of| of.allocations));
            let ratio = *base.get_or_insert(instructions) / instructions;
            println!("  {what:<32} {instructions:>12.0} {ratio:>7.3} {allocations:>11.1}");
        }
    }
    Ok(())
}

fn count(
    out: &Path,
    setting: &Setting,
    subject: &Subject,
    role: &str,
    environment: &[(&str, &str)],
    tokens: usize,
    requests: usize,
) -> Result<Counts, Failed> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(&subject.program);
    let server = Server::start(valgrind, role, environment)?;
    server.ask(setting.tokens().take(tokens).cycle().take(requests))?;
    server.end()?;
    Ok(callgrind::read(&std::fs::read_to_string(out)?))
}

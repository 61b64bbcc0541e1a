//! Runs trials beside each other and prints what became of them, as Rust's own test harness does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Something that is tested.
pub(crate) struct Trial<'a> {
    pub(crate) name: String,
    pub(crate) run: Box<dyn FnOnce() + Send + 'a>,
}

/// What the command line asks for.
pub(crate) struct Arguments {
    threads: usize,
    /// Parts of names; all trials where there are none.
    wanted: Vec<String>,
}

impl Arguments {
    /// `--test-threads=N` and parts of names; what else Rust's harness takes does not matter here.
    pub(crate) fn read() -> Self {
        let mut arguments = Self {
            threads: thread::available_parallelism().map_or(2, |most| most.get().max(2)),
            wanted: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let threads = match word.strip_prefix("--test-threads") {
                Some("") => words.next(),
                Some(count) => count.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            match threads {
                Some(count) => arguments.threads = count.parse().unwrap(),
                None if word.starts_with('-') => {}
                None => arguments.wanted.push(word),
            }
        }
        arguments
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| name.contains(part))
    }
}

pub(crate) fn run(arguments: &Arguments, trials: Vec<Trial<'_>>) -> ExitCode {
    println!("\nrunning {} tests", trials.len());
    let (all, began) = (trials.len(), Instant::now());
    let (waiting, failed) = (Mutex::new(trials.into_iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                while let Some(Trial { name, run }) = next() {
                    let began = Instant::now();
                    let good = catch_unwind(AssertUnwindSafe(run)).is_ok();
                    let took = began.elapsed().as_secs_f32();
                    println!("test {name} ... {} ({took:.1} s)", if good { "ok" } else { "FAILED" });
                    if !good {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !failed.is_empty() {
        println!("\nfailures:");
        failed.iter().for_each(|name| println!("    {name}"));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        all - failed.len(),
        failed.len(),
        began.elapsed().as_secs_f32()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `cargo run -p fault-tests --bin soak -- --minutes 30`: load while keys rotate, tokens expire and the issuer restarts; every
//! answer is checked. Ends with code 1 if one was wrong, or if the memory of the service grew.

use std::process::ExitCode;
use std::time::Duration;

use fault_tests::soak;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let minutes = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(30),
        ["--minutes", minutes] => minutes.parse().ok().filter(|minutes| *minutes > 0),
        _ => None,
    };
    let Some(minutes) = minutes else {
        eprintln!("soak: give --minutes and how many, or nothing for 30");
        return ExitCode::from(2);
    };
    let report = soak::run(Duration::from_secs(60 * minutes), |sample, wrong| {
        eprintln!("{sample}");
        wrong.iter().for_each(|wrong| eprintln!("WRONG: {wrong}"));
    })
    .await;
    print!("{report}");
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

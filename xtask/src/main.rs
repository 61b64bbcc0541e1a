//! One entry for everything a contributor or CI does: `cargo xtask --help`.

mod api;
mod arguments;
mod bench;
mod bom;
mod book;
mod callgrind;
mod code_lines;
mod dist;
mod fuzz;
mod keycloak;
mod layers;
mod libtest;
mod long;
mod minimal;
mod msrv;
mod package;
mod process;
mod suites;
mod summary;
mod test_run;
mod test_suites;
mod thin;
mod tools;
mod workspace;

use std::process::ExitCode;

use arguments::Request;
use process::Failure;
use workspace::Workspace;

fn main() -> ExitCode {
    let request = match arguments::parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(mistake) => {
            eprintln!("xtask: {mistake}");
            return ExitCode::from(2);
        }
    };
    match obey(request) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Carries a request out; `false` when what was asked for ran and found something wrong.
fn obey(request: Request) -> Result<bool, Failure> {
    match request {
        Request::Api => api::accept(&Workspace::load()?),
        Request::Bench { quick } => bench::run(&Workspace::load()?, quick),
        Request::Dist(target) => dist::make(&Workspace::load()?, target.as_deref()),
        Request::Help(text) => {
            print!("{text}");
            Ok(true)
        }
        Request::Keycloak(action) => keycloak::obey(&Workspace::load()?, action),
        Request::ListSuites => {
            for (name, about) in suites::names() {
                println!("{name:<20} {about}");
            }
            Ok(true)
        }
        Request::Test(choice) => suites::run(&Workspace::load()?, &choice),
        Request::Thin => {
            let report = thin::measure(&Workspace::load()?)?;
            print!("{report}");
            Ok(report.fits())
        }
    }
}

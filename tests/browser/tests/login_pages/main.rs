//! What people do who log in, in Chromium: at each example service, with the development issuer and with a real Keycloak.
//!
//! `cargo test -p browser-tests --test login_pages`, parts of names behind `--` for some of it. Pictures of how each case ends, and
//! of what is worth looking at on the way, are in `target/browser-screenshots`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod cases;
mod issuer;
mod keycloak;
mod realm;
mod runner;
mod scene;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use browser_tests::Browser;
use openapi_tests::SERVICES;

use crate::cases::{CASES, Case};
use crate::issuer::Kind;
use crate::runner::{Arguments, Trial};
use crate::scene::Scene;
use crate::world::World;

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let pictures = pictures();
    std::fs::create_dir_all(&pictures).unwrap();
    let mut wanted = Vec::new();
    for case in CASES {
        for service in SERVICES {
            for issuer in Kind::ALL {
                let name = format!("{}::{service}::{}", case.name, issuer.name());
                if arguments.wants(&name) {
                    wanted.push((name, case, service, issuer));
                }
            }
        }
    }
    // One whose cases are not wanted is not needed.
    let worlds: Vec<World> = Kind::ALL
        .into_iter()
        .filter(|kind| wanted.iter().any(|(.., issuer)| issuer == kind))
        .map(|kind| World::new(kind, runtime.handle()))
        .collect();
    let trials = wanted.into_iter().map(|(name, case, service, issuer)| {
        let world = worlds.iter().find(|world| world.issuer.kind() == issuer).unwrap();
        let pictures = pictures.join(name.replace("::", "."));
        Trial { name, run: Box::new(move || play(world, service, case, pictures)) }
    });
    runner::run(&arguments, trials.collect())
}

fn play(world: &World, service: &'static str, case: &Case, pictures: PathBuf) {
    let scene = Scene { world, service, browser: Browser::open(), pictures };
    let played = catch_unwind(AssertUnwindSafe(|| (case.play)(&scene)));
    scene.picture("");
    if let Err(panic) = played {
        resume_unwind(panic);
    }
}

/// Beside what cargo builds: this program is in `target/debug/deps`.
fn pictures() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).map(Path::to_owned).unwrap_or_default().join("browser-screenshots")
}

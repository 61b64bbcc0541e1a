//! A service, asked for its routes: started with `--routes=json`.

use std::ffi::OsString;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::cargo_run;
use crate::input;
use crate::progress::Shown;
use crate::terminal::rewrites_lines;

/// For a service to print its routes and end.
const LIMIT: Duration = Duration::from_secs(30);
/// As many bytes as any table of routes has.
const LARGEST: u64 = 16 << 20;

/// What the service prints.
pub(super) fn routes_of(command: &[OsString]) -> Result<Vec<u8>, String> {
    let mut service = match cargo_run::built(command)? {
        Some(built) => {
            let mut service = Command::new(built.program);
            service.args(built.arguments).env("CARGO_MANIFEST_DIR", built.manifest_folder);
            service
        }
        None => {
            let (program, arguments) = command.split_first().ok_or("the command is missing; see --help")?;
            let mut service = Command::new(program);
            service.args(arguments);
            service
        }
    };
    let named = service.get_program().to_string_lossy().into_owned();
    let started = service.arg("--routes=json").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut service = started.map_err(|error| format!("{named:?} can't be started: {error}"))?;
    let text = printed(&mut service, LIMIT);
    if text.is_err() {
        // It may have ended already.
        let _ = service.kill();
    }
    let ended = service.wait().map_err(|error| format!("{named:?} can't be waited for: {error}"))?;
    let text = text.map_err(|why| format!("{named:?} {why}"))?;
    if !ended.success() {
        return Err(format!(
            "{named:?} ended before it printed its routes ({ended}): if it did not say why, it does not know --routes=json; \
             see docs/routes.md"
        ));
    }
    Ok(text)
}

/// All that a service prints until it ends.
fn printed(service: &mut Child, limit: Duration) -> Result<Vec<u8>, String> {
    let output = service.stdout.take().ok_or("has no standard output")?;
    let (tell, told) = mpsc::channel();
    // In a thread, so that one that prints nothing is not waited for.
    std::thread::spawn(move || tell.send(input::whole(output, LARGEST)));
    let began = Instant::now();
    let line = Shown::default();
    loop {
        match told.recv_timeout(limit.min(Duration::from_secs(1))) {
            Ok(Ok(Some(text))) => return Ok(text),
            Ok(Ok(None)) => return Err("prints without end".to_owned()),
            Ok(Err(error)) => return Err(format!("can't be read: {error}")),
            Err(RecvTimeoutError::Timeout) if began.elapsed() < limit => {
                if rewrites_lines() {
                    line.say("kc routes: waiting for the service to print its routes …");
                }
            }
            Err(_) => {
                let secs = limit.as_secs();
                return Err(format!(
                    "did not end within {secs} s and was stopped: does it know --routes=json? see docs/routes.md"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_goes_on_is_not_waited_for() {
        let mut service = Command::new("sleep").arg("60").stdout(Stdio::piped()).spawn().unwrap();
        let why = printed(&mut service, Duration::from_millis(1)).unwrap_err();
        assert!(why.contains("--routes=json"), "{why}");
        service.kill().unwrap();
        service.wait().unwrap();
    }
}

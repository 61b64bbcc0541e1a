//! The program, as whoever types it runs it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `kc` with these arguments in `folder`, with `variables` and no others, and writes `input` to it.
pub(crate) fn run(folder: &Path, variables: &[(&str, &str)], arguments: &[&str], input: &[u8]) -> Output {
    let mut kc = Command::new(env!("CARGO_BIN_EXE_kc"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = kc.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Beside the reading: both sides may have more to say than a pipe holds. Who does not read is not written to.
        scope.spawn(move || drop(stdin.write_all(input)));
        kc.wait_with_output().unwrap()
    })
}

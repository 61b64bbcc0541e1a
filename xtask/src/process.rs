//! Running other programs: shown on the console as they go, and kept in a log.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program's leftover children may hold its output open before we stop listening.
const LEFTOVERS: Duration = Duration::from_secs(5);

/// Why something could not be done, in words for whoever runs xtask.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// An I/O error with what was being done to what.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self(format!("{doing} {}: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a suite prints: on the console and in a file of its own.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    /// Whether the console is the error stream.
    errors: bool,
}

impl Log {
    /// Starts an empty log; makes the folder when it isn't there.
    pub(crate) fn create(path: PathBuf) -> Result<Self, Failure> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Failure::io("making the folder", folder, &e))?;
        }
        let file = File::create(&path).map_err(|e| Failure::io("writing", &path, &e))?;
        Ok(Self { file, path, errors: false })
    }

    /// The same, shown on the error stream: standard output belongs to an answer.
    pub(crate) fn to_errors(path: PathBuf) -> Result<Self, Failure> {
        Ok(Self { errors: true, ..Self::create(path)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// A console that went away or a full disk must not turn a finding into another one: errors are dropped.
    fn bytes(&mut self, bytes: &[u8]) {
        let mut console: Box<dyn io::Write> =
            if self.errors { Box::new(io::stderr()) } else { Box::new(io::stdout()) };
        let _ = console.write_all(bytes).and_then(|()| console.flush());
        let _ = self.file.write_all(bytes);
    }
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) success: bool,
    /// Both of its streams as they came; one of them when the other was asked for apart.
    pub(crate) output: String,
}

/// Runs a program to its end, both its streams in the order they were written.
pub(crate) fn run(command: &mut Command, log: &mut Log) -> Result<Ran, Failure> {
    let words = words(command);
    log.line(&format!("$ {words}"));
    let cannot = |e: io::Error| Failure::new(format!("running `{words}`: {e}"));
    let (reader, writer) = io::pipe().map_err(cannot)?;
    let twin = writer.try_clone().map_err(cannot)?;
    let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(twin).spawn().map_err(cannot)?;
    // `Command` keeps its ends of the pipe: without this the reader would never see the end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let chunks = listen(reader);
    let mut output = Vec::new();
    let status = follow(&mut child, &chunks, |chunk| {
        log.bytes(chunk);
        output.extend_from_slice(chunk);
    })
    .map_err(cannot)?;
    Ok(Ran { success: status.success(), output: String::from_utf8_lossy(&output).into_owned() })
}

/// Runs a program to its end, its errors on the console and in the log, its standard output returned only.
pub(crate) fn run_for_output(command: &mut Command, log: &mut Log) -> Result<Ran, Failure> {
    let words = words(command);
    log.line(&format!("$ {words}"));
    let cannot = |e: io::Error| Failure::new(format!("running `{words}`: {e}"));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(cannot)?;
    let (Some(mut stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(Failure::new(format!("running `{words}`: no pipe to it")));
    };
    let answer = thread::spawn(move || {
        let mut bytes = Vec::new();
        stdout.read_to_end(&mut bytes).map(|_| bytes)
    });
    let status = follow(&mut child, &listen(stderr), |chunk| log.bytes(chunk)).map_err(cannot)?;
    let bytes = match answer.join() {
        Ok(bytes) => bytes.map_err(cannot)?,
        Err(_) => return Err(Failure::new(format!("running `{words}`: reading its output failed"))),
    };
    Ok(Ran { success: status.success(), output: String::from_utf8_lossy(&bytes).into_owned() })
}

/// Runs a program without showing anything and returns its standard output; an error shows the end of the other stream.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let words = words(command);
    let output =
        command.stdin(Stdio::null()).output().map_err(|e| Failure::new(format!("running `{words}`: {e}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("`{words}` failed: {}", last_lines(&errors, 5))))
}

/// The last `count` lines that aren't blank.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let mut lines: Vec<&str> = text.lines().rev().filter(|l| !l.trim().is_empty()).take(count).collect();
    lines.reverse();
    lines.join("\n")
}

fn listen(mut stream: impl io::Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count) = stream.read(&mut buffer) {
            match buffer.get(..count) {
                Some(chunk) if !chunk.is_empty() && send.send(chunk.to_vec()).is_ok() => {}
                _ => break,
            }
        }
    });
    receive
}

/// Hands on what comes until the program has ended and its output with it.
fn follow(
    child: &mut Child,
    chunks: &mpsc::Receiver<Vec<u8>>,
    mut each: impl FnMut(&[u8]),
) -> io::Result<ExitStatus> {
    let mut ended: Option<Instant> = None;
    loop {
        match chunks.recv_timeout(Duration::from_millis(250)) {
            Ok(chunk) => each(&chunk),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        // A program that left a child behind would otherwise hold us for as long as the child lives.
        match ended {
            None if child.try_wait()?.is_some() => ended = Some(Instant::now()),
            Some(at) if at.elapsed() > LEFTOVERS => break,
            _ => {}
        }
    }
    child.wait()
}

fn words(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    std::iter::once(name).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    }

    fn log(name: &str) -> Log {
        let name = format!("xtask-{}-{name}.log", std::process::id());
        Log::create(std::env::temp_dir().join(name)).unwrap()
    }

    #[test]
    fn both_streams_are_kept_in_the_order_they_were_written() {
        let mut log = log("order");
        let ran = run(&mut bash("echo one; echo two >&2; echo three; exit 3"), &mut log).unwrap();
        assert_eq!(ran.output, "one\ntwo\nthree\n");
        assert!(!ran.success);
        let kept = std::fs::read_to_string(log.path()).unwrap();
        assert!(kept.starts_with("$ bash -c ") && kept.ends_with("one\ntwo\nthree\n"), "{kept}");
        std::fs::remove_file(log.path()).unwrap();
    }

    #[test]
    fn a_child_left_behind_does_not_hold_us() {
        let mut log = log("leftover");
        let started = Instant::now();
        let ran = run(&mut bash("sleep 30 & echo $!"), &mut log).unwrap();
        assert!(ran.success && started.elapsed() < Duration::from_secs(20));
        run(&mut bash(&format!("kill {}", ran.output.trim())), &mut log).unwrap();
        std::fs::remove_file(log.path()).unwrap();
    }

    #[test]
    fn only_the_standard_output_is_returned_when_it_is_asked_for_apart() {
        let mut log = log("apart");
        let ran = run_for_output(&mut bash("echo answer; echo noise >&2"), &mut log).unwrap();
        assert_eq!(ran.output, "answer\n");
        std::fs::remove_file(log.path()).unwrap();
    }

    #[test]
    fn a_program_that_fails_quietly_is_named_with_its_last_words() {
        let failure = capture(&mut bash("echo first >&2; echo last words >&2; exit 1")).unwrap_err();
        assert!(failure.to_string().contains("last words"), "{failure}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = capture(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(failure.to_string().contains("no-such-program-here"), "{failure}");
    }
}

//! A password: from a file, or from whoever sits at the terminal, without an echo.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use kc_core::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;

use super::grant::Failure;
use crate::command_line::Line;
use crate::input::file;

/// As many bytes as are read of what is typed: more than any terminal takes in a line.
const LONGEST: u64 = 8 << 10;

/// The password of `user`.
///
/// # Cancellation
/// The terminal shows again what is typed.
pub(super) async fn of(user: &str, line: &Line) -> Result<Secret, Failure> {
    match line.file("--password-file") {
        Some(path) => in_file(path),
        None => asked_for(user).await,
    }
}

/// Its last line end is none of it.
fn in_file(path: &Path) -> Result<Secret, Failure> {
    let text = file(path).map_err(|why| format!("--password-file {why}"))?;
    let text =
        String::from_utf8(text).map_err(|_| format!("--password-file {} is not UTF-8", path.display()))?;
    word(&text).ok_or_else(|| format!("--password-file {} is empty", path.display()).into())
}

fn word(text: &str) -> Option<Secret> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    (!text.is_empty()).then(|| Secret::new(text))
}

async fn asked_for(user: &str) -> Result<Secret, Failure> {
    if !io::stdin().is_terminal() {
        let why =
            "there is no terminal to ask for the password at: name a file that holds it by --password-file";
        return Err(why.to_owned().into());
    }
    let silence = Silence::begin().map_err(|error| format!("the terminal shows what is typed: {error}"))?;
    let _ = write!(io::stderr(), "Password of {user:?}: ");
    // In a thread of its own, which nobody waits for who has pressed Ctrl-C.
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        let read = io::stdin().lock().take(LONGEST).read_line(&mut text);
        tell.send(read.map(|_| text))
    });
    let read = told.await;
    drop(silence);
    let text = read.map_err(|_| "the password could not be read".to_owned())?;
    let text = text.map_err(|error| format!("standard input: {error}"))?;
    word(&text).ok_or_else(|| "no password was given".to_owned().into())
}

/// While this lives, the terminal does not show what is typed.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // The terminal is gone, or it is as it was.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        // The line end that was typed was not shown.
        let _ = writeln!(io::stderr());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_all_but_its_line_end() {
        for (text, password) in
            [("a b \n", Some("a b ")), ("x\r\n", Some("x")), ("y", Some("y")), ("\n", None)]
        {
            assert_eq!(word(text).as_ref().map(Secret::expose), password);
        }
    }
}

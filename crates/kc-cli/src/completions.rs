//! `kc completions`: what shells need to complete this program's commands and options.

use std::process::ExitCode;

use clap::{Arg, Command};
use clap_complete::Shell;

use crate::command_line::{self, Line};
use crate::terminal::written;

const SHELLS: [(&str, Shell); 5] = [
    ("bash", Shell::Bash),
    ("elvish", Shell::Elvish),
    ("fish", Shell::Fish),
    ("powershell", Shell::PowerShell),
    ("zsh", Shell::Zsh),
];

pub(crate) fn command() -> Command {
    command_line::command("completions", "Prints what a shell needs to complete commands and options")
        .override_usage("kc completions SHELL")
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .value_parser(SHELLS.map(|(name, _)| name))
                .help("For which shell")
                .hide_possible_values(false),
        )
        .after_help(
            "Exit code: 0 it is printed, 2 the command line is wrong.\n\
             \n\
             Examples:\n  \
             kc completions bash > ~/.local/share/bash-completion/completions/kc\n  \
             kc completions zsh > \"${fpath[1]}/_kc\"\n  \
             kc completions fish > ~/.config/fish/completions/kc.fish\n  \
             kc completions powershell >> $PROFILE\n  \
             kc completions elvish > ~/.config/elvish/lib/kc.elv     then, in rc.elv: use kc",
        )
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let name = line
        .one("shell")?
        .ok_or("the shell is missing: bash, elvish, fish, powershell or zsh; see --help")?;
    let shell = SHELLS.into_iter().find(|(known, _)| *known == name).map(|(_, shell)| shell);
    let shell = shell.ok_or_else(|| format!("{name:?} is no shell that is known; see --help"))?;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command_line::kc(), "kc", &mut script);
    written(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

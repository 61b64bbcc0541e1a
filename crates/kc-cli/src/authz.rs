//! `kc authz`: exported authorization configurations.

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod evaluate;
pub(crate) mod explain;
mod options;

use clap::Command;

use crate::command_line;

pub(crate) fn command() -> Command {
    command_line::group("authz", "Decides by exported Authorization Services")
        .override_usage("kc authz COMMAND")
        .before_help("Asks nobody, but for diff --live.")
        .subcommands([check::command(), diff::command(), evaluate::command(), explain::command()])
        .after_help(
            "Exit code: 0 good, 1 not, 2 nothing could be decided: see each command.\n\
             \n\
             Examples:\n  \
             kc authz check authorization-config.json\n  \
             kc authz diff --live authorization-config.json",
        )
}

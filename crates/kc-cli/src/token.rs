//! `kc token`: looking at tokens, and getting them.

pub(crate) mod get;
pub(crate) mod verify;

use clap::Command;

use crate::command_line;

pub(crate) fn command() -> Command {
    command_line::group("token", "Looks at tokens, and gets them")
        .override_usage("kc token COMMAND")
        .before_help("Why a token is accepted, or not, is told by kc explain.")
        .subcommands([get::command(), verify::command()])
        .after_help(
            "Exit code: 0 good, 1 not, 2 the command line is wrong, or it could not be found out: see each command.\n\
             \n\
             Examples:\n  \
             kc token get --device --client shop-cli\n  \
             kc token verify --jwks keys.json --issuer https://kc.example.com/realms/shop --audience api - < token.txt",
        )
}

//! `kc man`: manual pages, made of what the commands say of themselves.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::command_line::{self, Line, arguments};
use crate::terminal::written;

pub(crate) fn command() -> Command {
    command_line::command(
        "man",
        "Prints the manual page of kc, or writes those of all commands into a folder",
    )
    .override_usage("kc man [DIR]")
    .arg(arguments("DIR", "The folder, which has to be there. Left out, kc(1) is printed").num_args(0..=1))
    .after_help(
        "Exit code: 0 it is printed or written, 2 it could not be.\n\
             \n\
             Examples:\n  \
             kc man | man -l -\n  \
             kc man ~/.local/share/man/man1 && man kc-explain",
    )
}

pub(crate) fn run(line: &Line) -> Result<ExitCode, String> {
    let pages = pages();
    match line.rest().as_slice() {
        [] => {
            let first = pages.first().map(|(_, page)| page.as_str()).unwrap_or_default();
            written(first)?;
        }
        [folder, ..] => {
            for (name, page) in &pages {
                let path = Path::new(folder).join(format!("{name}.1"));
                std::fs::write(&path, page).map_err(|error| {
                    format!("{} can't be written: {error}: is the folder there?", path.display())
                })?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Each page with its name, that of the program first.
fn pages() -> Vec<(String, String)> {
    let mut kc = command_line::kc().disable_help_subcommand(true);
    kc.build();
    let mut pages = Vec::new();
    add(&kc, "kc", &mut pages);
    pages
}

fn add(command: &Command, name: &str, pages: &mut Vec<(String, String)>) {
    // Memory is all that is written to.
    if let Ok(page) = page(command, name) {
        pages.push((name.to_owned(), page));
    }
    for inner in command.get_subcommands() {
        add(inner, &format!("{name}-{}", inner.get_name()), pages);
    }
}

fn page(command: &Command, name: &str) -> io::Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let man =
        Man::new(command.clone()).title(name.to_uppercase()).source(format!("kc {version}")).manual("kc");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut own = Roff::default();
    own.control("SH", ["NAME"]);
    own.text([roman(format!("{name} - {about}"))]);
    own.control("SH", ["SYNOPSIS"]);
    let usage = command.get_overridden_usage().map(ToString::to_string).unwrap_or_default();
    for (n, line) in usage.lines().enumerate() {
        if n > 0 {
            own.control("br", []);
        }
        own.text([bold(line.trim())]);
    }
    if let Some(prose) = command.get_before_help() {
        own.control("SH", ["DESCRIPTION"]);
        paragraphs(&mut own, &prose.to_string());
    }
    own.to_writer(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.get_subcommands().next().is_some() {
        let mut own = Roff::default();
        own.control("SH", ["COMMANDS"]);
        for inner in command.get_subcommands() {
            own.control("TP", []);
            own.text([bold(format!("{name}-{}(1)", inner.get_name()))]);
            own.text([roman(inner.get_about().map(ToString::to_string).unwrap_or_default())]);
        }
        own.to_writer(&mut out)?;
    }
    let mut own = Roff::default();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (rest, examples) = after.split_once("Examples:\n").unwrap_or((&after, ""));
    let (codes, notes): (Vec<&str>, Vec<&str>) =
        rest.trim().split("\n\n").partition(|paragraph| paragraph.starts_with("Exit code: "));
    if !notes.is_empty() {
        own.control("SH", ["NOTES"]);
        paragraphs(&mut own, &notes.join("\n\n"));
    }
    own.control("SH", ["EXIT STATUS"]);
    paragraphs(&mut own, codes.join("\n\n").trim_start_matches("Exit code: "));
    own.control("SH", ["EXAMPLES"]);
    as_written(&mut own, examples.lines());
    if name != "kc" {
        own.control("SH", ["SEE ALSO"]);
        own.text([bold("kc"), roman("(1)")]);
    }
    own.to_writer(&mut out)?;
    Ok(in_ascii(&String::from_utf8_lossy(&out)))
}

/// Other letters by their numbers: what reads the page need not be told that it is UTF-8.
fn in_ascii(page: &str) -> String {
    page.chars().fold(String::with_capacity(page.len()), |mut out, letter| {
        if letter.is_ascii() {
            out.push(letter);
        } else {
            out.push_str(&format!("\\[u{:04X}]", u32::from(letter)));
        }
        out
    })
}

/// Lines that begin with a blank stay as they are, the others are filled; an empty line begins another paragraph.
fn paragraphs(roff: &mut Roff, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    for chunk in lines.chunk_by(|one, other| one.starts_with(' ') == other.starts_with(' ')) {
        if chunk.iter().any(|line| line.starts_with(' ')) {
            as_written(roff, chunk.iter().copied());
            continue;
        }
        for line in chunk {
            match line.trim() {
                "" => roff.control("PP", []),
                text => roff.text([roman(text)]),
            };
        }
    }
}

fn as_written<'a>(roff: &mut Roff, lines: impl Iterator<Item = &'a str>) {
    roff.control("PP", []);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_its_options() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in
            ["kc", "kc-authz", "kc-authz-diff", "kc-completions", "kc-explain", "kc-routes", "kc-token-get"]
        {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
        let explain = &pages.iter().find(|(name, _)| name == "kc-explain").unwrap().1;
        for words in [".SH SYNOPSIS", ".SH DESCRIPTION", "\\-\\-jwks", ".SH \"EXIT STATUS\"", ".SH EXAMPLES"]
        {
            assert!(explain.contains(words), "{words} in {explain}");
        }
    }
}

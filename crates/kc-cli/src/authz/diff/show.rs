//! The differences as text.

use std::fmt;

use super::Report;
use super::compare::{Change, How, Member, Said, What};
use super::decisions::Differs;
use super::open::Open;

/// Longer texts (scripts) are cut.
const LONGEST: usize = 160;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.same {
            writeln!(f, "no difference")?;
        } else {
            writeln!(f, "- {}\n+ {}", self.before, self.after)?;
        }
        for what in What::ALL {
            let changes: Vec<&Change> = self.changes.iter().filter(|change| change.what == what).collect();
            if !changes.is_empty() {
                writeln!(f, "\n{}", heading(what))?;
                changes.into_iter().try_for_each(|change| write_change(f, change))?;
            }
        }
        self.write_touched(f)?;
        self.write_decisions(f)
    }
}

impl Report {
    fn write_touched(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.same {
            return Ok(());
        }
        writeln!(f, "\nfor whom")?;
        for setting in self.changes.iter().filter(|change| change.what == What::Setting && change.decides) {
            writeln!(f, "  everybody, in all resources: the setting {} was changed", setting.name)?;
        }
        for touched in &self.touched {
            writeln!(f, "  permission {:?}: {}", touched.permission, touched.because.join("; "))?;
            writeln!(f, "    about: {}", list(&touched.on))?;
            writeln!(f, "    names: {}", list(&touched.names))?;
        }
        for one in &self.unguarded {
            let (about, before, after) = (shown(&one.about), one.before.words(), one.after.words());
            writeln!(f, "  {about}: {before}; now {after}")?;
        }
        let decides = self.changes.iter().any(|change| change.decides);
        if !decides {
            writeln!(f, "  nobody: no decision depends on what differs")?;
        } else if self.touched.is_empty()
            && !self.changes.iter().any(|c| c.what == What::Setting && c.decides)
        {
            writeln!(f, "  no permission is about what differs")?;
        }
        Ok(())
    }

    fn write_decisions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(decisions) = &self.decisions else { return Ok(()) };
        let (different, compared) = (decisions.different.len(), decisions.compared);
        writeln!(f, "\ndecisions: {different} of {compared} differ; identities: {}", decisions.identities)?;
        decisions.different.iter().try_for_each(|one| write_decision(f, one))
    }
}

impl Open {
    const fn words(self) -> &'static str {
        match self {
            Self::ByPermission => "by permissions",
            Self::Everybody => "open to everybody, no permission is about it",
            Self::Nobody => "closed to everybody, no permission is about it",
            Self::NotThere => "not there",
        }
    }
}

fn heading(what: What) -> &'static str {
    match what {
        What::Setting => "settings",
        What::Scope => "scopes",
        What::Resource => "resources",
        What::Policy => "policies",
        What::Permission => "permissions",
    }
}

fn write_change(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    let decides = if change.decides { "" } else { " (no decision depends on it)" };
    if let (What::Setting, [member]) = (change.what, change.members.as_slice()) {
        return writeln!(f, "  ~ {}{decides}", line(member));
    }
    let sign = match change.how {
        How::Added => '+',
        How::Removed => '-',
        How::Changed => '~',
    };
    let owner = change.owner.as_ref().map(|owner| format!(" of {owner:?}")).unwrap_or_default();
    writeln!(f, "  {sign} {:?}{owner}{decides}", change.name)?;
    for member in &change.members {
        let line = match (change.how, &member.said) {
            // Of what is new or gone there is nothing to compare.
            (How::Added | How::Removed, Said::List { added, removed }) => {
                let all: Vec<String> = added.iter().chain(removed).cloned().collect();
                format!("{}: {}", shown(&member.member), list(&all))
            }
            (How::Added | How::Removed, Said::Text { before, after }) => {
                let text = before.as_deref().or(after.as_deref()).unwrap_or_default();
                format!("{}: {}", shown(&member.member), shown(text))
            }
            (How::Changed, _) => line(member),
        };
        writeln!(f, "      {line}")?;
    }
    Ok(())
}

fn line(member: &Member) -> String {
    let name = shown(&member.member);
    match &member.said {
        Said::List { added, removed } => {
            let part = |sign: char, items: &[String]| {
                items.iter().map(|item| format!("{sign} {}", shown(item))).collect::<Vec<_>>()
            };
            format!("{name}: {}", [part('-', removed), part('+', added)].concat().join(", "))
        }
        Said::Text { before, after } => {
            let text = |text: &Option<String>| text.as_deref().map_or_else(|| "(none)".to_owned(), shown);
            format!("{name}: {} -> {}", text(before), text(after))
        }
    }
}

fn write_decision(f: &mut fmt::Formatter<'_>, one: &Differs) -> fmt::Result {
    let who = shown(&one.who);
    writeln!(f, "  line {} ({who}): {}: {} -> {}", one.line, shown(&one.asked), one.before, one.after)?;
    let (before, after) = (&one.reasons_before, &one.reasons_after);
    // What both say explains no difference.
    for (sign, reasons, others) in [('-', before, after), ('+', after, before)] {
        for reason in reasons.iter().filter(|reason| !others.contains(reason)) {
            writeln!(f, "      {sign} {}", escaped(reason.chars()))?;
        }
    }
    Ok(())
}

/// On one line and not too long.
fn shown(text: &str) -> String {
    let mut shown = escaped(text.chars().take(LONGEST));
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// Without what a terminal would act on. In the middle of a line quotes need no escape.
fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for letter in text {
        match letter {
            '"' | '\'' => shown.push(letter),
            letter => shown.extend(letter.escape_debug()),
        }
    }
    shown
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.iter().map(|item| shown(item)).collect::<Vec<_>>().join(", ")
}

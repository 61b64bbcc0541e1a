//! What changed between two reports, and whether anybody may do more than before.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use kc_core::routes::{AccessKind, ReportedRoute};
use serde::Serialize;

use super::{Atom, Rule, Service, Truth, is_open, of_route};
use crate::terminal::{Paint, printable, takes_colours, written};

pub(super) fn run(old: &Service, new: &Service, json: bool) -> Result<ExitCode, String> {
    let report = compare(old, new);
    written(&if json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        printable(&(text + "\n"))
    } else {
        report.text(Paint(takes_colours()))
    })?;
    Ok(if report.wider { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Report {
    same: bool,
    /// Somebody may do more than before.
    wider: bool,
    changes: Vec<Change>,
    exempt: Exempt,
}

#[derive(Debug, Default, Serialize)]
struct Exempt {
    added: Vec<String>,
    removed: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Change {
    change: &'static str,
    method: String,
    pattern: String,
    before: Option<String>,
    after: Option<String>,
    /// Who passes and did not, for one.
    wider: Option<String>,
}

impl Report {
    fn text(&self, paint: Paint) -> String {
        if self.same {
            return "no difference\n".to_owned();
        }
        let mut out = String::new();
        let word = |change: &Change| printable(if change.method == "*" { "any" } else { &change.method });
        let methods = self.changes.iter().map(|change| word(change).chars().count()).max().unwrap_or(0);
        let patterns =
            self.changes.iter().map(|change| printable(&change.pattern).chars().count()).max().unwrap_or(0);
        for change in &self.changes {
            let (mark, access) = match (&change.before, &change.after) {
                (Some(before), Some(after)) if before == after => ("~", after.clone()),
                (Some(before), Some(after)) => ("~", format!("{before} -> {after}")),
                (before, after) => {
                    let mark = if before.is_none() { "+" } else { "-" };
                    (mark, before.as_ref().or(after.as_ref()).cloned().unwrap_or_default())
                }
            };
            let (method, pattern) = (word(change), printable(&change.pattern));
            out.push_str(&format!("{mark} {method:methods$}  {pattern:patterns$}  {}\n", printable(&access)));
            if let Some(who) = &change.wider {
                out.push_str(&format!("    {} {}\n", paint.red("wider:"), printable(who)));
            }
        }
        for prefix in &self.exempt.added {
            out.push_str(&format!("+ exempt prefix {}\n", printable(prefix)));
            out.push_str(&format!("    {} nobody is asked for credentials there\n", paint.red("wider:")));
        }
        for prefix in &self.exempt.removed {
            out.push_str(&format!("- exempt prefix {}\n", printable(prefix)));
        }
        out.push_str(if self.wider {
            "\nsomebody may do more than before\n"
        } else {
            "\nnobody may do more than before\n"
        });
        out
    }
}

/// The routes of a report by what they match, and each by its methods.
type Routes<'s> = BTreeMap<String, BTreeMap<&'s str, &'s ReportedRoute>>;

fn routes(service: &Service) -> Routes<'_> {
    let mut routes = Routes::new();
    for route in service.report.routes() {
        let methods = routes.entry(route.paths()).or_default();
        for method in &route.methods {
            methods.insert(method, route);
        }
    }
    routes
}

fn compare(old: &Service, new: &Service) -> Report {
    let (before, after) = (routes(old), routes(new));
    let none = BTreeMap::new();
    let mut changes = Vec::new();
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for paths in all {
        let (was, is) = (before.get(paths).unwrap_or(&none), after.get(paths).unwrap_or(&none));
        for method in was.keys().chain(is.keys()).copied().collect::<BTreeSet<_>>() {
            let one = |routes: &BTreeMap<&str, &'_ ReportedRoute>| -> Option<ReportedRoute> {
                routes.get(method).or_else(|| routes.get("*")).map(|route| (*route).clone())
            };
            changes.extend(change(method, one(was), one(is), |routes| {
                serving(if routes == Side::Before { &before } else { &after }, paths, method)
            }));
        }
    }
    let prefixes = |service: &Service| service.report.exempt().map(str::to_owned).collect::<BTreeSet<_>>();
    let (were, are) = (prefixes(old), prefixes(new));
    let exempt = Exempt {
        added: are.difference(&were).cloned().collect(),
        removed: were.difference(&are).cloned().collect(),
    };
    Report {
        same: changes.is_empty() && exempt.added.is_empty() && exempt.removed.is_empty(),
        wider: changes.iter().any(|change| change.wider.is_some()) || !exempt.added.is_empty(),
        changes,
        exempt,
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Before,
    After,
}

/// What became of a route's method. `serving` finds another route that served, or serves, its paths.
fn change(
    method: &str,
    was: Option<ReportedRoute>,
    is: Option<ReportedRoute>,
    serving: impl Fn(Side) -> Option<ReportedRoute>,
) -> Option<Change> {
    let pattern = is.as_ref().or(was.as_ref())?.pattern.clone();
    let (kind, wider) = match (&was, &is) {
        (Some(was), Some(is)) => ("changed", newly_passes(&Who::of(was), &Who::of(is))),
        (None, Some(is)) => (
            "added",
            match serving(Side::Before) {
                Some(other) => newly_passes(&Who::of(&other), &Who::of(is))
                    .map(|who| format!("{who} (its paths were served by {})", other.pattern)),
                None if is_open(is) || is.access == AccessKind::Optional => {
                    Some("a new route that needs no credentials".to_owned())
                }
                None => None,
            },
        ),
        (Some(was), None) => (
            "removed",
            serving(Side::After).and_then(|other| {
                newly_passes(&Who::of(was), &Who::of(&other))
                    .map(|who| format!("{who} (its paths are served by {})", other.pattern))
            }),
        ),
        (None, None) => return None,
    };
    let told = |route: &ReportedRoute| route.who();
    let (before, after) = (was.as_ref().map(told), is.as_ref().map(told));
    if before == after && wider.is_none() && was.map(|route| route.rule) == is.map(|route| route.rule) {
        return None;
    }
    Some(Change { change: kind, method: method.to_owned(), pattern, before, after, wider })
}

/// The most particular other route that matches these paths.
fn serving(routes: &Routes<'_>, paths: &str, method: &str) -> Option<ReportedRoute> {
    let covering = routes.iter().filter(|(general, _)| *general != paths && covers(general, paths));
    let found = covering.filter_map(|(general, methods)| {
        let route = methods.get(method).or_else(|| methods.get("*"))?;
        let parameters = general.split('/').filter(|segment| segment.contains(['{', ':', '<', '*'])).count();
        Some((parameters, *route))
    });
    found.min_by_key(|(parameters, _)| *parameters).map(|(_, route)| route.clone())
}

/// Whether what one pattern matches is matched by another.
fn covers(general: &str, particular: &str) -> bool {
    let mut rest = particular.split('/');
    for segment in general.split('/') {
        if segment.contains('*') {
            return rest.next().is_some();
        }
        match rest.next() {
            Some(other) if other == segment => {}
            // A parameter takes any segment but one that takes all of the rest.
            Some(other) if segment == "{}" && !other.contains('*') && !other.is_empty() => {}
            _ => return false,
        }
    }
    rest.next().is_none()
}

/// Whom a route lets pass.
enum Who {
    /// Credentials are not looked at.
    Everybody,
    /// Good ones or none.
    Optional,
    Rule(Rule),
}

impl Who {
    fn of(route: &ReportedRoute) -> Self {
        match of_route(route) {
            _ if is_open(route) => Self::Everybody,
            Some(rule) => Self::Rule(rule),
            None => Self::Optional,
        }
    }

    fn rule(&self) -> Rule {
        match self {
            Self::Everybody | Self::Optional => Rule::All(Vec::new()),
            Self::Rule(rule) => rule.clone(),
        }
    }
}

/// Somebody who passes and did not, in words.
fn newly_passes(was: &Who, is: &Who) -> Option<String> {
    match (was, is) {
        (Who::Everybody, _) | (Who::Optional, Who::Optional) => None,
        (Who::Rule(_), Who::Everybody | Who::Optional) => {
            Some("whoever has no credentials passes".to_owned())
        }
        (Who::Optional, Who::Everybody) => Some("credentials are not looked at any more".to_owned()),
        (_, Who::Rule(_)) => {
            let (was, is) = (was.rule(), is.rule());
            let mut atoms = Vec::new();
            is.atoms(&mut atoms);
            was.atoms(&mut atoms);
            let mut search = Search { was: &was, is: &is, atoms: &atoms, steps: 0 };
            match search.find(&mut BTreeMap::new()) {
                Found::Nobody => None,
                Found::Somebody(who) if who.is_empty() => Some("whoever has a good token passes".to_owned()),
                Found::Somebody(who) => Some(format!("who has {} passes, for one", who.join(" and "))),
                Found::TooMany => Some("perhaps: the rules are too large to compare".to_owned()),
            }
        }
    }
}

/// A caller that satisfies one rule and not the other, looked for.
struct Search<'r> {
    was: &'r Rule,
    is: &'r Rule,
    atoms: &'r [Atom],
    steps: usize,
}

enum Found {
    Nobody,
    /// By what they have.
    Somebody(Vec<String>),
    TooMany,
}

/// As many guesses as are made: rules that people write take a few dozen.
const STEPS: usize = 200_000;

impl Search<'_> {
    fn find(&mut self, known: &mut BTreeMap<Atom, bool>) -> Found {
        self.steps += 1;
        if self.steps > STEPS {
            return Found::TooMany;
        }
        let truth = |atom: &Atom| match known.get(atom) {
            Some(true) => Truth::Yes,
            Some(false) => Truth::No,
            None => Truth::Unknown,
        };
        match (self.was.truth(&truth), self.is.truth(&truth)) {
            (Truth::Yes, _) | (_, Truth::No) => return Found::Nobody,
            (Truth::No, Truth::Yes) => {
                let has = known.iter().filter(|(_, has)| **has).map(|(atom, _)| atom.say());
                return Found::Somebody(has.collect());
            }
            _ => {}
        }
        let Some(atom) = self.atoms.iter().find(|atom| !known.contains_key(*atom)) else {
            return Found::Nobody;
        };
        // Without it first: whoever has least is told.
        for has in [false, true] {
            known.insert(atom.clone(), has);
            let possible = known
                .iter()
                .all(|(one, has)| !has || known.iter().all(|(other, has)| *has || !one.implies(other)));
            if possible {
                match self.find(known) {
                    Found::Nobody => {}
                    found => return found,
                }
            }
            known.remove(atom);
        }
        Found::Nobody
    }
}

#[cfg(test)]
mod tests;

//! Who may call what, for people and programs.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::{Access, RouteTable, shape};
use crate::guard::Guard;
use crate::rules::Rule;

/// The version of the JSON. It grows when a reader of the old one could misread the new one; members may be added without.
const VERSION: u64 = 1;

/// A service's routes, a line for each that asks for something else: what [`RouteTable`] has, told apart by method.
///
/// For a service to print when it is asked to, and for `kc routes` to read. Nothing in it is secret, and nothing of a request
/// or a token is in it.
///
/// ```
/// use kc_core::routes::{ReportFormat, RouteReport};
/// use kc_core::rules::{any_role, authenticated};
/// use kc_core::{Guard, RouteTable};
///
/// let mut table = RouteTable::default();
/// table.add("/me", authenticated());
/// table.add("/orders", any_role(&["clerk"]));
/// let guard = Guard::builder("shop").build();
/// // At the start of `main`: the service prints it and ends, before it asks anybody for anything.
/// if let Some(format) = ReportFormat::asked_for(["orders", "--routes=markdown"])? {
///     print!("{}", RouteReport::new(&table, &guard).to(format));
/// }
/// # Ok::<(), kc_core::routes::UnknownFormat>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RouteReport {
    /// [`VERSION`].
    kc_routes: u64,
    exempt: Vec<String>,
    routes: Vec<ReportedRoute>,
}

/// A route of a [`RouteReport`], for the methods for which it asks the same.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReportedRoute {
    /// The methods, `*` for any, or for all that the route has where its framework does not tell. What is said of `GET` holds
    /// for `HEAD`.
    pub methods: Vec<String>,
    /// The router's pattern, `/items/{id}`.
    pub pattern: String,
    /// What sort of access.
    pub access: AccessKind,
    /// The pattern is below an exempt prefix: nobody is asked for credentials there, whatever the rule.
    #[serde(default)]
    pub exempt: bool,
    /// Who passes, in words.
    pub text: String,
    /// The rule as [`Rule`] serialises itself, for these methods alone; none where there is none.
    pub rule: Option<Value>,
}

/// What sort of access a route has. See [`Access`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AccessKind {
    /// Credentials are not looked at.
    Public,
    /// Good credentials or none.
    Optional,
    /// A rule; browsers are sent to the login.
    Page,
    /// A rule.
    Rule,
}

/// How a [`RouteReport`] is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReportFormat {
    /// An aligned table.
    #[default]
    Text,
    /// A table for a document.
    Markdown,
    /// One object, for `kc routes` and other programs.
    Json,
}

/// What was asked for is no [`ReportFormat`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--routes={:?} is not known: write --routes, --routes=markdown or --routes=json", self.0)
    }
}

impl std::error::Error for UnknownFormat {}

/// What was read is no report of routes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RouteReportError {
    /// No JSON, or not of this shape.
    Shape {
        /// Where, and what was expected.
        reason: String,
    },
    /// Of a version that this one does not read.
    Version {
        /// Which.
        got: u64,
    },
}

impl fmt::Display for RouteReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { reason } => {
                write!(f, "it is not what a service prints with --routes=json: {reason}")
            }
            Self::Version { got } => {
                write!(
                    f,
                    "it is of version {got} of the route report, and only {VERSION} is read here: use a newer kc"
                )
            }
        }
    }
}

impl std::error::Error for RouteReportError {}

impl ReportFormat {
    /// The format of `--routes`, `--routes=text`, `--routes=markdown` or `--routes=json` among the arguments of a command
    /// line, none when there is no such. What stands behind `--` is not looked at.
    ///
    /// # Errors
    /// [`UnknownFormat`] for another value.
    pub fn asked_for<S: AsRef<str>>(
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Option<Self>, UnknownFormat> {
        for argument in arguments {
            match argument.as_ref() {
                "--" => break,
                "--routes" | "--routes=text" => return Ok(Some(Self::Text)),
                "--routes=markdown" => return Ok(Some(Self::Markdown)),
                "--routes=json" => return Ok(Some(Self::Json)),
                other => {
                    if let Some(format) = other.strip_prefix("--routes=") {
                        return Err(UnknownFormat(format.to_owned()));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl RouteReport {
    /// The routes of a table. `guard` is asked for its exempt prefixes.
    ///
    /// A table does not know its routes' methods: told apart are those that a rule [lists](crate::rules::by_method), and what
    /// is said for `*` holds for all that the route has.
    #[must_use]
    pub fn new(table: &RouteTable, guard: &Guard) -> Self {
        let mut report = Self::of_guards([guard]);
        for route in table.routes() {
            report.add(guard, &route.pattern, &route.access, &[None]);
        }
        report
    }

    pub(super) fn of_guards<'g>(guards: impl IntoIterator<Item = &'g Guard>) -> Self {
        let prefixes: BTreeSet<&str> =
            guards.into_iter().flat_map(|guard| guard.exempt_paths().iter()).collect();
        let exempt = prefixes.into_iter().map(str::to_owned).collect();
        Self { kc_routes: VERSION, exempt, routes: Vec::new() }
    }

    /// Adds a route with its methods; `None` among them is any.
    pub(super) fn add(&mut self, guard: &Guard, pattern: &str, access: &Access, methods: &[Option<&str>]) {
        let exempt = guard.exempt_paths().contains(pattern);
        let (kind, rule) = match access {
            Access::Public => (AccessKind::Public, None),
            Access::Optional => (AccessKind::Optional, None),
            Access::Page(rule) => (AccessKind::Page, Some(rule)),
            Access::Require(rule) => (AccessKind::Rule, Some(rule)),
        };
        let mut add = |method: &str, rule: Option<&Rule>| {
            let text = rule.map_or_else(|| access.to_string(), ToString::to_string);
            // A rule is made of names and numbers, which are JSON always.
            let rule = rule.and_then(|rule| serde_json::to_value(rule).ok());
            match self.routes.last_mut() {
                Some(last) if last.pattern == pattern && last.text == text && last.rule == rule => {
                    last.methods.push(method.to_owned());
                }
                _ => self.routes.push(ReportedRoute {
                    methods: vec![method.to_owned()],
                    pattern: pattern.to_owned(),
                    access: kind,
                    exempt,
                    text,
                    rule,
                }),
            }
        };
        let Some(rule) = rule else {
            for method in methods {
                add(method.unwrap_or(ANY), None);
            }
            return;
        };
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for method in methods.iter().flatten() {
            named.insert(method);
            match rule.for_method(method) {
                Some(rule) => add(method, Some(&rule)),
                None => add(method, Some(&NOBODY)),
            }
        }
        if !methods.contains(&None) {
            return;
        }
        for method in rule.methods() {
            if !named.contains(method)
                && let Some(rule) = rule.for_method(method)
            {
                add(method, Some(&rule));
            }
        }
        // Whom no rule of a method is for, nobody is: that is no line.
        if let Some(rule) = rule.for_method(ANY) {
            add(ANY, Some(&rule));
        }
    }

    /// Reads what [`to`](Self::to) wrote as [`ReportFormat::Json`].
    ///
    /// # Errors
    /// [`RouteReportError`] for anything else.
    pub fn from_json(json: &[u8]) -> Result<Self, RouteReportError> {
        #[derive(Deserialize)]
        struct Version {
            kc_routes: u64,
        }
        let shape = |error: serde_json::Error| RouteReportError::Shape { reason: error.to_string() };
        match serde_json::from_slice::<Version>(json).map_err(shape)?.kc_routes {
            VERSION => serde_json::from_slice(json).map_err(shape),
            got => Err(RouteReportError::Version { got }),
        }
    }

    /// The routes, in the order in which they were added.
    #[must_use]
    pub fn routes(&self) -> &[ReportedRoute] {
        &self.routes
    }

    /// The prefixes below which nobody is asked for credentials, sorted.
    pub fn exempt(&self) -> impl Iterator<Item = &str> {
        self.exempt.iter().map(String::as_str)
    }

    /// The report, with a line end.
    #[must_use]
    pub fn to(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Text => self.to_string(),
            ReportFormat::Markdown => self.markdown(),
            ReportFormat::Json => {
                let value = serde_json::to_string_pretty(self);
                // Strings and numbers only.
                value.unwrap_or_default() + "\n"
            }
        }
    }

    fn markdown(&self) -> String {
        let mut out = "| method | path | who may call it |\n| --- | --- | --- |\n".to_owned();
        let cell = |text: &str| printable(text).replace('|', "\\|");
        for route in &self.routes {
            // Memory takes it all.
            let _ = writeln!(
                out,
                "| {} | `{}` | {} |",
                cell(&route.method_list()),
                cell(&route.pattern),
                cell(&route.who())
            );
        }
        if !self.exempt.is_empty() {
            let prefixes: Vec<String> =
                self.exempt.iter().map(|prefix| format!("`{}`", cell(prefix))).collect();
            let _ = writeln!(out, "\nNobody is asked for credentials below {}.", prefixes.join(", "));
        }
        out
    }
}

const ANY: &str = "*";
const NOBODY: Rule = crate::rules::any_of(&[]);

impl ReportedRoute {
    /// The methods in one word: `GET,POST`, or `any`.
    #[must_use]
    pub fn method_list(&self) -> String {
        let named = self.methods.iter().map(|method| if method == ANY { "any" } else { method });
        named.collect::<Vec<_>>().join(",")
    }

    /// The pattern without the names of its parameters: two routes of which this is the same match the same paths.
    #[must_use]
    pub fn paths(&self) -> String {
        shape(&self.pattern)
    }

    /// Who passes, in words, with what else is to be known: `role clerk (page)`.
    #[must_use]
    pub fn who(&self) -> String {
        match (self.exempt, self.access) {
            (true, AccessKind::Public)
            | (false, AccessKind::Public | AccessKind::Optional | AccessKind::Rule) => self.text.clone(),
            (true, _) => format!("public, by an exempt prefix (else: {})", self.text),
            (false, AccessKind::Page) => format!("{} (page)", self.text),
        }
    }
}

/// An aligned table.
impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<[String; 3]> = self
            .routes
            .iter()
            .map(|route| {
                [route.method_list(), route.pattern.clone(), route.who()].map(|text| printable(&text))
            })
            .collect();
        let width = |n: usize| {
            lines.iter().filter_map(|line| line.get(n)).map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let (methods, patterns) = (width(0), width(1));
        for [method, pattern, who] in &lines {
            writeln!(f, "{method:methods$}  {pattern:patterns$}  {who}")?;
        }
        if !self.exempt.is_empty() {
            let prefixes: Vec<String> = self.exempt.iter().map(|prefix| printable(prefix)).collect();
            writeln!(f, "\nexempt, so that nobody is asked for credentials: {}", prefixes.join(", "))?;
        }
        Ok(())
    }
}

/// Without what a terminal would take for commands: a report may come from a file.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            // Characters that change the direction of others, or take no place, among them.
            _ if letter.escape_debug().len() > 1 && !matches!(letter, '"' | '\'' | '\\') => {
                out.extend(letter.escape_debug());
            }
            _ => out.push(letter),
        }
        out
    })
}

#[cfg(test)]
mod tests;

//! What is found in a file while it is compiled, and which permissions that touches.

use super::config::{Permission, Policy};
use super::finding::{Finding, Severity};
use super::links;

pub(super) struct Log {
    findings: Vec<Finding>,
    /// Policy and finding.
    by_policy: Vec<(u32, usize)>,
    by_permission: Vec<(u32, usize)>,
}

impl Log {
    /// With what reading the file has found.
    pub(super) fn of(findings: Vec<Finding>) -> Self {
        Self { findings, by_policy: Vec::new(), by_permission: Vec::new() }
    }

    pub(super) fn add(&mut self, severity: Severity, place: String, what: String) -> usize {
        self.findings.push(Finding::new(severity, place, what));
        self.findings.len() - 1
    }

    pub(super) fn problem(&mut self, place: String, what: String) {
        self.add(Severity::Problem, place, what);
    }

    pub(super) fn policy(&mut self, policy: u32, severity: Severity, place: String, what: String) {
        let at = self.add(severity, place, what);
        self.by_policy.push((policy, at));
    }

    pub(super) fn permission(&mut self, permission: u32, severity: Severity, place: String, what: String) {
        let at = self.add(severity, place, what);
        self.by_permission.push((permission, at));
    }

    /// Names the permissions that each finding touches.
    pub(super) fn finish(
        mut self,
        policies: &[Policy],
        permissions: &[Permission],
        names: &[String],
    ) -> Vec<Finding> {
        let touched =
            links::permissions_of(self.by_policy.iter().map(|(policy, _)| *policy), policies, permissions);
        let name = |place: u32| names.get(place as usize).cloned();
        for ((_, at), places) in self.by_policy.iter().zip(touched) {
            if let Some(finding) = self.findings.get_mut(*at) {
                finding.permissions = places.into_iter().filter_map(name).collect();
            }
        }
        for (place, at) in &self.by_permission {
            if let Some(finding) = self.findings.get_mut(*at) {
                finding.permissions.extend(name(*place));
            }
        }
        self.findings
    }
}

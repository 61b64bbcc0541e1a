//! Policies that refer to policies: no circles, no towers, and who depends on whom.

use std::collections::BTreeSet;

use super::condition::Condition;
use super::config::{NOWHERE, Permission, Policy};
use super::export::{RawPolicy, shown};
use super::finding::Severity;
use super::log::Log;

/// Aggregates on top of each other. Whoever builds higher than this has made a mistake.
const MAX_HEIGHT: usize = 50;

#[derive(Clone, Copy, Eq, PartialEq)]
enum Seen {
    No,
    /// On the way that is being walked.
    Open,
    Done {
        height: usize,
    },
}

/// Makes undecidable what refers to itself, and what is stacked too high.
pub(super) fn break_circles(policies: &mut [Policy], raw: &[&RawPolicy], log: &mut Log) {
    let children: Vec<Vec<u32>> = policies
        .iter()
        .map(|policy| match &policy.condition {
            Condition::Aggregate(_, children) => {
                children.iter().copied().filter(|child| *child != NOWHERE).collect()
            }
            _ => Vec::new(),
        })
        .collect();
    let mut walk =
        Walk { children: &children, seen: vec![Seen::No; policies.len()], way: Vec::new(), bad: Vec::new() };
    for place in (0_u32..).take(policies.len()) {
        walk.height(place);
    }
    for (place, circle) in walk.bad {
        let what = match &circle {
            Some(circle) => {
                let names: Vec<&str> = circle
                    .iter()
                    .filter_map(|place| raw.get(*place as usize))
                    .map(|policy| policy.name.as_str())
                    .collect();
                format!("refers to itself: {}", shown(&names.join(" → ")))
            }
            None => format!("stands on more than {MAX_HEIGHT} policies, one on the other"),
        };
        if let (Some(policy), Some(raw)) = (policies.get_mut(place as usize), raw.get(place as usize)) {
            let finding = format!("the policy {:?} {what}: not decided here", shown(&raw.name));
            log.policy(place, Severity::Problem, raw.place_of("applyPolicies"), finding);
            policy.condition = Condition::Undecidable(what);
        }
    }
}

struct Walk<'c> {
    children: &'c [Vec<u32>],
    seen: Vec<Seen>,
    way: Vec<u32>,
    /// The policies that are cut off, each with its circle.
    bad: Vec<(u32, Option<Vec<u32>>)>,
}

impl Walk<'_> {
    /// How high a policy stands. Goes no deeper than a little more than what is allowed.
    fn height(&mut self, place: u32) -> usize {
        match self.seen.get(place as usize) {
            Some(Seen::Done { height }) => return *height,
            Some(Seen::Open) => {
                let start = self.way.iter().position(|on_way| *on_way == place).unwrap_or(0);
                let mut circle = self.way.get(start..).unwrap_or_default().to_vec();
                circle.push(place);
                // All of them: which one is cut off must not depend on the order of the file.
                for member in circle.iter().skip(1) {
                    if !self.bad.iter().any(|(bad, _)| bad == member) {
                        let at = circle.iter().position(|other| other == member).unwrap_or(0);
                        let mut turned = circle.get(at..circle.len() - 1).unwrap_or_default().to_vec();
                        turned.extend(circle.iter().take(at + 1));
                        self.bad.push((*member, Some(turned)));
                    }
                }
                return 0;
            }
            _ => {}
        }
        if self.way.len() > MAX_HEIGHT {
            self.bad.push((place, None));
            self.done(place, 0);
            return 0;
        }
        if let Some(seen) = self.seen.get_mut(place as usize) {
            *seen = Seen::Open;
        }
        self.way.push(place);
        let children = self.children.get(place as usize).map(Vec::as_slice).unwrap_or_default();
        let mut height = 0;
        for child in children {
            height = height.max(self.height(*child) + 1);
        }
        self.way.pop();
        if height > MAX_HEIGHT {
            self.bad.push((place, None));
            height = 0;
        }
        self.done(place, height);
        height
    }

    fn done(&mut self, place: u32, height: usize) {
        if let Some(seen) = self.seen.get_mut(place as usize) {
            *seen = Seen::Done { height };
        }
    }
}

/// Of each of these policies, the permissions that depend on it, directly or through aggregates.
pub(super) fn permissions_of(
    of: impl Iterator<Item = u32>,
    policies: &[Policy],
    permissions: &[Permission],
) -> Vec<Vec<u32>> {
    let mut users: Vec<Vec<u32>> = vec![Vec::new(); policies.len()];
    let mut direct: Vec<Vec<u32>> = vec![Vec::new(); policies.len()];
    for (place, policy) in (0_u32..).zip(policies) {
        if let Condition::Aggregate(_, children) = &policy.condition {
            for child in children {
                if let Some(list) = users.get_mut(*child as usize) {
                    list.push(place);
                }
            }
        }
    }
    for (place, permission) in (0_u32..).zip(permissions) {
        for policy in permission.policies() {
            if let Some(list) = direct.get_mut(*policy as usize) {
                list.push(place);
            }
        }
    }
    of.map(|policy| {
        let (mut seen, mut open, mut found) = (BTreeSet::from([policy]), vec![policy], BTreeSet::new());
        while let Some(policy) = open.pop() {
            found.extend(direct.get(policy as usize).into_iter().flatten().copied());
            for user in users.get(policy as usize).into_iter().flatten() {
                if seen.insert(*user) {
                    open.push(*user);
                }
            }
        }
        found.into_iter().collect()
    })
    .collect()
}

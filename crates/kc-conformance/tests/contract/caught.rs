//! Which clauses have caught what they are meant for.

use std::collections::BTreeSet;
use std::fmt;

use kc_conformance::contract::{self, ContractBroken};
use kc_core::clock::{FakeClock, UnixTime};

#[derive(Debug, Default)]
pub(crate) struct Clauses {
    tried: BTreeSet<&'static str>,
    broken: BTreeSet<&'static str>,
}

impl Clauses {
    /// A defect must be caught, by the clause that is meant for it, whatever others it breaks.
    pub(crate) fn caught(&mut self, defect: &str, outcome: Result<(), ContractBroken>, clause: &str) {
        let Err(broken) = outcome else { panic!("{defect} is not caught") };
        let clauses: Vec<_> = broken.breaches().iter().map(|breach| breach.clause()).collect();
        assert!(clauses.contains(&clause), "{defect} is not caught by `{clause}`: {broken}");
        self.tried.extend(broken.kept());
        self.tried.extend(&clauses);
        self.broken
            .insert(broken.breaches().iter().find(|breach| breach.clause() == clause).unwrap().clause());
    }

    /// All of these at the same time, each on a thread and a runtime of its own: most of what they do is waiting.
    pub(crate) fn all_caught<D: Copy + fmt::Debug + Send>(
        &mut self,
        defects: &[(D, &str)],
        suite: impl AsyncFn(D) -> Result<(), ContractBroken> + Sync,
    ) {
        let suite = &suite;
        let outcomes: Vec<_> = std::thread::scope(|threads| {
            let run = |defect| move || runtime().block_on(suite(defect));
            let running: Vec<_> = defects.iter().map(|(defect, _)| threads.spawn(run(*defect))).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for ((defect, clause), outcome) in defects.iter().zip(outcomes) {
            self.caught(&format!("{defect:?}"), outcome, clause);
        }
        self.all_have_caught_something();
    }

    /// No clause of the suite is there for nothing.
    pub(crate) fn all_have_caught_something(&self) {
        let idle: Vec<_> = self.tried.difference(&self.broken).collect();
        assert!(idle.is_empty(), "no defect is there for {idle:?}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_broken_contract_says_what_is_broken_a_line_each() {
    let stopped = || FakeClock::at(UnixTime::from_secs(1));
    let broken = runtime().block_on(contract::clock(stopped)).unwrap_err();
    let text = broken.to_string();
    assert_eq!((broken.contract(), broken.kept()), ("Clock", &["it does not wait"][..]), "{text}");
    assert!(
        text.starts_with("3 of 4 clauses of Clock are broken:\n- it shows the time of day in UTC: "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 4);
    assert_eq!(format!("{broken:?}"), text);
    assert!(broken.breaches()[1].what().contains("went on by 0 ms"), "{text}");
}

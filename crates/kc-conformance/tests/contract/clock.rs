use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kc_conformance::contract;
use kc_core::clock::{Clock, FakeClock, SystemClock, UnixTime};

use crate::caught::Clauses;

#[tokio::test]
async fn the_systems_clock_keeps_the_contract() {
    contract::clock(|| SystemClock).await.unwrap();
}

#[derive(Clone, Copy, Debug)]
enum Defect {
    LocalTime,
    Slow,
    OneThread,
}

#[derive(Debug)]
struct Broken(Defect, Mutex<Option<std::thread::ThreadId>>, AtomicI64);

impl Clock for Broken {
    fn now(&self) -> UnixTime {
        let now = SystemClock.now();
        match self.0 {
            Defect::LocalTime => now.plus(Duration::from_secs(3600)),
            Defect::Slow => {
                std::thread::sleep(Duration::from_millis(1));
                now
            }
            Defect::OneThread => {
                let mut owner = self.1.lock().unwrap();
                let here = std::thread::current().id();
                if *owner.get_or_insert(here) == here {
                    now
                } else {
                    UnixTime::from_millis(self.2.fetch_add(1, Ordering::Relaxed))
                }
            }
        }
    }
}

#[tokio::test]
async fn each_clause_about_clocks_catches_what_it_is_for() {
    let mut clauses = Clauses::default();
    for (defect, clause) in [
        (Defect::LocalTime, "it shows the time of day in UTC"),
        (Defect::Slow, "it does not wait"),
        (Defect::OneThread, "it serves many threads at once"),
    ] {
        let broken = contract::clock(|| Broken(defect, Mutex::default(), AtomicI64::default())).await;
        clauses.caught(&format!("{defect:?}"), broken, clause);
    }
    let still = contract::clock(|| FakeClock::at(SystemClock.now())).await;
    clauses.caught("a clock that stands still", still, "it goes on");
    clauses.all_have_caught_something();
}

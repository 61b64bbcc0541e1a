//! The contract of [`Clock`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kc_core::clock::{Clock, UnixTime};

use super::findings::{ContractBroken, Held, Trial, hold};

/// Checks a clock that is meant to show the time: `clock` makes one. A clock for tests, which shows what it is told, is
/// not one.
///
/// # Errors
/// [`ContractBroken`] names each clause that is not kept.
pub async fn clock<C: Clock + 'static>(clock: impl Fn() -> C) -> Result<(), ContractBroken> {
    let mut trial = Trial::of("Clock");
    let make = || Arc::new(clock()) as Arc<dyn Clock>;
    trial.clause("it shows the time of day in UTC", async { right(&*make()) }).await;
    trial.clause("it goes on", async { goes_on(&*make()) }).await;
    trial.clause("it does not wait", async { quick(&*make()) }).await;
    trial.clause("it serves many threads at once", async { threads(&make()) }).await;
    trial.end()
}

/// Further from the system's clock than this is another time zone, another unit or another epoch.
const NEAR: Duration = Duration::from_secs(60);

fn right(clock: &dyn Clock) -> Held {
    let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let system = UnixTime::default().plus(system);
    let shown = clock.now();
    hold(shown.since(system) < NEAR && system.since(shown) < NEAR, || {
        format!("it shows {shown} when the system's clock shows {system}")
    })
}

fn goes_on(clock: &dyn Clock) -> Held {
    let before = clock.now();
    std::thread::sleep(Duration::from_millis(60));
    let passed = clock.now().since(before);
    hold((Duration::from_millis(10)..NEAR).contains(&passed), || {
        format!("in 60 ms it went on by {} ms", passed.as_millis())
    })
}

fn quick(clock: &dyn Clock) -> Held {
    let began = Instant::now();
    for _ in 0..1000 {
        let _ = clock.now();
    }
    let took = began.elapsed();
    hold(took < Duration::from_millis(500), || {
        format!("a thousand calls took {} ms, and it is asked for every request", took.as_millis())
    })
}

fn threads(clock: &Arc<dyn Clock>) -> Held {
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let clock = Arc::clone(clock);
            std::thread::spawn(move || (0..1000).all(|_| right(&*clock).is_ok()))
        })
        .collect();
    let all = asking.into_iter().all(|thread| thread.join().unwrap_or(false));
    hold(all, || "one of four threads got another time, or none".to_owned())
}

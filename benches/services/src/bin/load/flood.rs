//! Good requests while somebody sends tokens of keys that nobody has.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bench_services::Failed;
use kc_dev::{DevIssuer, Endpoint};

use crate::load::{Round, median, run};
use crate::server::{Connection, Server};
use crate::{Effort, Setting, Subject};

/// What comes beside the good requests.
#[derive(Debug)]
pub(crate) struct Flood {
    what: &'static str,
    tokens: Vec<String>,
}

/// So many tokens of each kind, and so many a second.
const TOKENS: usize = 2_000;
const A_SECOND: u32 = 1_000;

/// Each kind of bad token is compared with none, and tokens of unknown keys with tokens that are refused without a question
/// to anybody: what is left is what looking for the key does to the others.
pub(crate) async fn floods(issuer: &DevIssuer) -> Result<[Flood; 3], Failed> {
    let (mut ended, mut unknown) = (Vec::with_capacity(TOKENS), Vec::with_capacity(TOKENS));
    for n in 0..TOKENS {
        ended.push(issuer.mint().user("alice").expires_in(-3600).sign().await?);
        unknown.push(issuer.mint().user("alice").header("kid", format!("nobody-{n}")).sign().await?);
    }
    Ok([
        Flood { what: "good requests alone", tokens: Vec::new() },
        Flood { what: "and 1,000 a second that have ended", tokens: ended },
        Flood { what: "and 1,000 a second of unknown keys", tokens: unknown },
    ])
}

/// Takes them in turns, and prints the median of the rounds.
#[expect(clippy::print_stdout, reason = "a table is what it is for")]
pub(crate) fn measure(
    setting: &Setting,
    subjects: &[Subject],
    effort: &Effort,
    issuer: &DevIssuer,
    floods: &[Flood],
) -> Result<(), Failed> {
    println!("{:<38} {:>10} {:>9} {:>9} {:>20}", "", "requests/s", "p50", "p99", "fetches of the keys");
    for subject in subjects {
        let server = Server::start(subject.command(), "me", &setting.guarded("off"))?;
        server.ask(setting.tokens().take(1))?;
        let mut rounds: Vec<Vec<Round>> = floods.iter().map(|_| Vec::new()).collect();
        let (mut fetches, start) = (vec![0; floods.len()], Instant::now());
        for _ in 0..effort.rounds {
            for ((flood, rounds), fetches) in floods.iter().zip(&mut rounds).zip(&mut fetches) {
                let before = issuer.requests(Endpoint::Certs);
                rounds.push(flood.beside(&server, || run(&server, &setting.one, effort.seconds))?);
                *fetches += issuer.requests(Endpoint::Certs) - before;
            }
        }
        // The rounds of the others are in it: unknown keys may be asked for in each of these seconds, and come in a third.
        let during = start.elapsed().as_secs();
        println!("{}", subject.name);
        for ((flood, of), fetches) in floods.iter().zip(&rounds).zip(fetches) {
            let of_each = |read: fn(&Round) -> f64| median(&mut of.iter().map(read).collect::<Vec<_>>());
            let (p50, p99) = (of_each(|round| f64::from(round.p50)), of_each(|round| f64::from(round.p99)));
            println!(
                "  {:<36} {:>10.0} {p50:>6.0} µs {p99:>6.0} µs {:>20}",
                flood.what,
                of_each(|round| round.per_second),
                format!("{fetches} in {during} s")
            );
        }
    }
    Ok(())
}

impl Flood {
    /// Does something while the bad tokens come, one after the other over one connection. None of them gets in.
    fn beside<T>(&self, server: &Server, run: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
        let over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let sender = threads.spawn(|| self.send(server, &over));
            let outcome = run();
            over.store(true, Ordering::Relaxed);
            match sender.join() {
                Ok(sent) => sent.and(outcome),
                Err(_) => Err("the sender of bad tokens has panicked".into()),
            }
        })
    }

    fn send(&self, server: &Server, over: &AtomicBool) -> Result<(), Failed> {
        let (mut connection, start) = (Connection::to(server.address())?, Instant::now());
        for (n, token) in (0_u32..).zip(self.tokens.iter().cycle()) {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let (status, _) = connection.get_me(token)?;
            if status != 401 {
                return Err(format!("a bad token is answered by {status}").into());
            }
            let due = Duration::from_secs(1) / A_SECOND * n;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(())
    }
}

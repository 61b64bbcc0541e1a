//! Many who ask at once, and what each of them has to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::{Answer, Client};

/// A request, and every answer to it that is right.
#[derive(Clone, Debug)]
pub struct Case {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    token: Option<String>,
    right: Vec<(u16, &'static str)>,
}

/// How often which answer came to which case.
pub type Tally = BTreeMap<(&'static str, u16), u64>;

impl Case {
    /// `METHOD path`, which is to be answered with this status, and with this code if it is a problem.
    #[must_use]
    pub fn new(
        name: &'static str,
        request: &'static str,
        token: Option<&str>,
        right: (u16, &'static str),
    ) -> Self {
        let (method, path) = request.split_once(' ').unwrap();
        Self { name, method, path, token: token.map(str::to_owned), right: vec![right] }
    }

    /// This is right, too.
    #[must_use]
    pub fn or(mut self, status: u16, code: &'static str) -> Self {
        self.right.push((status, code));
        self
    }

    /// As [`or`](Self::or), if `when`.
    #[must_use]
    pub fn or_when(self, when: bool, status: u16, code: &'static str) -> Self {
        if when { self.or(status, code) } else { self }
    }

    /// Asks once.
    pub async fn ask(&self, client: &mut Client) -> Answer {
        client.ask(self.method, self.path, self.token.as_deref()).await
    }

    /// Whether this is its name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether it asks for this path.
    #[must_use]
    pub fn is_for(&self, path: &str) -> bool {
        self.path == path
    }

    fn is_right(&self, answer: &Answer) -> bool {
        self.right.contains(&(answer.status, answer.code.as_str()))
    }

    /// Asks once, and fails the test if the answer is wrong.
    pub async fn check(&self, client: &mut Client) -> Answer {
        let answer = self.ask(client).await;
        assert!(self.is_right(&answer), "{} is answered {answer}, not {:?}", self.name, self.right);
        answer
    }

    /// Asks again and again until the first answer named is given, for `within` at most.
    ///
    /// While it is waited for, any answer but a success will do.
    pub async fn becomes_right(&self, client: &mut Client, within: Duration) {
        let end = Instant::now() + within;
        loop {
            let answer = self.ask(client).await;
            if (answer.status, answer.code.as_str()) == self.right[0] {
                return;
            }
            assert!(answer.status >= 400, "{} is answered {answer}", self.name);
            assert!(Instant::now() < end, "{} is answered {answer} after {within:?}", self.name);
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Requests that come all the time.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    askers: Vec<JoinHandle<()>>,
    found: Arc<Mutex<Found>>,
}

#[derive(Debug, Default)]
struct Found {
    tally: Tally,
    wrong: BTreeSet<String>,
}

impl Load {
    /// Asks each case after the other, over `connections` connections, with a pause in between.
    #[must_use]
    pub fn of(cases: Vec<Case>, service: SocketAddr, connections: usize, pause: Duration) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (cases, found) = (Arc::new(cases), Arc::<Mutex<Found>>::default());
        let askers = (0..connections).map(|first| {
            let (cases, found, stopped) = (Arc::clone(&cases), Arc::clone(&found), stopped.clone());
            tokio::spawn(async move {
                let mut client = Client::new(service);
                for n in first.. {
                    if *stopped.borrow() {
                        return;
                    }
                    let case = &cases[n % cases.len()];
                    let answer = case.ask(&mut client).await;
                    found.lock().unwrap().note(case, &answer);
                    sleep(pause).await;
                }
            })
        });
        let askers = askers.collect();
        Self { stop, askers, found }
    }

    /// Ends it, and fails the test if any answer was wrong.
    pub async fn stop(self) -> Tally {
        self.stop.send_replace(true);
        for asker in self.askers {
            asker.await.unwrap();
        }
        let found = self.found.lock().unwrap();
        assert!(found.wrong.is_empty(), "wrong answers: {:#?}\nof all: {:#?}", found.wrong, found.tally);
        found.tally.clone()
    }
}

impl Found {
    fn note(&mut self, case: &Case, answer: &Answer) {
        *self.tally.entry((case.name, answer.status)).or_default() += 1;
        if !case.is_right(answer) {
            self.wrong.insert(format!("{} is answered {answer}, not {:?}", case.name, case.right));
        }
    }
}

//! The steady load: for each site a client that keeps its connection and one that does not. What
//! each request came to is noted with its times; `verdict` judges.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::Client;

/// Between two requests of a client.
const PACE: Duration = Duration::from_millis(120);
/// Nothing that works takes so long.
const DEADLINE: Duration = Duration::from_secs(40);

/// What a request came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) site: usize,
    /// When its connection was made.
    pub(crate) connected: Instant,
    pub(crate) asked: Instant,
    pub(crate) ended: Instant,
    /// The text of the answer, or what went wrong.
    pub(crate) result: Result<String, String>,
}

/// The clients of all sites.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    addresses: Vec<String>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    gates: Vec<Gate>,
    outcomes: Vec<Outcome>,
    is_over: bool,
}

/// Whether the clients of a site ask, and how far they are.
#[derive(Clone, Debug, Default)]
struct Gate {
    is_open: bool,
    /// Clients that connect or send.
    sending: u32,
    /// Clients whose request is on its way.
    waiting: u32,
    answers: u64,
}

impl Load {
    /// Clients for each of these addresses; none of them asks yet.
    pub(crate) fn new(addresses: Vec<String>) -> Self {
        let state = State {
            gates: vec![Gate::default(); addresses.len()],
            ..State::default()
        };
        let shared = Arc::new(Shared {
            addresses,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let count = shared.addresses.len();
        let clients = (0..count).flat_map(|site| [(site, false), (site, true)]);
        let clients = clients.map(|(site, keeps)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.ask_on(site, keeps))
        });
        Self {
            clients: clients.collect(),
            shared,
        }
    }

    /// The clients of this site ask from now on.
    pub(crate) fn open(&self, site: usize) {
        self.shared.lock().gates[site].is_open = true;
    }

    /// No client of this site connects any more. What has been sent is still to be answered.
    pub(crate) fn close(&self, site: usize) {
        self.shared.lock().gates[site].is_open = false;
        self.wait(|state| state.gates[site].sending == 0);
    }

    /// The same, and everything has been answered.
    pub(crate) fn close_when_idle(&self, site: usize) {
        self.close(site);
        self.wait(|state| state.gates[site].waiting == 0);
    }

    /// Waits until each client of these sites can have been answered once more.
    pub(crate) fn goes_on(&self, sites: &[usize]) {
        let before: Vec<u64> = {
            let state = self.shared.lock();
            sites
                .iter()
                .map(|site| state.gates[*site].answers)
                .collect()
        };
        self.wait(|state| {
            let all = sites.iter().zip(&before);
            all.clone()
                .all(|(site, before)| state.gates[*site].answers >= before + 4)
        });
    }

    /// Lets the load go on for a moment, after which it is worth to look again.
    pub(crate) fn moment(&self) {
        let moment = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), PACE, |state| !state.is_over);
        drop(moment.unwrap_or_else(PoisonError::into_inner));
    }

    /// What the requests have come to since this was asked last.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        std::mem::take(&mut self.shared.lock().outcomes)
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let until = Instant::now() + DEADLINE;
        let mut state = self.shared.lock();
        while !is_so(&state) {
            let left = until.saturating_duration_since(Instant::now());
            let failed = state.outcomes.iter().filter(|known| known.result.is_err());
            assert!(
                !left.is_zero(),
                "the load stands still: {:?} {:?}",
                state.gates,
                failed.collect::<Vec<_>>()
            );
            let changed = self.shared.changed.wait_timeout(state, left);
            state = changed.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        for client in std::mem::take(&mut self.clients) {
            assert!(
                client.join().is_ok() || std::thread::panicking(),
                "a client panicked"
            );
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_on(&self, site: usize, keeps: bool) {
        let mut kept = None;
        while self.rest() {
            if !self.enter(site) {
                kept = None;
                continue;
            }
            let usable = kept
                .take()
                .filter(|(client, _): &(Client, Instant)| client.is_open());
            let asked = Instant::now();
            let sent = usable.map_or_else(|| self.connect(site), Ok);
            let sent = sent.and_then(|(mut client, connected)| {
                let asked = client.ask("/");
                asked
                    .map(|()| (client, connected))
                    .map_err(|error| (connected, format!("could not send: {error}")))
            });
            self.has_sent(site);
            let (connected, result) = match sent {
                Err((connected, error)) => (connected, Err(error)),
                Ok((mut client, connected)) => {
                    let result = self.answer(&mut client);
                    if let Ok((_, false)) = &result
                        && keeps
                    {
                        kept = Some((client, connected));
                    }
                    (connected, result.map(|(text, _)| text))
                }
            };
            self.leave(Outcome {
                site,
                connected,
                asked,
                ended: Instant::now(),
                result,
            });
        }
    }

    /// Waits for the next turn of a client; false at the end.
    fn rest(&self) -> bool {
        let state = self.lock();
        let over = self
            .changed
            .wait_timeout_while(state, PACE, |state| !state.is_over);
        !over.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    fn enter(&self, site: usize) -> bool {
        let gate = &mut self.lock().gates[site];
        gate.sending += u32::from(gate.is_open);
        gate.is_open
    }

    fn has_sent(&self, site: usize) {
        let gate = &mut self.lock().gates[site];
        gate.sending -= 1;
        gate.waiting += 1;
        self.changed.notify_all();
    }

    fn leave(&self, outcome: Outcome) {
        let mut state = self.lock();
        let gate = &mut state.gates[outcome.site];
        gate.waiting -= 1;
        gate.answers += u64::from(outcome.result.is_ok());
        state.outcomes.push(outcome);
        self.changed.notify_all();
    }

    fn connect(&self, site: usize) -> Result<(Client, Instant), (Instant, String)> {
        let connected = Instant::now();
        Client::connect(&self.addresses[site])
            .map(|client| (client, connected))
            .map_err(|error| (connected, format!("could not connect: {error}")))
    }

    /// The text, and whether the server closes.
    #[expect(clippy::unused_self, reason = "one of the steps of a client")]
    fn answer(&self, client: &mut Client) -> Result<(String, bool), String> {
        let answer = client
            .answer()
            .map_err(|error| format!("no answer: {error}"))?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status == 200 {
            Ok((text, answer.is_last))
        } else {
            Err(format!("status {}: {text}", answer.status))
        }
    }
}

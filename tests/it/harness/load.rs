//! Clients that ask without a pause while a test does something to their server.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::{connect, try_get};

/// Clients that ask on and on, each in its own thread.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    asked: AtomicU64,
}

impl Load {
    /// Two clients with a new connection for each request, two that keep theirs.
    pub(crate) fn on(address: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |keeps: bool| {
            let (address, shared) = (address.to_owned(), Arc::clone(&shared));
            std::thread::spawn(move || shared.ask_on(&address, keeps))
        };
        let clients = [false, true, false, true].map(client).into();
        Self { shared, clients }
    }

    /// Stops the clients; gives what failed, and how much was asked.
    pub(crate) fn stop(self) -> (Vec<String>, u64) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let joined = self
            .clients
            .into_iter()
            .flat_map(|client| client.join().expect("a client does not panic"));
        (joined.collect(), self.shared.asked.load(Ordering::Relaxed))
    }
}

impl Shared {
    /// Asks until it is over; gives what failed.
    fn ask_on(&self, address: &str, keeps: bool) -> Vec<String> {
        let mut failures = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) && failures.len() < 5 {
            let outcome = if keeps {
                self.keep_asking(address)
            } else {
                try_get(address, "/").map(|answer| answer.status)
            };
            self.asked.fetch_add(1, Ordering::Relaxed);
            match outcome {
                Ok(200) => {}
                Ok(status) => failures.push(format!("keeps: {keeps}, status {status}")),
                Err(error) => failures.push(format!("keeps: {keeps}, {error}")),
            }
        }
        failures
    }

    /// Asks on one connection until the server says that it closes it.
    fn keep_asking(&self, address: &str) -> io::Result<u16> {
        let mut connection = connect(address)?;
        loop {
            let answer = connection.get("/")?;
            let closes = |value: &str| value.eq_ignore_ascii_case("close");
            let is_last = answer.header("connection").is_some_and(closes);
            if answer.status != 200 || is_last || self.is_over.load(Ordering::Relaxed) {
                return Ok(answer.status);
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

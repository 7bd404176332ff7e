//! Flask, Django and httpbin from `PyPI`, each on another Python, under one emperor.

mod django;
mod flask;
mod httpbin;
pub(crate) mod virtualenvs;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{Connection, Emperor, Response, Vassal, connect};

/// Clients of each app while it is reloaded.
const CLIENTS: usize = 3;

#[test]
fn real_apps_serve_and_are_reloaded_under_load() {
    let [debian, oldest, newest] = virtualenvs::three_pythons();
    let emperor = Emperor::start();
    let (django, flask, httpbin) = thread::scope(|scope| {
        let django = scope.spawn(|| django::serve(&emperor, debian));
        let flask = scope.spawn(|| flask::serve(&emperor, newest));
        let httpbin = scope.spawn(|| httpbin::serve(&emperor, oldest));
        [django, flask, httpbin]
            .map(|served| {
                served
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .into()
    });
    for (vassal, python) in [(&django, debian), (&flask, newest), (&httpbin, oldest)] {
        let shown = emperor.status_of(vassal);
        let version = shown
            .get("python")
            .and_then(|version| version.as_str())
            .expect("the status shows it");
        assert!(
            version.starts_with(&format!("{}.", python.version)),
            "{shown}"
        );
    }
    django::check(&emperor, &django, debian);
    flask::check(&emperor, &flask, newest);
    httpbin::check(&emperor, &httpbin, oldest);
    reload_under_load(
        &emperor,
        &[
            (&django, "/admin/login/"),
            (&flask, "/hello/load"),
            (&httpbin, "/get"),
        ],
    );
}

fn reload_under_load(emperor: &Emperor, apps: &[(&Vassal, &str)]) {
    let is_over = AtomicBool::new(false);
    let counts: Vec<io::Result<usize>> = thread::scope(|scope| {
        let mut clients = Vec::new();
        for (vassal, path) in apps {
            for number in 0..CLIENTS {
                let (address, is_over) = (emperor.address(vassal), &is_over);
                clients.push(scope.spawn(move || load(&address, path, number == 0, is_over)));
            }
        }
        for generation in 1..=3 {
            for (vassal, _) in apps {
                emperor.touch(&vassal.file);
            }
            for (vassal, _) in apps {
                emperor.ready_after(vassal, generation);
                emperor.heard(
                    vassal,
                    "master-exited",
                    &[("generation", generation.into())],
                );
            }
        }
        is_over.store(true, Ordering::Relaxed);
        clients
            .into_iter()
            .map(|client| client.join().expect("it does not panic"))
            .collect()
    });
    for count in counts {
        assert!(count.as_ref().is_ok_and(|count| *count > 0), "{count:?}");
    }
}

/// Asks until it is over; keeps its connection as long as the server does, or never.
fn load(address: &str, path: &str, is_keeping: bool, is_over: &AtomicBool) -> io::Result<usize> {
    let mut kept: Option<Connection> = None;
    let mut count = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => connect(address)?,
        };
        let answer: Response = connection.get(path)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!(
                "after {count} requests: {answer:?}"
            )));
        }
        count += 1;
        if is_keeping && answer.header("connection") != Some("close") {
            kept = Some(connection);
        }
    }
    Ok(count)
}

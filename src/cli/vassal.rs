//! One vassal in full: its fields, its workers, what is wrong, what happened last. Pure text.

use lictor_core::observe::{ErrorStatus, ScalingStatus, VassalState, VassalStatus, WorkerStatus};

use super::output::{printable, printable_lines};
use super::table::{Align, or_dash, size, table};

/// Everything about one vassal, with its `events` and its `output` as lines already made.
pub(super) fn in_full(vassal: &VassalStatus, events: &[String], output: &[String]) -> String {
    let name = printable(&vassal.name);
    let sections = [
        Some(format!("{name}: {} since {}\n", vassal.state, vassal.since)),
        Some(fields(vassal)),
        vassal.scaling.as_ref().map(scaling),
        (!vassal.workers.is_empty()).then(|| workers(&vassal.workers)),
        vassal.error.as_ref().map(trouble),
        listing("last events", events),
        listing("last output", output),
    ];
    sections
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Lines below a title, if there are any.
fn listing(title: &str, lines: &[String]) -> Option<String> {
    (!lines.is_empty()).then(|| format!("{title}\n  {}\n", lines.join("\n  ")))
}

/// The listening sockets in a line.
pub(super) fn sockets(vassal: &VassalStatus) -> String {
    let sockets: Vec<String> = vassal
        .sockets
        .iter()
        .map(|socket| format!("{} {}", socket.protocol, socket.address))
        .collect();
    if sockets.is_empty() {
        "-".into()
    } else {
        sockets.join(", ")
    }
}

fn fields(vassal: &VassalStatus) -> String {
    let way = match (vassal.rolled_back, vassal.state) {
        (false, _) => "",
        (true, VassalState::Degraded) => {
            " (serves by the last text of it that worked; mend it to go forward)"
        }
        (true, _) => " (rolled back to an earlier text; touch it to go forward)",
    };
    let fields = [
        ("file", vassal.file.clone() + way),
        ("generation", vassal.generation.to_string()),
        ("pid", or_dash(vassal.pid)),
        ("python", or_dash(vassal.python.as_ref())),
        ("interface", or_dash(vassal.interface.as_ref())),
        ("restarts", vassal.restarts.to_string()),
        ("sockets", sockets(vassal)),
    ];
    let line = |(label, value): (&str, String)| format!("{label:<10}  {}\n", printable(&value));
    fields.into_iter().map(line).collect()
}

/// How many workers there are to be, and why.
fn scaling(scaling: &ScalingStatus) -> String {
    let ScalingStatus {
        workers,
        minimum,
        maximum,
        since,
        ..
    } = scaling;
    let bounds = if minimum == maximum {
        format!("{maximum}")
    } else {
        format!("{minimum} to {maximum}")
    };
    let sleep = if scaling.sleeps_when_idle {
        ", or none while nobody asks"
    } else {
        ""
    };
    let reason = printable(&scaling.reason);
    format!("{workers} workers wanted of {bounds}{sleep}: {reason} (since {since})\n")
}

fn workers(workers: &[WorkerStatus]) -> String {
    let header = [
        ("WORKER", Align::Right),
        ("PID", Align::Right),
        ("GEN", Align::Right),
        ("STATE", Align::Left),
        ("REQUESTS", Align::Right),
        ("ERRORS", Align::Right),
        ("RSS", Align::Right),
        ("SINCE", Align::Left),
    ];
    let row = |worker: &WorkerStatus| {
        [
            worker.id.to_string(),
            worker.pid.to_string(),
            worker.generation.to_string(),
            worker.state.to_string(),
            worker.requests.to_string(),
            worker.errors.to_string(),
            size(worker.rss),
            worker.since.to_string(),
        ]
    };
    table(header, workers.iter().map(row).collect())
}

fn trouble(error: &ErrorStatus) -> String {
    let message = printable(&error.message);
    let mut text = format!(
        "generation {} failed at {}: {}: {message}\n",
        error.generation, error.at, error.kind
    );
    if !error.detail.is_empty() {
        text.push('\n');
        text.push_str(&printable_lines(&error.detail, "  "));
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use lictor_core::observe::{
        EmperorStatus, FailureKind, SocketStatus, Status, Timestamp, WorkerState,
    };

    use super::*;

    pub(in crate::cli) fn at() -> Timestamp {
        serde_json::from_str(r#""2026-11-20T12:00:01Z""#).unwrap()
    }

    pub(in crate::cli) fn status(vassals: Vec<VassalStatus>) -> Status {
        let sources = vec!["vassals".into()];
        let emperor = EmperorStatus {
            pid: 100,
            version: "0.1.0".into(),
            started_at: at(),
            upgrades: 0,
            upgrade_failure: None,
            warnings: Vec::new(),
            sources,
        };
        Status { emperor, vassals }
    }

    pub(in crate::cli) fn blog() -> VassalStatus {
        let worker = |id, state, requests| WorkerStatus {
            id,
            pid: 101 + id,
            generation: 7,
            state,
            requests,
            errors: 0,
            rss: 26_214_400,
            since: at(),
        };
        VassalStatus {
            name: "blog".into(),
            file: "vassals/blog.toml".into(),
            state: VassalState::Ready,
            generation: 7,
            since: at(),
            pid: Some(101),
            python: Some("3.12.1".into()),
            interface: Some("wsgi".into()),
            restarts: 0,
            sockets: vec![SocketStatus {
                protocol: "http".into(),
                address: "127.0.0.1:8001".into(),
            }],
            workers: vec![
                worker(1, WorkerState::Idle, 30),
                worker(2, WorkerState::Busy, 12),
            ],
            scaling: None,
            error: None,
            rolled_back: false,
        }
    }

    pub(in crate::cli) fn shop() -> VassalStatus {
        VassalStatus {
            name: "shop".into(),
            file: "vassals/shop.ini".into(),
            state: VassalState::Degraded,
            generation: 3,
            pid: None,
            python: None,
            interface: None,
            sockets: Vec::new(),
            workers: Vec::new(),
            error: Some(ErrorStatus {
                generation: 4,
                at: at(),
                kind: FailureKind::Import,
                message: "ModuleNotFoundError: No module named 'redsi'".into(),
                detail: "Traceback (most recent call last):\n\timport redsi\n".into(),
            }),
            ..blog()
        }
    }

    #[test]
    fn a_vassal_that_is_well() {
        let events = ["2026-11-20T12:00:01Z starting -> ready (generation 7)".to_owned()];
        let output = ["2026-11-20T12:00:01Z hello".to_owned()];
        assert_eq!(
            in_full(&blog(), &events, &output),
            "\
blog: ready since 2026-11-20T12:00:01Z

file        vassals/blog.toml
generation  7
pid         101
python      3.12.1
interface   wsgi
restarts    0
sockets     http 127.0.0.1:8001

WORKER  PID  GEN  STATE  REQUESTS  ERRORS    RSS  SINCE
     1  102    7  idle         30       0  25.0M  2026-11-20T12:00:01Z
     2  103    7  busy         12       0  25.0M  2026-11-20T12:00:01Z

last events
  2026-11-20T12:00:01Z starting -> ready (generation 7)

last output
  2026-11-20T12:00:01Z hello
"
        );
    }

    #[test]
    fn a_number_of_workers_that_varies_is_explained() {
        let scaling = ScalingStatus {
            workers: 2,
            minimum: 1,
            maximum: 4,
            sleeps_when_idle: true,
            reason: "all workers were busy".into(),
            since: at(),
        };
        let vassal = VassalStatus {
            scaling: Some(scaling),
            ..blog()
        };
        let text = in_full(&vassal, &[], &[]);
        let line = "\n2 workers wanted of 1 to 4, or none while nobody asks: all workers were busy \
                    (since 2026-11-20T12:00:01Z)\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_vassal_that_is_rolled_back_says_so() {
        let vassal = VassalStatus {
            rolled_back: true,
            ..blog()
        };
        let text = in_full(&vassal, &[], &[]);
        let line = "file        vassals/blog.toml (rolled back to an earlier text; touch it to go \
                    forward)\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_vassal_in_trouble_shows_its_traceback() {
        assert_eq!(
            in_full(&shop(), &[], &[]),
            "\
shop: degraded since 2026-11-20T12:00:01Z

file        vassals/shop.ini
generation  3
pid         -
python      -
interface   -
restarts    0
sockets     -

generation 4 failed at 2026-11-20T12:00:01Z: import: ModuleNotFoundError: No module named 'redsi'

  Traceback (most recent call last):
      import redsi
"
        );
    }
}

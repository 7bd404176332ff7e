//! Prometheus' text format 0.0.4. Pure.
//!
//! Names are those of the usual exporter for uWSGI, with the label `vassal` in place of its
//! `stats_uri`, so that its dashboards and alarms go on with another label.

use std::fmt::{Display, Write};

use lictor_core::observe::VassalState;
use lictor_core::sys::{Memory, WorkerActivity, WorkerNumbers};

use super::gather::{AllMetrics, SocketMetrics, VassalMetrics};

const STATES: [VassalState; 8] = [
    VassalState::Starting,
    VassalState::Ready,
    VassalState::Reloading,
    VassalState::Degraded,
    VassalState::Backoff,
    VassalState::Asleep,
    VassalState::Stopping,
    VassalState::Stopped,
];
const MICROS: f64 = 1_000_000.0;

/// The whole text.
pub(super) fn text(all: &AllMetrics) -> String {
    let mut text = Text(String::with_capacity(4096 * (all.vassals.len() + 1)));
    emperor(&mut text, all);
    vassals(&mut text, &all.vassals);
    sockets(&mut text, &all.vassals);
    workers(&mut text, &all.vassals);
    apps(&mut text, &all.vassals);
    text.0
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
}

struct Text(String);

impl Text {
    /// Begins a metric, all of whose samples follow.
    fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _infallible = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, content)) in labels.iter().enumerate() {
            self.0.push(if index == 0 { '{' } else { ',' });
            self.0.push_str(label);
            self.0.push_str("=\"");
            let _infallible = write!(Escaped(&mut self.0), "{content}");
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _infallible = writeln!(self.0, " {value}");
    }

    fn alone(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }
}

/// The content of a label: backslash, quote and line feed are written as two characters.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

fn emperor(text: &mut Text, all: &AllMetrics) {
    use Kind::{Counter, Gauge};
    let name = "lictor_emperor_info";
    text.metric(name, Gauge, "The emperor that answers; always 1.");
    text.sample(name, &[("version", &env!("CARGO_PKG_VERSION"))], 1);
    let name = "lictor_emperor_start_time_seconds";
    text.alone(name, Gauge, "When the emperor started.", all.started_at);
    let name = "lictor_emperor_upgrades_total";
    let help = "How often the emperor became another program.";
    text.alone(name, Counter, help, all.upgrades);
    let name = "lictor_generations_ready_total";
    let help = "Generations of vassals that came up and serve.";
    text.alone(name, Counter, help, all.tally.ready);
    let name = "lictor_generations_failed_total";
    let help = "Failures of generations of vassals.";
    text.alone(name, Counter, help, all.tally.failed);
    let name = "lictor_masters_lost_total";
    let help = "Masters that ended without having been told to.";
    text.alone(name, Counter, help, all.tally.masters_lost);
    let name = "lictor_workers_lost_total";
    let help = "Workers that ended without having been told to.";
    text.alone(name, Counter, help, all.tally.workers_lost);
    let name = "lictor_vassals";
    text.metric(name, Gauge, "Vassals by state.");
    for state in STATES {
        let vassals = all.vassals.iter();
        let count = vassals.filter(|vassal| vassal.state == Some(state)).count();
        text.sample(name, &[("state", &state)], count);
    }
}

/// A number of each vassal.
type OfVassal = fn(&VassalMetrics) -> u64;

fn vassals(text: &mut Text, vassals: &[VassalMetrics]) {
    let metrics: [(&str, Kind, &str, OfVassal); 6] = [
        (
            "uwsgi_up",
            Kind::Gauge,
            "Whether the vassal serves.",
            |vassal| vassal.state.is_some_and(serves).into(),
        ),
        (
            "lictor_vassal_generation",
            Kind::Gauge,
            "The generation that serves, or the newest.",
            |vassal| vassal.generation,
        ),
        (
            "lictor_vassal_restarts_total",
            Kind::Counter,
            "Masters and workers that were replaced because they ended on their own.",
            |vassal| vassal.restarts,
        ),
        (
            "uwsgi_listen_queue_length",
            Kind::Gauge,
            "Connections that wait at the fullest socket of TCP.",
            |vassal| {
                let waiting = vassal.sockets.iter().map(|socket| socket.waiting);
                waiting.max().unwrap_or(0).into()
            },
        ),
        (
            "uwsgi_listen_queue_errors",
            Kind::Gauge,
            "Not counted, always 0.",
            |_| 0,
        ),
        (
            "uwsgi_workers",
            Kind::Gauge,
            "Workers that the vassal may have.",
            |vassal| vassal.numbers.workers.len() as u64,
        ),
    ];
    for (name, kind, help, number) in metrics {
        text.metric(name, kind, help);
        for vassal in vassals {
            text.sample(name, &[("vassal", &vassal.name)], number(vassal));
        }
    }
}

fn serves(state: VassalState) -> bool {
    match state {
        VassalState::Ready | VassalState::Reloading | VassalState::Degraded => true,
        VassalState::Starting
        | VassalState::Backoff
        | VassalState::Asleep
        | VassalState::Stopping
        | VassalState::Stopped => false,
    }
}

/// A number of each socket.
type OfSocket = fn(&SocketMetrics) -> u32;

fn sockets(text: &mut Text, vassals: &[VassalMetrics]) {
    let metrics: [(&str, &str, OfSocket); 4] = [
        (
            "uwsgi_socket_queue_length",
            "Connections that wait; of unix sockets the kernel does not say.",
            |socket| socket.waiting,
        ),
        (
            "uwsgi_socket_max_queue_length",
            "Connections that may wait; of unix sockets 0.",
            |socket| socket.backlog,
        ),
        ("uwsgi_socket_shared", "Always 0.", |_| 0),
        ("uwsgi_socket_can_offload", "Always 0.", |_| 0),
    ];
    for (name, help, number) in metrics {
        text.metric(name, Kind::Gauge, help);
        for vassal in vassals {
            for socket in &vassal.sockets {
                let labels: [(&str, &dyn Display); 3] = [
                    ("vassal", &vassal.name),
                    ("name", &socket.name),
                    ("proto", &socket.protocol),
                ];
                text.sample(name, &labels, number(socket));
            }
        }
    }
}

/// A number of each worker.
type OfWorker = fn(&WorkerNumbers, &Memory) -> Number;

enum Number {
    Whole(u64),
    Seconds(u64),
}

impl Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(number) => number.fmt(f),
            #[expect(
                clippy::cast_precision_loss,
                reason = "Prometheus has no other numbers"
            )]
            Self::Seconds(micros) => (*micros as f64 / MICROS).fmt(f),
        }
    }
}

const WORKER_GAUGES: [(&str, &str, OfWorker); 13] = [
    (
        "accepting",
        "Whether the worker takes connections.",
        |worker, _| Number::Whole(worker.is_accepting.into()),
    ),
    (
        "delta_requests",
        "Requests since the worker was started.",
        |worker, _| Number::Whole(worker.delta_requests),
    ),
    ("signal_queue_length", "Always 0.", |_, _| Number::Whole(0)),
    ("rss_bytes", "Resident memory.", |_, memory| {
        Number::Whole(memory.resident)
    }),
    ("vsz_bytes", "Address space.", |_, memory| {
        Number::Whole(memory.addressed)
    }),
    (
        "running_time_seconds",
        "How long requests took, all together.",
        |worker, _| Number::Seconds(worker.sum(|thread| thread.running_micros)),
    ),
    (
        "last_spawn_time_seconds",
        "When the worker was started.",
        |worker, _| Number::Whole(worker.last_spawn),
    ),
    (
        "average_response_time_seconds",
        "How long requests took lately.",
        |worker, _| Number::Seconds(worker.average_micros()),
    ),
    ("apps", "Always 1.", |_, _| Number::Whole(1)),
    ("cores", "Threads of the worker.", |worker, _| {
        Number::Whole(worker.threads.len() as u64)
    }),
    (
        "busy",
        "Whether the worker is in a request.",
        |worker, _| Number::Whole((worker.activity == WorkerActivity::Busy).into()),
    ),
    ("idle", "Whether the worker waits.", |worker, _| {
        Number::Whole((worker.activity == WorkerActivity::Idle).into())
    }),
    (
        "cheap",
        "Whether there is no worker at the moment.",
        |worker, _| Number::Whole((worker.activity == WorkerActivity::Cheap).into()),
    ),
];

const WORKER_COUNTERS: [(&str, &str, OfWorker); 6] = [
    ("requests_total", "Requests answered.", |worker, _| {
        Number::Whole(worker.sum(|thread| thread.requests))
    }),
    (
        "exceptions_total",
        "Requests that ended in an exception or a cut connection.",
        |worker, _| Number::Whole(worker.sum(|thread| thread.exceptions)),
    ),
    (
        "harakiri_count_total",
        "Requests that took longer than harakiri.",
        |worker, _| Number::Whole(worker.harakiris),
    ),
    ("signals_total", "Always 0.", |_, _| Number::Whole(0)),
    (
        "respawn_count_total",
        "Starts of the worker, the first one included.",
        |worker, _| Number::Whole(worker.respawns + u64::from(worker.last_spawn > 0)),
    ),
    ("transmitted_bytes_total", "Bytes sent.", |worker, _| {
        Number::Whole(worker.sum(|thread| thread.sent_bytes))
    }),
];

fn workers(text: &mut Text, vassals: &[VassalMetrics]) {
    let gauges = WORKER_GAUGES.iter().map(|metric| (Kind::Gauge, metric));
    let counters = WORKER_COUNTERS.iter().map(|metric| (Kind::Counter, metric));
    for (kind, (name, help, number)) in gauges.chain(counters) {
        let name = format!("uwsgi_worker_{name}");
        text.metric(&name, kind, help);
        for vassal in vassals {
            for (worker, memory) in vassal.numbers.workers.iter().zip(&vassal.memory) {
                let labels: [(&str, &dyn Display); 2] =
                    [("vassal", &vassal.name), ("worker_id", &worker.id)];
                text.sample(&name, &labels, number(worker, memory));
            }
        }
    }
}

fn apps(text: &mut Text, vassals: &[VassalMetrics]) {
    let name = "uwsgi_worker_app_startup_time_seconds";
    text.metric(
        name,
        Kind::Gauge,
        "How long it took to import the app in the master.",
    );
    for vassal in vassals {
        for worker in &vassal.numbers.workers {
            let labels: [(&str, &dyn Display); 3] = [
                ("vassal", &vassal.name),
                ("worker_id", &worker.id),
                ("app_id", &0),
            ];
            let micros = vassal.numbers.startup_ms.saturating_mul(1000);
            text.sample(name, &labels, Number::Seconds(micros));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lictor_core::sys::{BoardNumbers, ThreadNumbers};

    fn vassal(name: &str) -> VassalMetrics {
        let thread = ThreadNumbers {
            requests: 7,
            running_micros: 1_500_000,
            ..ThreadNumbers::default()
        };
        VassalMetrics {
            name: name.to_owned(),
            state: Some(VassalState::Ready),
            numbers: BoardNumbers {
                startup_ms: 20,
                workers: vec![WorkerNumbers {
                    id: 1,
                    threads: vec![thread],
                    ..WorkerNumbers::default()
                }],
            },
            memory: vec![Memory::default()],
            ..VassalMetrics::default()
        }
    }

    #[test]
    fn each_metric_has_its_head_and_its_samples_together() {
        let all = AllMetrics {
            vassals: vec![vassal("blog"), vassal("shop")],
            ..AllMetrics::default()
        };
        let text = text(&all);
        let mut seen = Vec::new();
        let mut current = "";
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("# HELP ") {
                current = head.split(' ').next().unwrap();
                assert!(!seen.contains(&current), "{current} twice");
                seen.push(current);
            } else if let Some(head) = line.strip_prefix("# TYPE ") {
                let (name, kind) = head.split_once(' ').unwrap();
                let is_counter = name.ends_with("_total");
                assert_eq!((name, kind == "counter"), (current, is_counter));
            } else {
                assert!(line.starts_with(current), "{line} under {current}");
            }
        }
        for line in [
            "uwsgi_worker_requests_total{vassal=\"shop\",worker_id=\"1\"} 7",
            "uwsgi_worker_running_time_seconds{vassal=\"blog\",worker_id=\"1\"} 1.5",
            "lictor_vassals{state=\"ready\"} 2",
            "uwsgi_up{vassal=\"blog\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut text = Text(String::new());
        text.sample("a", &[("b", &"c\"d\\e\nf")], 1);
        assert_eq!(text.0, "a{b=\"c\\\"d\\\\e\\nf\"} 1\n");
    }
}

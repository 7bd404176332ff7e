//! What must hold after every step: `status`, the process table, the sockets and the answers are
//! what the model expects.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::client::Client;
use crate::harness::{Emperor, Vassal};
use crate::processes::{self, Process};
use crate::shape::Trait;
use crate::site::{Change, Expected, Site};

/// Descriptors of an emperor that stand for no vassal, with room for those that ask it something.
const DESCRIPTORS: usize = 60;
/// Descriptors for a vassal: a socket, a line, a pipe and what tells of a master's end.
const DESCRIPTORS_OF_VASSAL: usize = 8;

/// What a site that serves was seen to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) generation: u64,
    pub(crate) master: u32,
    pub(crate) workers: Vec<u32>,
    /// The later generation that failed.
    failed: Option<u64>,
}

/// A site of the walk, with all that is known of it.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) site: &'a Site,
    pub(crate) vassal: Vassal,
    pub(crate) address: &'a str,
    pub(crate) before: Option<&'a Seen>,
    pub(crate) change: Change,
}

/// What one look found: how each site is, and what is not as it should be.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) seen: Vec<Option<Seen>>,
    pub(crate) complaints: Vec<String>,
}

/// Looks at everything.
pub(crate) fn look(emperor: &Emperor, known: &[Known<'_>]) -> Look {
    let status = emperor.status();
    let table = processes::ours(&format!("lictor: {}", emperor.name("")), emperor.pid());
    let vassals = status["vassals"].as_array().cloned().unwrap_or_default();
    let mut look = Look::default();
    let mut expected = Vec::new();
    for known in known {
        let name = known.vassal.name.as_str();
        let shown = vassals.iter().find(|vassal| vassal["name"] == name);
        let label = known.site.shape.label;
        let mut complaints = complaints_of(known, shown, &table);
        let seen = shown.filter(|_| known.site.serves()).map(seen_in);
        if let Some(seen) = &seen {
            complaints.extend(changes(known, seen));
            expected.extend(seen.workers.iter().chain([&seen.master]).copied());
        }
        let complaints = complaints.into_iter();
        look.complaints
            .extend(complaints.map(|complaint| format!("{label}: {complaint}")));
        look.seen.push(seen);
    }
    // What is down is tried again and again.
    let is_tried = |process: &Process| {
        let down = known
            .iter()
            .filter(|known| matches!(known.site.expected(), Expected::Down(_)));
        down.map(|known| format!("lictor: {} #", known.vassal.name))
            .any(|title| process.title.starts_with(&title) || process.state == 'Z')
    };
    let left = table
        .iter()
        .filter(|(pid, process)| !expected.contains(*pid) && !is_tried(process));
    look.complaints
        .extend(left.map(|(pid, process)| format!("process {pid} is left: {process:?}")));
    look.complaints.extend(of_run_dir(emperor, known, &vassals));
    look
}

/// Nothing more stands in the run directory, and the emperor holds nothing more, than is needed.
fn of_run_dir(emperor: &Emperor, known: &[Known<'_>], vassals: &[Value]) -> Vec<String> {
    let mut complaints = Vec::new();
    let records = emperor.at("run/vassals");
    let names: Vec<&str> = vassals.iter().filter_map(|v| v["name"].as_str()).collect();
    let entries = std::fs::read_dir(&records).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !names.contains(&name.as_str()) {
            complaints.push(format!("a record of `{name}` is left"));
        }
    }
    for known in known.iter().filter(|known| known.site.serves()) {
        let directory = records.join(&known.vassal.name);
        let sockets = sockets_in(&directory);
        if sockets != 1 {
            complaints.push(format!(
                "{sockets} sockets of masters in {}",
                directory.display()
            ));
        }
    }
    let most = DESCRIPTORS + DESCRIPTORS_OF_VASSAL * vassals.len();
    let descriptors = processes::descriptors(emperor.pid());
    if descriptors > most {
        complaints.push(format!("the emperor has {descriptors} descriptors open"));
    }
    complaints
}

fn sockets_in(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_socket = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".sock");
    entries.filter(|entry| is_socket(entry.file_name())).count()
}

fn complaints_of(
    known: &Known<'_>,
    shown: Option<&Value>,
    table: &BTreeMap<u32, Process>,
) -> Vec<String> {
    let expected = known.site.expected();
    let Some(shown) = shown else {
        return match expected {
            Expected::Absent => nobody_listens(known),
            Expected::Stopped | Expected::Serves(..) | Expected::Down(_) => {
                vec!["is not in the status".to_owned()]
            }
        };
    };
    match expected {
        Expected::Absent => vec![format!("is in the status: {}", shown["state"])],
        Expected::Stopped => {
            let is_so = shown["state"] == "stopped" && shown["sockets"] == serde_json::json!([]);
            let complaint = format!("is not stopped: {shown}");
            let complaints = (!is_so).then_some(complaint).into_iter();
            complaints.chain(nobody_listens(known)).collect()
        }
        Expected::Serves(version, failure) => {
            let mut complaints = of_status(known, shown, failure);
            complaints.extend(of_processes(shown, table));
            complaints.extend(of_answer(known, version));
            complaints
        }
        Expected::Down(kind) => {
            let mut complaints = Vec::new();
            let is_so = shown["state"] == "backoff" || shown["state"] == "starting";
            if !is_so || shown["error"]["kind"] != kind {
                complaints.push(format!("should be down because of {kind}: {shown}"));
            }
            if let Err(error) = Client::connect(known.address) {
                complaints.push(format!("does not let anybody wait: {error}"));
            }
            complaints
        }
    }
}

fn nobody_listens(known: &Known<'_>) -> Vec<String> {
    let mut complaints = Vec::new();
    if known.site.shape.has(Trait::UnixSocket) && Path::new(known.address).exists() {
        complaints.push("its socket file is left".to_owned());
    }
    if Client::connect(known.address).is_ok() {
        complaints.push("somebody still listens".to_owned());
    }
    complaints
}

fn of_status(known: &Known<'_>, shown: &Value, failure: Option<&str>) -> Vec<String> {
    let shape = known.site.shape;
    let state = if failure.is_some() {
        "degraded"
    } else {
        "ready"
    };
    // A worker that ended soon after the one before it is trouble, which is told for a while.
    let is_trouble = failure.is_none() && shown["error"]["generation"] == shown["generation"];
    let kind = shown["error"]["kind"].as_str().filter(|_| !is_trouble);
    let workers = shown["workers"].as_array().cloned().unwrap_or_default();
    let is_serving = |worker: &Value| {
        let state = worker["state"].as_str();
        worker["generation"] == shown["generation"] && matches!(state, Some("idle" | "busy"))
    };
    let checks = [
        (shown["state"] == state, format!("is not {state}")),
        (
            kind == failure,
            format!("fails by {kind:?}, not {failure:?}"),
        ),
        (
            workers.len() == shape.processes && workers.iter().all(is_serving),
            format!("has not {} workers that serve", shape.processes),
        ),
        (
            shown["sockets"][0]["address"] == known.address,
            "is elsewhere".to_owned(),
        ),
    ];
    let wrong = checks.into_iter().filter(|(is_so, _)| !is_so);
    wrong
        .map(|(_, complaint)| format!("{complaint}: {shown}"))
        .collect()
}

/// The status agrees with the process table.
fn of_processes(shown: &Value, table: &BTreeMap<u32, Process>) -> Vec<String> {
    let seen = seen_in(shown);
    let master = format!(
        "lictor: {} #{}",
        shown["name"].as_str().unwrap_or_default(),
        seen.generation
    );
    let mut complaints = Vec::new();
    match table.get(&seen.master) {
        Some(process) if process.title == master && process.state != 'Z' => {}
        other => complaints.push(format!("its master {} is {other:?}", seen.master)),
    }
    let workers = shown["workers"].as_array().cloned().unwrap_or_default();
    for (pid, worker) in seen.workers.iter().zip(workers) {
        let title = format!("{master} worker {}", worker["id"]);
        match table.get(pid) {
            Some(process) if process.title == title && process.parent == seen.master => {}
            other => complaints.push(format!("its worker {pid} is {other:?}")),
        }
    }
    complaints
}

fn of_answer(known: &Known<'_>, version: u32) -> Option<String> {
    let wanted = format!("{} {version}", known.site.shape.label);
    let ask = || {
        let mut client = Client::connect(known.address)?;
        client.ask("/")?;
        client.answer()
    };
    match ask() {
        Ok(answer) if answer.status == 200 && answer.body == wanted.as_bytes() => None,
        Ok(answer) => Some(format!(
            "answers {:?} instead of {wanted:?}",
            String::from_utf8_lossy(&answer.body)
        )),
        Err(error) => Some(format!("does not answer: {error}")),
    }
}

fn seen_in(shown: &Value) -> Seen {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let pid = |value: &Value| u32::try_from(number(value)).unwrap_or_default();
    let workers = shown["workers"].as_array().cloned().unwrap_or_default();
    let (generation, failed) = (&shown["generation"], &shown["error"]["generation"]);
    Seen {
        generation: number(generation),
        master: pid(&shown["pid"]),
        workers: workers.iter().map(|worker| pid(&worker["pid"])).collect(),
        failed: Some(number(failed)).filter(|failed| *failed > number(generation)),
    }
}

/// Only what a step touched has changed, and that has.
fn changes(known: &Known<'_>, now: &Seen) -> Option<String> {
    let before = known.before?;
    let is_same_master = (before.generation, before.master) == (now.generation, now.master);
    let is_recycled = known.site.shape.has(Trait::Recycled);
    let are_same_workers = before.workers == now.workers || is_recycled;
    let is_same_failure = before.failed == now.failed;
    let is_so = match known.change {
        Change::Nothing => is_same_master && are_same_workers && is_same_failure,
        Change::Worker => {
            let mut stayed = before.workers.clone();
            stayed.retain(|worker| now.workers.contains(worker));
            let is_one_lost = stayed.len() + 1 == before.workers.len();
            is_same_master && (is_one_lost || is_recycled) && is_same_failure
        }
        Change::Generation => now.generation > before.generation,
        Change::Failure => is_same_master && are_same_workers && now.failed > before.failed,
        Change::Standing => true,
    };
    (!is_so).then(|| {
        format!(
            "{:?} was to happen: {before:?} became {now:?}",
            known.change
        )
    })
}

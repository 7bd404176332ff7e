//! The numbers of a vassal as uWSGI's JSON. Pure.
//!
//! Names and types are uWSGI's, because programs that read it decode them strictly. Contents of
//! requests, which uWSGI tells as `vars`, are nobody's business: the list is there and empty.

use lictor_core::sys::{BoardNumbers, Memory, ThreadNumbers, WorkerActivity, WorkerNumbers};
use serde_json::{Value, json};

use super::beside::Beside;

/// What is told besides the counters.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) pid: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) chdir: &'a str,
    pub(super) sockets: Vec<Socket>,
    pub(super) leaves_out_cores: bool,
    /// Of each app, that of the app where nothing is mounted being empty.
    pub(super) mountpoints: Vec<&'a str>,
    pub(super) beside: Option<&'a Beside>,
}

/// One socket at which the app is served.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) address: String,
    pub(super) protocol: &'static str,
    pub(super) waiting: u32,
    pub(super) backlog: u32,
}

/// The whole document; `memory` looks a process up.
pub(super) fn document(
    around: &Surroundings<'_>,
    numbers: &BoardNumbers,
    memory: impl Fn(u32) -> Memory,
) -> Value {
    let waiting = around.sockets.iter().map(|socket| socket.waiting).max();
    let workers = numbers.workers.iter();
    let workers: Vec<Value> = workers
        .map(|worker| tell_worker(around, numbers, worker, memory(worker.pid)))
        .collect();
    let mut told = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "listen_queue": waiting.unwrap_or(0),
        "listen_queue_errors": 0,
        "signal_queue": 0,
        "load": waiting.unwrap_or(0),
        "pid": around.pid,
        "uid": around.uid,
        "gid": around.gid,
        "cwd": around.chdir,
        "locks": [],
        "sockets": around.sockets.iter().map(tell_socket).collect::<Vec<_>>(),
        "workers": workers,
    });
    if let (Some(beside), Value::Object(fields)) = (around.beside, &mut told) {
        beside.tell(fields);
    }
    told
}

fn tell_socket(socket: &Socket) -> Value {
    json!({
        "name": socket.address,
        "proto": socket.protocol,
        "queue": socket.waiting,
        "max_queue": socket.backlog,
        "shared": 0,
        "can_offload": 0,
    })
}

fn tell_worker(
    around: &Surroundings<'_>,
    numbers: &BoardNumbers,
    worker: &WorkerNumbers,
    memory: Memory,
) -> Value {
    let requests = worker.sum(|thread| thread.requests);
    let exceptions = worker.sum(|thread| thread.exceptions);
    let mut told = json!({
        "id": worker.id,
        "pid": worker.pid,
        "accepting": u8::from(worker.is_accepting),
        "requests": requests,
        "delta_requests": worker.delta_requests,
        "exceptions": exceptions,
        "harakiri_count": worker.harakiris,
        "signals": 0,
        "signal_queue": 0,
        "status": status(worker.activity),
        "rss": memory.resident,
        "vsz": memory.addressed,
        "running_time": worker.sum(|thread| thread.running_micros),
        "last_spawn": worker.last_spawn,
        // The first start is one too.
        "respawn_count": worker.respawns + u64::from(worker.last_spawn > 0),
        "tx": worker.sum(|thread| thread.sent_bytes),
        "avg_rt": worker.average_micros(),
        "apps": tell_apps(around, numbers.startup_ms, [requests, exceptions]),
    });
    if !around.leaves_out_cores {
        let threads = worker.threads.iter().enumerate();
        let cores: Vec<Value> = threads.map(|(id, thread)| tell_core(id, thread)).collect();
        if let Value::Object(fields) = &mut told {
            fields.insert("cores".to_owned(), cores.into());
        }
    }
    told
}

/// All are imported in one go. What they are asked is counted for a worker, so that it is known of an
/// app where it is the only one.
fn tell_apps(around: &Surroundings<'_>, startup_ms: u64, counted: [u64; 2]) -> Vec<Value> {
    let [requests, exceptions] = match around.mountpoints.len() {
        1 => counted,
        _ => [0, 0],
    };
    let apps = around.mountpoints.iter().enumerate();
    let apps = apps.map(|(id, mountpoint)| {
        json!({
            "id": id,
            "modifier1": 0,
            "mountpoint": mountpoint,
            "startup_time": startup_ms / 1000,
            "requests": requests,
            "exceptions": exceptions,
            "chdir": around.chdir,
        })
    });
    apps.collect()
}

fn tell_core(id: usize, thread: &ThreadNumbers) -> Value {
    json!({
        "id": id,
        "requests": thread.requests,
        "static_requests": thread.static_requests,
        "routed_requests": 0,
        "offloaded_requests": 0,
        "write_errors": thread.write_errors,
        "read_errors": thread.read_errors,
        "in_request": u8::from(thread.in_request > 0),
        "vars": [],
        "req_info": {},
    })
}

fn status(activity: WorkerActivity) -> &'static str {
    match activity {
        WorkerActivity::Cheap => "cheap",
        WorkerActivity::Idle => "idle",
        WorkerActivity::Busy => "busy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(leaves_out_cores: bool) -> Surroundings<'static> {
        let socket = |waiting| Socket {
            address: "127.0.0.1:8000".to_owned(),
            protocol: "http",
            waiting,
            backlog: 100,
        };
        Surroundings {
            pid: 10,
            uid: 33,
            gid: 34,
            chdir: "/srv/blog",
            sockets: vec![socket(3), socket(1)],
            leaves_out_cores,
            mountpoints: vec![""],
            beside: None,
        }
    }

    fn numbers() -> BoardNumbers {
        let thread = ThreadNumbers {
            requests: 4,
            exceptions: 1,
            in_request: 2,
            sent_bytes: 1000,
            running_micros: 80,
            average_micros: 20,
            ..ThreadNumbers::default()
        };
        BoardNumbers {
            startup_ms: 2900,
            workers: vec![WorkerNumbers {
                id: 1,
                pid: 11,
                activity: WorkerActivity::Busy,
                is_accepting: true,
                delta_requests: 3,
                last_spawn: 1000,
                threads: vec![thread, ThreadNumbers::default()],
                ..WorkerNumbers::default()
            }],
        }
    }

    #[test]
    fn a_worker_is_told_with_the_names_of_uwsgi() {
        let memory = |pid| Memory {
            resident: u64::from(pid),
            addressed: 7,
        };
        let told = document(&around(false), &numbers(), memory);
        let worker = &told["workers"][0];
        assert_eq!(told["listen_queue"], 3);
        assert_eq!(worker["requests"], 4);
        assert_eq!(worker["status"], "busy");
        assert_eq!(worker["respawn_count"], 1);
        assert_eq!((&worker["rss"], &worker["vsz"]), (&json!(11), &json!(7)));
        assert_eq!(
            (&worker["tx"], &worker["avg_rt"]),
            (&json!(1000), &json!(20))
        );
        assert_eq!(worker["apps"][0]["startup_time"], 2);
        assert_eq!(worker["cores"][0]["in_request"], 1);
        assert_eq!(worker["cores"][1]["id"], 1);
        assert_eq!(worker["cores"][0]["vars"], json!([]));
    }

    #[test]
    fn each_app_is_told_and_counted_where_it_is_alone() {
        let told = document(&around(false), &numbers(), |_| Memory::default());
        let apps = &told["workers"][0]["apps"];
        assert_eq!((&apps[0]["requests"], apps.get(1)), (&json!(4), None));
        let two = Surroundings {
            mountpoints: vec!["", "/shop"],
            ..around(false)
        };
        let told = document(&two, &numbers(), |_| Memory::default());
        let apps = &told["workers"][0]["apps"];
        assert_eq!(
            (&apps[1]["id"], &apps[1]["mountpoint"], &apps[1]["requests"]),
            (&json!(1), &json!("/shop"), &json!(0))
        );
    }

    #[test]
    fn a_slot_without_a_worker_is_cheap() {
        let mut numbers = numbers();
        numbers.workers.push(WorkerNumbers {
            id: 2,
            ..WorkerNumbers::default()
        });
        let told = document(&around(false), &numbers, |_| Memory::default());
        let worker = &told["workers"][1];
        assert_eq!(
            (&worker["status"], &worker["pid"], &worker["accepting"]),
            (&json!("cheap"), &json!(0), &json!(0))
        );
    }

    #[test]
    fn cores_can_be_left_out() {
        let told = document(&around(true), &numbers(), |_| Memory::default());
        assert_eq!(told["workers"][0].get("cores"), None);
    }
}

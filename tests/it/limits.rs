//! What a vassal file says about its processes: limits, umask, priority, whose the sockets are, and the
//! file with the master's id.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::{Value, json};

use crate::harness::{Emperor, answering, hello, write_whole};

/// What a worker finds around itself.
const LOOK: &str = "json.dumps([*__import__('resource').getrlimit(__import__('resource').RLIMIT_NOFILE)[:1], \
     *__import__('resource').getrlimit(__import__('resource').RLIMIT_AS)[:1], \
     *__import__('resource').getrlimit(__import__('resource').RLIMIT_NPROC)[:1], \
     os.umask(0o027), os.getpriority(os.PRIO_PROCESS, 0), \
     sorted(name for name in ('LC_ALL', 'KEPT', 'TAKEN') if name in os.environ)])";

#[test]
fn limits_hold_in_workers() {
    let emperor = Emperor::start();
    let options = "max-fd = 321\nlimit-as = \"6G\"\nlimit-nproc = 4095\numask = \"027\"\nprio = 7\n\
                   env = [\"KEPT=1\", \"TAKEN=1\", \"LC_ALL=C\"]\nunenv = [\"LC_ALL\", \"TAKEN\"]";
    let blog = emperor.serve("blog", options, &answering(LOOK));
    let found: Value = serde_json::from_str(&emperor.get(&blog)).expect("it is JSON");
    let expected = json!([321, 6_442_450_944_u64, 4095, 0o027, 7, ["KEPT"]]);
    assert_eq!(found, expected);
}

#[test]
fn a_worker_gets_no_more_memory_than_it_may_have() {
    let emperor = Emperor::start();
    let code = "def application(environ, start_response):\n    \
                try:\n        \
                    body = str(len(bytearray(2 << 30))).encode()\n    \
                except MemoryError:\n        \
                    body = b'no memory'\n    \
                start_response('200 OK', [('Content-Length', str(len(body)))])\n    \
                return [body]\n";
    let blog = emperor.serve("blog", "limit-as = 1536", code);
    assert_eq!(emperor.get(&blog), "no memory");
}

#[test]
fn the_pid_file_names_the_master_that_serves() {
    let emperor = Emperor::start();
    let path = emperor.at("blog.pid");
    let options = format!("pidfile = {path:?}");
    let blog = emperor.serve("blog", &options, &hello("x"));
    let named = || -> Option<u32> { fs::read_to_string(&path).ok()?.trim().parse().ok() };
    // It is written before the first answer.
    emperor.get(&blog);
    let first = emperor.master(&blog);
    assert_eq!(named(), Some(first));
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    emperor.heard(&blog, "master-exited", &[("generation", json!(1))]);
    let second = emperor.master(&blog);
    assert_ne!(first, second);
    assert_eq!(named(), Some(second));
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    emperor.heard(&blog, "master-exited", &[("generation", json!(2))]);
    assert!(!path.exists());
}

#[test]
fn a_pid_file_that_cannot_be_written_fails_the_generation() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "pidfile = \"nowhere/blog.pid\"", &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("config", &["nowhere/blog.pid` of `pidfile`"]);
    failure.hints("without `pidfile`, `lictor status` shows the id");
}

#[test]
fn sockets_belong_to_whom_chown_socket_says() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a socket away");
        return;
    }
    let emperor = Emperor::start();
    let path = emperor.at("blog.sock");
    let options = |owner: &str| format!("http = {path:?}\nchown-socket = \"{owner}\"");
    let blog = emperor.serve("blog", &options("54321:54322"), &hello("x"));
    let owner = || {
        let socket = fs::metadata(&path).expect("it is there");
        (socket.uid(), socket.gid(), socket.mode() & 0o777)
    };
    assert_eq!(owner(), (54321, 54322, 0o660));
    // A change is in force without another socket.
    write_whole(&blog.file, &Emperor::text_for(&blog, &options(":54323")));
    let generation = emperor.ready_after(&blog, 1);
    assert_eq!((owner().1, owner().2), (54323, 0o660));
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, &options("nobody-of-this-name")),
    );
    let failure = emperor.failed_after(&blog, generation);
    failure.says("permission", &["nobody-of-this-name", "chown-socket"]);
}

#[test]
fn processes_are_called_as_the_file_says() {
    let emperor = Emperor::start();
    let options = "procname-prefix-spaced = \"web\"\nprocname-append = \" (blog)\"\n\
                   procname-master = \"boss\"";
    let blog = emperor.serve("blog", options, &hello("x"));
    emperor.get(&blog);
    let title = |pid: u32| {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).expect("it is there");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.trim_end_matches('\0').to_owned()
    };
    assert_eq!(title(emperor.master(&blog)), "web boss (blog)");
    let workers: Vec<_> = emperor.workers(&blog).into_iter().map(title).collect();
    let name = &blog.name;
    assert_eq!(workers, [format!("web lictor: {name} #1 worker 1 (blog)")]);
}

//! A worker that the kernel ends for lack of memory: events and status say so.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::harness::{Emperor, answering, get, try_get};

const LIMIT_BYTES: &str = "67108864";

/// A memory cgroup of this test's own.
struct Group(PathBuf);

impl Group {
    /// None where there may be none: without root, in a container, without the controller.
    fn make(name: &str) -> Option<Self> {
        let (first, second) = (
            Path::new("/sys/fs/cgroup/memory"),
            Path::new("/sys/fs/cgroup"),
        );
        let is_first = first.join("memory.limit_in_bytes").exists();
        let directory = if is_first { first } else { second }.join(name);
        fs::create_dir(&directory).ok()?;
        let group = Self(directory);
        let (limit, swap) = if is_first {
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        } else {
            ("memory.max", "memory.swap.max")
        };
        fs::write(group.0.join(limit), LIMIT_BYTES).ok()?;
        // Not there on every kernel, which then has no swap to count.
        let swap_limit = if is_first { LIMIT_BYTES } else { "0" };
        let _without_swap = fs::write(group.0.join(swap), swap_limit);
        Some(group)
    }

    fn take(&self, pid: u32) {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).expect("it is ours");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        assert!(
            removed.is_ok() || std::thread::panicking(),
            "{}: {removed:?}",
            self.0.display()
        );
    }
}

#[test]
fn a_worker_killed_by_the_kernel_for_lack_of_memory_says_so() {
    let Some(group) = Group::make(&format!("lictor-it-{}", std::process::id())) else {
        eprintln!("skipped: this machine lets us make no memory cgroup");
        return;
    };
    let emperor = Emperor::start();
    let eat = "environ['PATH_INFO'] == '/eat' and len(b'x' * (256 << 20)) or os.getpid()";
    let blog = emperor.serve("blog", "", &answering(eat));
    let address = emperor.address(&blog);
    let worker = get(&address, "/");
    group.take(emperor.master(&blog));
    group.take(worker.parse().expect("a number"));
    try_get(&address, "/eat").expect_err("there is nobody to answer");
    let how = "signal 9 (SIGKILL): killed by the kernel for lack of memory";
    let exited = emperor.heard(&blog, "worker-exited", &[]);
    assert_eq!(
        (
            exited["pid"].to_string(),
            &exited["status"],
            &exited["expected"]
        ),
        (worker, &json!(how), &json!(false))
    );
    emperor
        .failed_after(&blog, 0)
        .says("crash", &[how, "replaced at once"]);
    let error = emperor.status_of(&blog)["error"].clone();
    assert_eq!(
        error["message"],
        format!("worker 1 ended: {how}; it was replaced at once")
    );
    assert!(
        error["detail"]
            .as_str()
            .is_some_and(|hint| hint.contains("`reload-on-rss`")),
        "{error}"
    );
    let second = get(&address, "/");
    // The same signal from somebody else is not put down to the kernel.
    let killed = crate::harness::signal(
        second.parse().expect("a number"),
        rustix::process::Signal::KILL,
    );
    assert!(killed.ends_within(crate::harness::DEADLINE));
    let exited = emperor.heard_times(&blog, "worker-exited", &[], 2);
    assert_eq!(exited[1]["status"], "signal 9 (SIGKILL)");
    assert!(emperor.stop().success());
}

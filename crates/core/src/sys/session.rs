//! The other process groups of a session (`setsid(2)`): what a master has started beside its workers.

use super::pidfd::Pidfd;
use super::proc::{group_of, session_of, state_of};

/// What `proc_pid_stat(5)` calls one that has ended and is not reaped.
const ZOMBIE: char = 'Z';

/// SIGKILL to everybody whom a leader that has ended left behind in its session, but not in its own
/// process group. The number of a session is not given to another process as long as somebody is left
/// in it; where another process has it, the session is another one.
pub fn end_other_groups(leader: u32) {
    if state_of(leader).is_some_and(|state| state != ZOMBIE) {
        return;
    }
    let is_other =
        |pid: u32| session_of(pid) == Some(leader) && group_of(pid).is_some_and(|g| g != leader);
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids.filter(|pid| is_other(*pid)) {
        // Looked at again once it is held, so that nobody else is hit who has the number now.
        if let Ok(process) = Pidfd::open(pid)
            && is_other(pid)
        {
            drop(process.kill());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn the_leaders_own_group_stays() {
        // In a session of its own: one that stays in the leader's group, and one that does not.
        let script = "sleep 60 & echo $!; set -m; sleep 60 & echo $!; wait";
        let mut leader = Command::new("setsid")
            .args(["--wait", "bash", "-c", &format!("echo $$; {script}")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(leader.stdout.take().unwrap()).lines();
        let pids: Vec<u32> = lines.take(3).map(|l| l.unwrap().parse().unwrap()).collect();
        let held: Vec<_> = pids.iter().map(|pid| Pidfd::open(*pid).unwrap()).collect();
        end_other_groups(pids[0]);
        assert!(held[2].is_alive(), "the leader lives");
        held[0].kill().unwrap();
        leader.wait().unwrap();
        end_other_groups(pids[0]);
        let mut ended = [PollFd::new(&held[2], PollFlags::IN)];
        poll(&mut ended, None).unwrap();
        assert!(held[1].is_alive());
        held[1].kill().unwrap();
    }
}

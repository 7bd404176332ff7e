//! A process group whose leader has ended, by the leader's number alone (`setpgid(2)`).

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// The group that a process led. The number is not given to another process as long as somebody is
/// left in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    /// The group of this leader.
    pub fn led_by(leader: u32) -> Self {
        Self(i32::try_from(leader).ok().and_then(Pid::from_raw))
    }

    /// Whether the leader is gone and others are left. Where another process has the number, the
    /// group is another one.
    pub fn is_left_behind(self) -> bool {
        self.orphaned()
            .is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    /// SIGKILL to all who are left.
    pub fn kill(self) {
        if let Some(group) = self.orphaned() {
            // Nobody may be left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn orphaned(self) -> Option<Pid> {
        let path = |leader: &Pid| format!("/proc/{}", leader.as_raw_nonzero());
        self.0.filter(|leader| !Path::new(&path(leader)).exists())
    }
}

/// Whether a process is in the group that this leader leads.
pub fn is_in_group(pid: u32, leader: u32) -> bool {
    let process = |pid: u32| i32::try_from(pid).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(leader)) = (process(pid), process(leader)) else {
        return false;
    };
    rustix::process::getpgid(Some(pid)) == Ok(leader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn only_what_a_leader_left_behind_is_ended() {
        let mut alive = Command::new("sleep")
            .arg("60")
            .process_group(0)
            .spawn()
            .unwrap();
        let group = ProcessGroup::led_by(alive.id());
        assert!(!group.is_left_behind());
        assert!(is_in_group(alive.id(), alive.id()));
        assert!(!is_in_group(std::process::id(), alive.id()));
        group.kill();
        assert_eq!(alive.try_wait().unwrap(), None, "it leads, and lives");
        let mut other = Command::new("sleep")
            .arg("60")
            .process_group(i32::try_from(alive.id()).unwrap())
            .spawn()
            .unwrap();
        alive.kill().unwrap();
        alive.wait().unwrap();
        assert!(group.is_left_behind());
        group.kill();
        assert!(!other.wait().unwrap().success());
        assert!(!group.is_left_behind());
    }
}

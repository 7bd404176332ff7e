//! How often the kernel has killed for lack of memory: the only trace that such a death leaves to a
//! parent, who otherwise sees a SIGKILL like any other.
//!
//! The kernel counts before it sends the signal, so whoever hears of the death finds it counted.

use std::path::{Path, PathBuf};

use super::files::read_bounded;

const LIMIT_BYTES: u64 = 64 * 1024;

/// The counts at one moment. What cannot be read is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OomKills {
    /// On the whole machine (`/proc/vmstat`).
    machine: Option<u64>,
    /// In the memory cgroup of this process, by the file that says so (`memory.events` of version 2,
    /// `memory.oom_control` of version 1).
    group: Option<(PathBuf, u64)>,
}

impl OomKills {
    /// Reads the counts. The cgroup is looked up each time, because a process can be moved.
    pub fn read() -> Self {
        let own = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        let group = group_files(&own)
            .into_iter()
            .find_map(|file| Some((count(&read(&file)?)?, file)));
        Self {
            machine: read(Path::new("/proc/vmstat")).and_then(|text| count(&text)),
            group: group.map(|(count, file)| (file, count)),
        }
    }

    /// How many there were since an earlier moment: in the own cgroup, if that can be told, because on
    /// the machine others may be meant.
    pub fn since(&self, earlier: &Self) -> u64 {
        let group = match (&self.group, &earlier.group) {
            (Some((file, now)), Some((same, then))) if file == same => Some((*now, *then)),
            (Some(_) | None, Some(_) | None) => None,
        };
        let (now, then) = group
            .or_else(|| self.machine.zip(earlier.machine))
            .unwrap_or_default();
        now.saturating_sub(then)
    }
}

fn read(file: &Path) -> Option<String> {
    String::from_utf8(read_bounded(file, LIMIT_BYTES).ok()?).ok()
}

/// The line `oom_kill N`, which all three files have.
fn count(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line?.trim().parse().ok()
}

/// The files that may have the count, from `/proc/self/cgroup` (`cgroups(7)`), where distributions
/// mount the hierarchies.
fn group_files(own: &str) -> Vec<PathBuf> {
    let file = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            return Some(Path::new("/sys/fs/cgroup").join(path).join("memory.events"));
        }
        let is_memory = controllers.split(',').any(|name| name == "memory");
        let mount = Path::new("/sys/fs/cgroup/memory");
        is_memory.then(|| mount.join(path).join("memory.oom_control"))
    };
    own.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(machine: Option<u64>, group: Option<(&str, u64)>) -> OomKills {
        OomKills {
            machine,
            group: group.map(|(file, count)| (file.into(), count)),
        }
    }

    #[test]
    fn the_own_group_counts_before_the_machine() {
        let then = kills(Some(5), Some(("/a", 1)));
        assert_eq!(kills(Some(9), Some(("/a", 2))).since(&then), 1);
        assert_eq!(kills(Some(9), Some(("/a", 1))).since(&then), 0);
        // Moved meanwhile, or not readable any more.
        assert_eq!(kills(Some(6), Some(("/b", 7))).since(&then), 1);
        assert_eq!(kills(Some(6), None).since(&then), 1);
        assert_eq!(OomKills::default().since(&then), 0);
        assert_eq!(then.since(&OomKills::default()), 0);
    }

    #[test]
    fn the_files_of_both_versions_are_found() {
        let own = "9:name=systemd:/\n4:cpu,memory:/app/x\n3:cpuset:/\n0::/lictor.service\n";
        let expected = [
            "/sys/fs/cgroup/memory/app/x/memory.oom_control",
            "/sys/fs/cgroup/lictor.service/memory.events",
        ];
        assert_eq!(group_files(own), expected.map(PathBuf::from));
    }

    #[test]
    fn the_counts_of_all_files_look_alike() {
        assert_eq!(
            count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
            Some(3)
        );
        assert_eq!(
            count("low 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n"),
            Some(1)
        );
        assert_eq!(count("nr_free_pages 1\n"), None);
    }

    #[test]
    fn this_machine_says_something() {
        assert_ne!(OomKills::read(), OomKills::default());
    }
}

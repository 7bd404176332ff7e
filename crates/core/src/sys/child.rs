//! Programs that a process starts and that end with it (`prctl(2)`, `PR_SET_PDEATHSIG`).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// The highest number of a signal that is not real-time.
const LAST_SIGNAL: i32 = 31;

/// Lets a program begin as a shell would start it: no descriptor of ours but the standard streams,
/// every signal as it is by default. It is killed when this process ends.
pub fn begin_anew(command: &mut Command) -> &mut Command {
    let parent = getpid();
    let prepare = move || {
        for signal in 1..=LAST_SIGNAL {
            restore(signal);
        }
        close_others_at_exec();
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have ended before it was said.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    };
    #[expect(
        unsafe_code,
        reason = "what is done in a new child has no safe interface"
    )]
    // SAFETY: the closure makes system calls alone; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(prepare)
    }
}

fn restore(signal: i32) {
    #[expect(unsafe_code, reason = "there is no safe interface to signal(2)")]
    // SAFETY: it may be called between fork and exec (`signal-safety(7)`), and the default action
    // runs no code of ours. Those that cannot be changed are refused.
    let _before = unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// What an older kernel does not know is done without: all that is opened here is close-on-exec.
fn close_others_at_exec() {
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    #[expect(unsafe_code, reason = "there is no safe interface to close_range(2)")]
    // SAFETY: a plain system call that sets a flag of descriptors and touches no memory.
    let _done = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flag) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_inherits_neither_descriptors_nor_ignored_signals() {
        let (_kept, inherited) = io::pipe().unwrap();
        super::super::set_close_on_exec(&inherited, false).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ls /proc/self/fd; grep SigIgn /proc/self/status"]);
        let output = begin_anew(&mut command).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        // The directory that is being listed has one itself.
        let numbers = text.lines().filter(|line| line.parse::<u32>().is_ok());
        assert!(numbers.count() <= 4, "{text}");
        let ignored = text.lines().find_map(|line| line.strip_prefix("SigIgn:\t"));
        let ignored = u64::from_str_radix(ignored.unwrap(), 16).unwrap();
        // Bit 0 is signal 1; the C library keeps some of those above to itself.
        assert_eq!(ignored & ((1 << LAST_SIGNAL) - 1), 0, "{text}");
    }
}

//! Programs that a process starts and that end with it (`prctl(2)`, `PR_SET_PDEATHSIG`).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The highest number of a signal that is not real-time.
const LAST_SIGNAL: i32 = 31;

/// Lets a program begin as a shell would start it: no descriptor of ours but the standard streams,
/// every signal as it is by default. It is killed when this process ends.
pub fn begin_anew(command: &mut Command) -> &mut Command {
    let parent = std::process::id();
    let prepare = move || {
        #[expect(
            unsafe_code,
            reason = "these calls have no safe interface in a new child"
        )]
        // SAFETY: all of them may be called between fork and exec (`signal-safety(7)`, or they are
        // plain system calls), and none reads or writes memory of this process.
        unsafe {
            for signal in 1..=LAST_SIGNAL {
                libc::signal(signal, libc::SIG_DFL);
            }
            // An older kernel does not know the flag; what is opened is close-on-exec anyway.
            let flag = libc::CLOSE_RANGE_CLOEXEC;
            libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flag);
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have ended before it was said.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
        Ok(())
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
        assert!(text.contains("0000000000000000"), "{text}");
    }
}

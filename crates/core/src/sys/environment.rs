//! Variables that concern this process alone (`environ(7)`).

use std::ffi::OsString;
use std::{env, io};

use super::proc::thread_count;

/// Takes variables out of the environment of this process, so that no program that it executes finds
/// them, not even its own successor.
///
/// Refused when there are threads that could be reading the environment meanwhile.
pub fn take_variables<const COUNT: usize>(
    names: [&str; COUNT],
) -> io::Result<[Option<OsString>; COUNT]> {
    if thread_count() != 1 {
        return Err(io::Error::other("other threads may read the environment"));
    }
    Ok(names.map(|name| {
        let value = env::var_os(name);
        #[expect(unsafe_code, reason = "the environment belongs to the whole process")]
        // SAFETY: nobody reads the environment at the same time, because this is the only thread,
        // as was just counted; and nobody but this thread could start another.
        unsafe {
            env::remove_var(name);
        }
        value
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_while_another_thread_may_look() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || released.recv());
        assert!(take_variables(["PATH"]).is_err());
        assert!(env::var_os("PATH").is_some());
        drop(release);
        assert!(other.join().unwrap().is_err());
    }
}

//! Whether a write to a closed connection would end the process.

use std::mem::MaybeUninit;

/// Whether `SIGPIPE` has its default action. Python ignores it, but an app may change that.
pub fn would_die_of_sigpipe() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: without a new action sigaction(2) only fills in the old one, for which there is room.
    let got = unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) };
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: all zeroes are a valid value, whether or not the call has filled it in.
    let action = unsafe { action.assume_init() };
    got != 0 || action.sa_sigaction == libc::SIG_DFL
}

//! Local time as text, in the words of `strftime(3)`.

use std::ffi::CString;
use std::mem::MaybeUninit;

/// Longest text; a form that gives more gives nothing.
const LIMIT_BYTES: usize = 512;

/// A moment in local time, as `TZ` or the machine has it, in this form. Empty if there is no such text.
pub fn local_time(form: &str, seconds_since_1970: u64) -> String {
    let (Ok(form), Ok(seconds)) = (CString::new(form), i64::try_from(seconds_since_1970)) else {
        return String::new();
    };
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    #[expect(unsafe_code, reason = "the time zone is the C library's")]
    // SAFETY: localtime_r(3) reads one number and fills in the parts, for which there is room.
    let known = unsafe { libc::localtime_r(&raw const seconds, parts.as_mut_ptr()) };
    if known.is_null() {
        return String::new();
    }
    let mut text = [0_u8; LIMIT_BYTES];
    #[expect(unsafe_code, reason = "strftime is the C library's")]
    // SAFETY: the form ends with NUL, the parts were filled in above, and strftime(3) writes at most as
    // many bytes as it is told.
    let count = unsafe {
        libc::strftime(
            text.as_mut_ptr().cast(),
            LIMIT_BYTES,
            form.as_ptr(),
            parts.as_ptr(),
        )
    };
    String::from_utf8_lossy(text.get(..count).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::local_time;

    #[test]
    fn a_form_is_filled_in() {
        assert_eq!(local_time("%s|%%|x", 1_000_000_000), "1000000000|%|x");
        assert_eq!(local_time("", 0), "");
        assert_eq!(local_time(&"%c".repeat(100), 0), "");
        assert_eq!(local_time("a\0b", 0), "");
    }
}

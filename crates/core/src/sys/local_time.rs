//! Local time (`localtime(3)`), for the `TZ` of this process, and as text in the words of `strftime(3)`.

use std::ffi::CString;
use std::mem::MaybeUninit;

/// Longest text; a form that gives more gives nothing.
const LIMIT_BYTES: usize = 512;

/// A moment in local time, as `TZ` or the machine has it, in this form. Empty if there is no such text.
pub fn local_time(form: &str, seconds_since_1970: u64) -> String {
    let (Ok(form), Ok(seconds)) = (CString::new(form), i64::try_from(seconds_since_1970)) else {
        return String::new();
    };
    let Some(parts) = broken_down(seconds) else {
        return String::new();
    };
    let mut text = [0_u8; LIMIT_BYTES];
    #[expect(unsafe_code, reason = "strftime is the C library's")]
    // SAFETY: the form ends with NUL, the parts are filled in, and strftime(3) writes at most as many bytes
    // as it is told.
    let count = unsafe {
        libc::strftime(
            text.as_mut_ptr().cast(),
            LIMIT_BYTES,
            form.as_ptr(),
            &raw const parts,
        )
    };
    String::from_utf8_lossy(text.get(..count).unwrap_or_default()).into_owned()
}

/// How far local time is ahead of UTC at this moment, in seconds; 0 where nobody knows.
pub fn utc_offset_seconds(unix: i64) -> i64 {
    broken_down(unix).map_or(0, |parts| parts.tm_gmtoff)
}

fn broken_down(unix: i64) -> Option<libc::tm> {
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    #[expect(unsafe_code, reason = "the time zone is the C library's")]
    // SAFETY: localtime_r(3) reads one number and fills in the parts, for which there is room.
    let known = unsafe { libc::localtime_r(&raw const unix, parts.as_mut_ptr()) };
    if known.is_null() {
        return None;
    }
    #[expect(unsafe_code, reason = "the C library has filled them in")]
    // SAFETY: all zeroes are a valid value, and the call above has filled it in.
    Some(unsafe { parts.assume_init() })
}

#[cfg(test)]
mod tests {
    use super::{local_time, utc_offset_seconds};

    #[test]
    fn offsets_are_within_a_day_and_whole_minutes() {
        let offset = utc_offset_seconds(1_780_000_000);
        assert!(offset.abs() < 24 * 3600 && offset % 60 == 0, "{offset}");
    }

    #[test]
    fn a_form_is_filled_in() {
        assert_eq!(local_time("%s|%%|x", 1_000_000_000), "1000000000|%|x");
        assert_eq!(local_time("", 0), "");
        assert_eq!(local_time(&"%c".repeat(100), 0), "");
        assert_eq!(local_time("a\0b", 0), "");
    }
}

//! The offset of local time (`localtime(3)`), for the `TZ` of this process.

use std::mem::MaybeUninit;

/// How far local time is ahead of UTC at this moment, in seconds; 0 where nobody knows.
pub fn utc_offset_seconds(unix: i64) -> i64 {
    let mut broken_down = MaybeUninit::<libc::tm>::zeroed();
    #[expect(unsafe_code, reason = "there is no safe interface to the zone of TZ")]
    // SAFETY: both point to memory of their types, and only the second is written to. The
    // environment, which is read, is not changed by another thread: a master has one.
    let known = unsafe { libc::localtime_r(&raw const unix, broken_down.as_mut_ptr()) };
    if known.is_null() {
        return 0;
    }
    #[expect(unsafe_code, reason = "there is no safe interface to the zone of TZ")]
    // SAFETY: all zeroes are a valid value, and the call has filled it in.
    let broken_down = unsafe { broken_down.assume_init() };
    broken_down.tm_gmtoff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_within_a_day_and_whole_minutes() {
        let offset = utc_offset_seconds(1_780_000_000);
        assert!(offset.abs() < 24 * 3600 && offset % 60 == 0, "{offset}");
    }
}

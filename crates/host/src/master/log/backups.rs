//! Names of log files after rotation, and which of them are too many. Pure.

/// The name of a file that is put aside at this moment. It is newer than all that are there, also if
/// that was less than a second ago.
pub(crate) fn backup_name<'a>(
    name: &str,
    present: impl Iterator<Item = &'a str>,
    seconds_since_1970: u64,
) -> String {
    let newest = backups(name, present).last().map(|(number, _)| *number);
    let number = newest.map_or(0, |newest| newest.saturating_add(1));
    format!("{name}.{}", number.max(seconds_since_1970))
}

/// Which of the files in a directory are backups of this one and older than the `kept` newest.
pub(crate) fn surplus<'a>(
    name: &str,
    present: impl Iterator<Item = &'a str>,
    kept: usize,
) -> Vec<&'a str> {
    let backups = backups(name, present);
    let count = backups.len().saturating_sub(kept);
    backups
        .into_iter()
        .take(count)
        .map(|(_, file)| file)
        .collect()
}

/// The backups of a file among these, the oldest first.
fn backups<'a>(name: &str, present: impl Iterator<Item = &'a str>) -> Vec<(u64, &'a str)> {
    let mut backups: Vec<(u64, &str)> = present
        .filter_map(|file| {
            let digits = file.strip_prefix(name)?.strip_prefix('.')?;
            let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
            Some((digits.parse().ok().filter(|_| is_number)?, file))
        })
        .collect();
    backups.sort_unstable();
    backups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_backups_go_and_nothing_else() {
        let present = [
            "blog.log",
            "blog.log.1700000003",
            "blog.log.1700000001",
            "blog.log.999999999",
            "blog.log.1.gz",
            "blog.log.+5",
            "blog.log.",
            "blog.log.12x",
            "other.log.5",
            "blog.log.1700000002",
        ];
        let surplus = |kept| surplus("blog.log", present.into_iter(), kept);
        assert_eq!(surplus(2), ["blog.log.999999999", "blog.log.1700000001"]);
        assert_eq!(surplus(4), [""; 0]);
        assert_eq!(surplus(1).len(), 3);
        let named = |seconds| backup_name("blog.log", present.into_iter(), seconds);
        assert_eq!(named(1_800_000_000), "blog.log.1800000000");
        assert_eq!(named(1_700_000_003), "blog.log.1700000004");
        assert_eq!(backup_name("x", present.into_iter(), 17), "x.17");
    }
}

//! A stream of bytes, cut into lines. Pure.

/// Longer lines are cut into pieces of this size.
const LINE_LIMIT_BYTES: usize = 64 * 1024;

/// What has come of a line that has no end yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Gives every line that these bytes end, without its end.
    pub(crate) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if let (Some((b'\n', line)), true) = (piece.split_last(), self.pending.is_empty()) {
                each(line);
                continue;
            }
            self.pending.extend_from_slice(piece);
            if self.pending.last() == Some(&b'\n') {
                self.pending.pop();
                each(&self.pending);
                self.pending.clear();
            }
            while self.pending.len() >= LINE_LIMIT_BYTES {
                let rest = self.pending.split_off(LINE_LIMIT_BYTES);
                each(&self.pending);
                self.pending = rest;
            }
        }
    }

    /// Gives what has no end, as if it had one.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&[u8])) {
        if !self.pending.is_empty() {
            each(&self.pending);
            self.pending.clear();
        }
    }

    /// Whether a line waits for its end.
    pub(crate) fn has_rest(&self) -> bool {
        !self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_cut_where_they_end() {
        let mut lines = Lines::default();
        let mut told = Vec::new();
        let mut each = |line: &[u8]| told.push(String::from_utf8_lossy(line).into_owned());
        lines.push(b"one\ntw", &mut each);
        lines.push(b"o\n\nthr", &mut each);
        assert!(lines.has_rest());
        lines.finish(&mut each);
        assert!(!lines.has_rest());
        lines.finish(&mut each);
        assert_eq!(told, ["one", "two", "", "thr"]);
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces() {
        let mut lines = Lines::default();
        let mut lengths = Vec::new();
        for _ in 0..5 {
            lines.push(&vec![b'x'; LINE_LIMIT_BYTES / 2], |line| {
                lengths.push(line.len());
            });
        }
        lines.finish(|line| lengths.push(line.len()));
        assert_eq!(
            lengths,
            [LINE_LIMIT_BYTES, LINE_LIMIT_BYTES, LINE_LIMIT_BYTES / 2]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_it_comes(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..2000),
            cut in 1_usize..500,
        ) {
            let mut lines = Lines::default();
            let mut whole = Vec::new();
            for piece in bytes.chunks(cut) {
                lines.push(piece, |line| {
                    whole.extend_from_slice(line);
                });
            }
            lines.finish(|line| whole.extend_from_slice(line));
            let expected: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\n').collect();
            prop_assert_eq!(whole, expected);
        }
    }
}

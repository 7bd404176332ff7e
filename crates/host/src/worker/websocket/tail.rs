//! The last bytes of what went through a compression: all of its context that a connection keeps.
//! Depends on nothing.

/// At most so many bytes, the newest.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    limit: usize,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn push(&mut self, new: &[u8]) {
        let kept = new
            .get(new.len().saturating_sub(self.limit)..)
            .unwrap_or_default();
        let surplus = (self.bytes.len() + kept.len()).saturating_sub(self.limit);
        self.bytes.drain(..surplus.min(self.bytes.len()));
        // Exactly: what doubles may end at nearly twice the limit.
        self.bytes.reserve_exact(kept.len());
        self.bytes.extend_from_slice(kept);
    }

    #[cfg(test)]
    pub(super) fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_newest_bytes_are_kept() {
        let mut tail = Tail::new(4);
        for (new, kept) in [
            ("ab", "ab"),
            ("cd", "abcd"),
            ("e", "bcde"),
            ("", "bcde"),
            ("123456", "3456"),
        ] {
            tail.push(new.as_bytes());
            assert_eq!(tail.bytes(), kept.as_bytes());
        }
        tail.clear();
        assert!(tail.bytes().is_empty());
        let mut nothing = Tail::new(0);
        nothing.push(b"abc");
        assert!(nothing.bytes().is_empty());
    }
}

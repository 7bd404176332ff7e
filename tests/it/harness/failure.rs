//! Why a generation failed, and whether that is said as it should be.

/// Why a generation failed, as its event says.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) generation: u64,
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) detail: String,
}

impl Failure {
    /// Fails the test unless the failure is of this kind, says all of this, and what to do next.
    #[track_caller]
    pub(crate) fn says(&self, kind: &str, words: &[&str]) {
        assert_eq!(self.kind, kind, "{self:?}");
        for word in words {
            assert!(self.message.contains(word), "`{word}` is missing: {self:?}");
        }
    }

    /// Fails the test unless it says what to do next.
    #[track_caller]
    pub(crate) fn hints(&self, words: &str) {
        assert!(
            self.detail.contains("hint: ") && self.detail.contains(words),
            "no hint `{words}`: {self:?}"
        );
    }
}

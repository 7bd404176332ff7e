//! The texts of a vassal's file that worked, for `lictor rollback` to go back to: plain values.

use std::path::PathBuf;
use std::sync::Arc;

use lictor_core::observe::VassalState;
use serde::{Deserialize, Serialize};

/// A vassal file as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileText {
    /// Says the format, and what relative paths are relative to.
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The configuration in JSON, if more than the text went into it: what that was then is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expanded: Option<String>,
}

/// The texts that worked. Only the file is kept, never the app's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptTexts {
    /// Of the generation that serves, or that served last.
    pub(super) good: Option<Arc<FileText>>,
    /// Of the last one that served before it and had another text.
    pub(super) previous: Option<Arc<FileText>>,
}

/// Why there is nothing to go back to, as the end of a sentence that begins with the vassal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoEarlierText {
    #[error("has not served yet, so there is no file to go back to; mend the one that is there")]
    NeverServed,
    #[error(
        "serves by the very file that is there: what failed stands elsewhere, where a rollback does \
         not reach; see `lictor status`, mend it, and try again with `lictor retry`"
    )]
    OnlyCodeFailed,
    #[error("has served by no other file than the one that is there")]
    NoOther,
}

impl KeptTexts {
    /// A generation made from this text serves.
    pub(super) fn served(&mut self, text: &Arc<FileText>) {
        if self.good.as_ref() != Some(text) {
            self.previous = self.good.replace(Arc::clone(text));
        }
    }

    /// What a rollback goes back to: the last text that worked, unless that is the newest one,
    /// which `is_newest` tells.
    pub(super) fn to_go_back_to(
        &self,
        state: VassalState,
        is_newest: impl Fn(&FileText) -> bool,
    ) -> Result<&Arc<FileText>, NoEarlierText> {
        let good = self.good.as_ref().ok_or(NoEarlierText::NeverServed)?;
        if !is_newest(good) {
            return Ok(good);
        }
        if state == VassalState::Degraded {
            return Err(NoEarlierText::OnlyCodeFailed);
        }
        self.previous.as_ref().ok_or(NoEarlierText::NoOther)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Arc<FileText> {
        Arc::new(FileText {
            expanded: None,
            path: "vassals/blog.toml".into(),
            text: text.into(),
        })
    }

    /// What is gone back to after these have served, with `newest` in the file.
    fn back(
        served: &[&str],
        newest: &str,
        state: VassalState,
    ) -> Result<Arc<FileText>, NoEarlierText> {
        let mut kept = KeptTexts::default();
        for served in served {
            kept.served(&text(served));
        }
        let newest = text(newest);
        let target = kept.to_go_back_to(state, |known| *known == *newest);
        target.cloned()
    }

    #[test]
    fn a_file_that_failed_gives_way_to_the_one_that_serves() {
        for state in [VassalState::Degraded, VassalState::Backoff] {
            assert_eq!(back(&["a", "b"], "c", state), Ok(text("b")));
        }
        // One that hangs as it comes up, too.
        assert_eq!(back(&["a"], "b", VassalState::Reloading), Ok(text("a")));
    }

    #[test]
    fn a_file_that_serves_gives_way_to_the_one_before() {
        assert_eq!(back(&["a", "b"], "b", VassalState::Ready), Ok(text("a")));
        // A reload with the same text is no other file.
        assert_eq!(
            back(&["a", "b", "b"], "b", VassalState::Ready),
            Ok(text("a"))
        );
        // Nothing serves any more, and what worked last does not: then the one before that.
        assert_eq!(back(&["a", "b"], "b", VassalState::Backoff), Ok(text("a")));
    }

    #[test]
    fn after_a_rollback_the_way_forward_and_back_stay_known() {
        let mut kept = KeptTexts::default();
        for served in ["a", "b", "a"] {
            kept.served(&text(served));
        }
        assert_eq!(kept.good, Some(text("a")));
        assert_eq!(kept.previous, Some(text("b")));
    }

    #[test]
    fn without_an_earlier_file_it_is_refused() {
        let refused = back(&[], "a", VassalState::Backoff);
        assert_eq!(refused, Err(NoEarlierText::NeverServed));
        let refused = back(&["a"], "a", VassalState::Ready);
        assert_eq!(refused, Err(NoEarlierText::NoOther));
        let refused = back(&["a", "b"], "b", VassalState::Degraded);
        assert_eq!(refused, Err(NoEarlierText::OnlyCodeFailed));
    }

    #[test]
    fn what_is_written_down_is_read_again() {
        let mut kept = KeptTexts::default();
        kept.served(&text("a = \"ä\"\n"));
        let written = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<KeptTexts>(&written).unwrap(), kept);
    }
}

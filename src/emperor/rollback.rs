//! Going back to the last vassal file that worked, until the file changes again.

use lictor_core::observe::{EventKind, VassalState};

use super::lifecycle::Event;
use super::run::Emperor;
use crate::control::ActError;

impl Emperor {
    /// Begins a generation from an earlier text of the file. The file itself stays as it is.
    pub(super) fn roll_back(&mut self, name: &str) -> Result<(), ActError> {
        let Some(vassal) = self.vassals.get(name) else {
            return Ok(());
        };
        let refused = |reason: String| ActError::Refused(format!("vassal `{name}` {reason}"));
        if vassal.rolled_back {
            let file = vassal.path.display();
            let reason = format!("is rolled back already; touch `{file}` to go forward");
            return Err(refused(reason));
        }
        let state = vassal.life.state();
        let text = vassal
            .kept
            .to_go_back_to(state, |text| vassal.has_newest(text))
            .map_err(|reason| refused(reason.to_string()))?
            .clone();
        let file = text.path.display().to_string();
        let Some((config, text)) = self.config_of(vassal, text) else {
            let reason = "has an earlier file that is not understood any more".to_owned();
            return Err(refused(reason));
        };
        let Some(vassal) = self.vassals.get_mut(name) else {
            return Ok(());
        };
        vassal.rolled_back = true;
        vassal.begin_with(config, text);
        self.journal
            .tell(Some(name), EventKind::VassalRolledBack { file });
        self.happen(name, Event::FileGood);
        Ok(())
    }

    /// What served has ended, and the newest file has failed beside it: what follows is made from
    /// the file that worked, as if somebody had rolled back.
    pub(super) fn fall_back(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get(name) else {
            return;
        };
        let is_degraded = vassal.life.state() == VassalState::Degraded && !vassal.rolled_back;
        let text = vassal.kept.good.clone().filter(|_| is_degraded);
        let Some(text) = text.filter(|text| !vassal.has_newest(text)) else {
            return;
        };
        let file = text.path.display().to_string();
        let Some((config, text)) = self.config_of(vassal, text) else {
            return;
        };
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.rolled_back = true;
            vassal.begin_with(config, text);
            self.journal
                .tell(Some(name), EventKind::VassalRolledBack { file });
        }
    }
}

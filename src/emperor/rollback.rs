//! Going back to the last vassal file that worked, until the file changes again.

use lictor_core::observe::EventKind;

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
}

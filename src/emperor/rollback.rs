//! Going back to the last vassal file that worked, until the file changes again.

use lictor_core::observe::EventKind;

use super::lifecycle::Event;
use super::run::Emperor;
use crate::control::ActError;

impl Emperor {
    /// Begins a generation from an earlier text of the file. The file itself stays as it is.
    pub(super) fn roll_back(&mut self, name: &str) -> Result<(), ActError> {
        let Some(vassal) = self.vassals.get_mut(name) else {
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
        // It was read before; what does not stand in it may have changed since.
        let config = self
            .settings
            .sources
            .get(vassal.source)
            .map(|source| source.parse_file(&text.path, text.text.as_bytes()));
        let config = match config {
            Some(Ok(config)) => config,
            Some(Err(diagnostics)) => {
                let reason = format!("has an earlier file that is bad now: {diagnostics}");
                return Err(refused(reason));
            }
            None => return Err(refused("has lost its source".to_owned())),
        };
        let file = text.path.display().to_string();
        vassal.rolled_back = true;
        vassal.begin_with(config, Some(text));
        self.journal
            .tell(Some(name), EventKind::VassalRolledBack { file });
        self.happen(name, Event::FileGood);
        Ok(())
    }
}

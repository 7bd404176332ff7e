//! Going back to the last vassal file that worked: by order, until the file changes again; or by
//! itself, when the newest has failed and nothing serves, until the newest is tried again.

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
        if vassal.is_rolled_back_by_order() {
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
        vassal.life.call();
        vassal.begin_with(config, text);
        self.journal
            .tell(Some(name), EventKind::VassalRolledBack { file });
        self.happen(name, Event::FileGood);
        Ok(())
    }

    /// Nothing serves, and the newest file has failed, while another one has worked: what follows is
    /// made from that.
    pub(super) fn fall_back_if_down(&mut self, name: &str) {
        let vassal = self.vassals.get(name);
        if vassal.is_some_and(|vassal| vassal.life.serving().is_none()) {
            self.fall_back(name);
        }
    }

    /// The same when what serves is about to be taken for ended.
    pub(super) fn fall_back(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get(name) else {
            return;
        };
        let may_fall_back = vassal.life.may_fall_back() && !vassal.rolled_back;
        let text = vassal.kept.good.clone().filter(|_| may_fall_back);
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
            self.happen(name, Event::FellBack);
        }
    }
}

//! A look at the sources: what is there now becomes events of the vassals' lives.
//!
//! The look itself is short; the files that it finds changed are then read one at a time, so that
//! hundreds of them keep nobody else waiting.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lictor_core::config::{Diagnostics, Policy, VassalConfig, read_vassal_bytes, vassal_user};
use lictor_core::ipc::ExpandOrder;
use lictor_core::observe::{EventKind, Failure, FailureKind, VassalState};
use lictor_core::sys::release_cold_code;

use super::kept::FileText;
use super::lifecycle::Event;
use super::run::Emperor;
use super::snapshot::{Change, Found, Snapshot, changes, content_hash};
use super::sources::Source;
use super::vassal::Vassal;
use super::watch::Watch;

/// A good file, and its text to be gone back to.
pub(super) type Parsed = (VassalConfig, Option<Arc<FileText>>);

/// Why a file is no configuration yet.
enum Unparsed {
    Failed(Failure),
    /// It names what only its user may look at.
    Asks(Box<ExpandOrder>),
}

impl Emperor {
    /// Looks at all sources and acts on what changed.
    pub(super) fn look(&mut self, watch: &mut Watch) {
        if self.is_stopping() {
            return;
        }
        // Watched first, so that what changes during the look is looked at again.
        let points = self
            .settings
            .sources
            .iter()
            .flat_map(Source::watch_points)
            .collect();
        watch.set(&points);
        self.try_to_write_again();
        let now = self.snapshot();
        let before = std::mem::replace(&mut self.snapshot, now);
        self.tell_refused(&before);
        for change in changes(&before, &self.snapshot) {
            match change {
                Change::Added(name) => self.file_added(&name),
                Change::Changed(name) => self.file_changed(&name, before.vassals.get(&name)),
                Change::Removed(name) => self.file_removed(&name),
            }
        }
    }

    /// What the sources hold now. A source that cannot be read keeps its vassals: a network file
    /// system that is away is no order to stop everything.
    pub(super) fn snapshot(&self) -> Snapshot {
        let running = |name: &str| self.vassals.get(name).map(|vassal| vassal.path.as_path());
        let mut now = Snapshot::default();
        for (index, source) in self.settings.sources.iter().enumerate() {
            let mut found = Snapshot::default();
            if let Err(error) = source.list(index, &mut found, &running) {
                self.source_failed(index, source.label(), &error, &mut found);
            }
            now.refused.extend(found.refused);
            for (name, found) in found.vassals {
                let running = running(&name);
                now.insert(name, found, running);
            }
        }
        now
    }

    /// Once for each file, as long as it is there.
    fn tell_refused(&self, before: &Snapshot) {
        let refused = self.snapshot.refused.iter();
        for (path, fault) in refused.filter(|(path, _)| !before.refused.contains_key(*path)) {
            let kind = EventKind::FileRefused {
                file: path.display().to_string(),
                reason: fault.to_string(),
            };
            self.journal.tell(None, kind);
        }
    }

    fn source_failed(&self, index: usize, source: String, error: &io::Error, found: &mut Snapshot) {
        let message = error.to_string();
        let kind = EventKind::SourceFailed { source, message };
        self.journal.tell(None, kind);
        let known = self.snapshot.vassals.iter();
        let kept = known.filter(|(_, found)| found.source == index);
        found
            .vassals
            .extend(kept.map(|(name, found)| (name.clone(), found.clone())));
    }

    fn file_added(&mut self, name: &str) {
        let Some(found) = self.snapshot.vassals.get(name).cloned() else {
            return;
        };
        let file = found.path.display().to_string();
        self.journal
            .tell(Some(name), EventKind::VassalAdded { file });
        // It may be there still, on its way out.
        let vassal = self
            .vassals
            .entry(name.to_owned())
            .or_insert_with(|| Vassal::new(name.to_owned(), found.source, found.path.clone()));
        vassal.is_file_gone = false;
        vassal.stand_for(&found);
        self.unread.push_back(name.to_owned());
    }

    fn file_changed(&mut self, name: &str, before: Option<&Found>) {
        let Some(found) = self.snapshot.vassals.get(name).cloned() else {
            return;
        };
        let Some(before) = before else { return };
        let is_same_file = found.path == before.path && found.rival == before.rival;
        if is_same_file && !found.identity.was_touched_since(&before.identity) {
            // Mode, owner or the content under an old time: only the content can tell.
            let hash = read_vassal_bytes(&found.path)
                .ok()
                .map(|bytes| content_hash(&bytes));
            let known = self.vassals.get(name).and_then(|vassal| vassal.hash);
            if hash.is_some() && hash == known {
                return;
            }
        }
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.stand_for(&found);
        }
        let file = found.path.display().to_string();
        self.journal
            .tell(Some(name), EventKind::VassalChanged { file });
        self.unread.push_back(name.to_owned());
    }

    fn file_removed(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        let file = vassal.path.display().to_string();
        self.journal
            .tell(Some(name), EventKind::VassalRemoved { file });
        if vassal.is_unreached() {
            // Its sockets are not here yet, and another vassal may be about to take them over.
            vassal.is_file_gone = true;
            return;
        }
        self.happen(name, Event::FileGone);
    }

    /// Reads one of the files that wait for it. After the last one of the first look, everything
    /// that was there has been acted on.
    pub(super) fn read_next(&mut self) {
        if self.is_stopping() {
            self.unread.clear();
            return;
        }
        if let Some(name) = self.unread.pop_front() {
            self.read_again(&name);
        }
        if self.unread.is_empty() && !self.is_ready {
            self.is_ready = true;
            let vassals = self.vassals.len();
            self.journal.tell(None, EventKind::EmperorReady { vassals });
            // The command line is read and the host library laid out, from megabytes of constants.
            release_cold_code();
        }
    }

    /// All files are read again, each in its turn.
    pub(super) fn read_all_again(&mut self) {
        self.vassals.values_mut().for_each(Vassal::go_forward);
        let others = self
            .vassals
            .keys()
            .filter(|name| !self.unread.contains(name));
        let others: Vec<String> = others.cloned().collect();
        self.unread.extend(others);
    }

    /// Somebody wants a new generation: of the newest file, unless it was rolled back by order.
    pub(super) fn read_newest(&mut self, name: &str) {
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.go_forward();
        }
        self.read_again(name);
    }

    /// Reads the file of a vassal again, as it is now, and begins a new generation. One that is
    /// rolled back keeps the text that it went back to.
    pub(super) fn read_again(&mut self, name: &str) {
        self.unread.retain(|unread| unread != name);
        let Some(found) = self.snapshot.vassals.get(name).cloned() else {
            return;
        };
        if self.knows_earlier(name) {
            let vassal = self.vassals.get(name);
            let has_fallen_back = vassal.is_some_and(|vassal| vassal.life.has_fallen_back());
            let event = if has_fallen_back {
                Event::FellBack
            } else {
                Event::FileGood
            };
            self.happen(name, event);
        } else {
            self.read(name, &found);
        }
    }

    fn read(&mut self, name: &str, found: &Found) {
        let (outcome, hash) = self.parse(name, found);
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.hash = hash;
            vassal.expanding = None;
        }
        match outcome {
            Ok(parsed) => self.settle(name, Ok(parsed)),
            Err(Unparsed::Failed(failure)) => self.settle(name, Err(failure)),
            Err(Unparsed::Asks(order)) => self.expand(name, order),
        }
    }

    /// What follows from a file that was read.
    pub(super) fn settle(&mut self, name: &str, outcome: Result<Parsed, Failure>) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        match outcome {
            Ok((config, text)) => {
                vassal.begin_with(config, text);
                self.happen(name, Event::FileGood);
            }
            Err(failure) => {
                self.happen(name, Event::FileBad);
                if let Some(vassal) = self.vassals.get_mut(name) {
                    let generation = vassal.life.newest();
                    vassal.tell_failure(generation, failure, &self.journal);
                }
                self.fall_back_if_down(name);
                self.fail_foreground();
            }
        }
    }

    /// Finds out what an adopted vassal runs by, for the next start.
    pub(super) fn know(&mut self, name: &str) {
        let found = self.snapshot.vassals.get(name).cloned();
        let Some(found) = found.filter(|_| !self.knows_earlier(name)) else {
            return;
        };
        let Some(vassal) = self.vassals.get(name) else {
            return;
        };
        let mut parsed = match self.parse(name, &found).0 {
            Ok(parsed) => Some(parsed),
            // What it came to then is known as long as it says the same.
            Err(Unparsed::Asks(order)) => [&vassal.text, &vassal.kept.good]
                .into_iter()
                .flatten()
                .find(|known| known.text == order.text && known.expanded.is_some())
                .and_then(|known| self.config_of(vassal, Arc::clone(known))),
            Err(Unparsed::Failed(_)) => None,
        };
        if parsed.is_none() && vassal.life.state() == VassalState::Degraded {
            // The file may be what failed then; what serves runs by another one.
            let good = vassal.kept.good.clone();
            parsed = good.and_then(|good| self.config_of(vassal, good));
        }
        match (parsed, self.vassals.get_mut(name)) {
            (Some((config, text)), Some(vassal)) => vassal.begin_with(config, text),
            // An older version understood it.
            (None, _) | (_, None) => self.read(name, &found),
        }
    }

    /// Whether a vassal is rolled back, and what it has gone back to is known; if it was another
    /// emperor that did so, it has to be read.
    fn knows_earlier(&mut self, name: &str) -> bool {
        let Some(vassal) = self.vassals.get(name).filter(|vassal| vassal.rolled_back) else {
            return false;
        };
        if vassal.config.is_some() {
            return true;
        }
        let text = vassal.text.clone();
        let parsed = text.and_then(|text| self.config_of(vassal, text));
        match (parsed, self.vassals.get_mut(name)) {
            (Some((config, text)), Some(vassal)) => {
                vassal.begin_with(config, text);
                true
            }
            (None, Some(vassal)) => {
                vassal.rolled_back = false;
                false
            }
            (_, None) => false,
        }
    }

    /// What an earlier text says, if it still says anything.
    pub(super) fn config_of(&self, vassal: &Vassal, text: Arc<FileText>) -> Option<Parsed> {
        let source = self.settings.sources.get(vassal.source)?;
        let config = if let Some(expanded) = &text.expanded {
            serde_json::from_str(expanded).ok()
        } else {
            let policy = source.policy(self.settings.policy.read().ok()?);
            let parsed = source.parse_file(&text.path, text.text.as_bytes(), &policy);
            parsed.ok()
        };
        Some((config?, Some(text)))
    }

    /// What the file says or what is wrong with it, and the hash of what was read.
    fn parse(&self, name: &str, found: &Found) -> (Result<Parsed, Unparsed>, Option<u64>) {
        if let Some(rival) = &found.rival {
            let failure = rival_failure(name, &found.path, rival);
            return (Err(Unparsed::Failed(failure)), None);
        }
        let source = self
            .vassals
            .get(name)
            .and_then(|vassal| self.settings.sources.get(vassal.source));
        let Some(source) = source else {
            let failure = Failure::new(FailureKind::Config, "its source is gone", "");
            return (Err(Unparsed::Failed(failure)), None);
        };
        let bytes = if source.has_files() {
            match read_vassal_bytes(&found.path) {
                Ok(bytes) => bytes,
                Err(error) => return (Err(Unparsed::Failed(failure(&error))), None),
            }
        } else {
            Vec::new()
        };
        let hash = Some(content_hash(&bytes));
        let path = found.path.clone();
        let policy = match self.settings.policy.read() {
            Ok(policy) => source.policy(policy),
            Err(failure) => return (Err(Unparsed::Failed(failure)), hash),
        };
        let config = match source.parse_file(&found.path, &bytes, &policy) {
            Ok(config) => config,
            Err(error) if error.asks_outside() => {
                return (Err(self.order_for(path, &bytes, policy)), hash);
            }
            Err(error) => return (Err(Unparsed::Failed(failure(&error))), hash),
        };
        // What was parsed is text.
        let text = String::from_utf8(bytes).ok().map(|text| {
            Arc::new(FileText {
                path,
                text,
                expanded: None,
            })
        });
        (Ok((config, text)), hash)
    }

    /// What is to be done to read a file that names what is outside it: as whom it says itself.
    fn order_for(&self, path: PathBuf, bytes: &[u8], policy: Policy) -> Unparsed {
        match vassal_user(&path, bytes, &policy) {
            Ok(user) => Unparsed::Asks(Box::new(ExpandOrder {
                path,
                text: String::from_utf8_lossy(bytes).into_owned(),
                policy,
                user,
                environment: self.settings.environment.clone(),
                open_files: self.settings.open_files,
            })),
            Err(error) => Unparsed::Failed(failure(&error)),
        }
    }
}

fn failure(diagnostics: &Diagnostics) -> Failure {
    let (message, detail) = (diagnostics.summary(), diagnostics.to_string());
    Failure::new(FailureKind::Config, message, detail)
}

fn rival_failure(name: &str, path: &Path, rival: &Path) -> Failure {
    let message = format!(
        "two files stand for vassal `{name}`: `{}` and `{}`",
        path.display(),
        rival.display()
    );
    Failure::new(
        FailureKind::Config,
        message,
        "hint: rename or remove one of them",
    )
}

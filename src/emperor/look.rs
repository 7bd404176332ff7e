//! A look at the sources: what is there now becomes events of the vassals' lives.

use std::io;
use std::path::Path;

use lictor_core::config::read_vassal_bytes;
use lictor_core::observe::{EventKind, Failure, FailureKind};

use super::lifecycle::Event;
use super::run::Emperor;
use super::snapshot::{Change, Found, Snapshot, changes, content_hash};
use super::sources::Source;
use super::vassal::Vassal;
use super::watch::Watch;

impl Emperor {
    /// Looks at all sources and acts on what changed.
    pub(super) fn look(&mut self, watch: &mut Watch) {
        if self.is_stopping {
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
        let now = self.snapshot();
        let before = std::mem::replace(&mut self.snapshot, now);
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
            for (name, found) in found.vassals {
                let running = running(&name);
                now.insert(name, found, running);
            }
        }
        now
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
        vassal.stand_for(&found);
        self.read(name, &found);
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
        self.read(name, &found);
    }

    fn file_removed(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get(name) else {
            return;
        };
        let file = vassal.path.display().to_string();
        self.journal
            .tell(Some(name), EventKind::VassalRemoved { file });
        self.happen(name, Event::FileGone);
    }

    /// Reads the file of a vassal again, as it is now, and begins a new generation.
    pub(super) fn read_again(&mut self, name: &str) {
        if let Some(found) = self.snapshot.vassals.get(name).cloned() {
            self.read(name, &found);
        }
    }

    fn read(&mut self, name: &str, found: &Found) {
        let outcome = self.parse(name, found);
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        match outcome {
            Ok((config, hash)) => {
                vassal.know(config, hash);
                self.happen(name, Event::FileGood);
            }
            Err((failure, hash)) => {
                vassal.hash = hash;
                self.happen(name, Event::FileBad);
                if let Some(vassal) = self.vassals.get_mut(name) {
                    let generation = vassal.life.newest();
                    vassal.tell_failure(generation, failure, &self.journal);
                }
                self.fail_foreground();
            }
        }
    }

    /// Reads the file of a vassal that runs as it says.
    pub(super) fn know(&mut self, name: &str) {
        let Some(found) = self.snapshot.vassals.get(name).cloned() else {
            return;
        };
        match self.parse(name, &found) {
            Ok((config, hash)) => {
                if let Some(vassal) = self.vassals.get_mut(name) {
                    vassal.know(config, hash);
                }
            }
            // An older version understood it.
            Err(_) => self.read(name, &found),
        }
    }

    fn parse(
        &self,
        name: &str,
        found: &Found,
    ) -> Result<(lictor_core::config::VassalConfig, Option<u64>), (Failure, Option<u64>)> {
        if let Some(rival) = &found.rival {
            return Err((rival_failure(name, &found.path, rival), None));
        }
        let source = self
            .vassals
            .get(name)
            .and_then(|vassal| self.settings.sources.get(vassal.source));
        let Some(source) = source else {
            return Err((
                Failure::new(FailureKind::Config, "its source is gone", ""),
                None,
            ));
        };
        let failure = |diagnostics: lictor_core::config::Diagnostics| {
            Failure::new(
                FailureKind::Config,
                diagnostics.summary(),
                diagnostics.to_string(),
            )
        };
        let bytes = if source.has_files() {
            read_vassal_bytes(&found.path).map_err(|error| (failure(error), None))?
        } else {
            Vec::new()
        };
        let hash = Some(content_hash(&bytes));
        let config = source.parse_file(&found.path, &bytes);
        config
            .map(|config| (config, hash))
            .map_err(|error| (failure(error), hash))
    }
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

//! "Look again": events of the directories, never more than a hint.
//!
//! What an event says is not used, because editors, `mv`, `rsync` and link swaps all say different
//! things. A look follows once it has been quiet for a moment, so that 200 files dropped at once
//! are looked at once; a slow periodic look finds what no event told (network file systems, a lost
//! watch).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Config, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// So long must it be quiet before the look.
const QUIET: Duration = Duration::from_millis(20);
/// A look comes at the latest so long after the first event, also if it is never quiet.
const LONGEST: Duration = Duration::from_millis(300);
/// A look without any event.
const PERIOD: Duration = Duration::from_mins(1);

/// Watches directories and says when to look again.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    events: mpsc::Receiver<()>,
    first_event: Option<Instant>,
    next_period: Instant,
    has_code_changed: Arc<AtomicBool>,
}

impl Watch {
    /// Nothing is watched yet. Where the kernel has no watches left, only the periodic look remains.
    pub(super) fn new() -> Self {
        // One place is enough: a second event before the look adds nothing.
        let (sender, events) = mpsc::channel(1);
        let has_code_changed = Arc::new(AtomicBool::new(false));
        let code = Arc::clone(&has_code_changed);
        let tell = move |event: notify::Result<notify::Event>| {
            // An error is a gap in what is known, so it means a look too.
            if event.as_ref().is_ok_and(|event| is_read(event.kind)) {
                return;
            }
            if event.is_ok_and(|event| event.paths.iter().any(|path| is_code(path))) {
                code.store(true, Ordering::Relaxed);
            }
            // Full: a look is due already.
            let _ = sender.try_send(());
        };
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(tell, config)
            .inspect_err(|error| {
                tracing::warn!("directories cannot be watched, looking every minute: {error}");
            })
            .ok();
        let next_period = Instant::now() + PERIOD;
        Self {
            watcher,
            watched: BTreeSet::new(),
            events,
            first_event: None,
            next_period,
            has_code_changed,
        }
    }

    /// Whether a `.py` file changed in the watched tree since this was asked last.
    pub(super) fn take_code_change(&self) -> bool {
        self.has_code_changed.swap(false, Ordering::Relaxed)
    }

    /// Watches exactly these directories from now on.
    pub(super) fn set(&mut self, points: &BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for gone in self.watched.difference(points) {
            let _may_be_gone = watcher.unwatch(gone);
        }
        // A directory that was replaced under its name needs a new watch, so each is set again.
        self.watched = points
            .iter()
            .filter_map(|point| watch_nearest(watcher, point))
            .collect();
    }

    /// Watches a tree as well, for `lictor serve --reload`.
    pub(super) fn set_tree(&mut self, root: &Path) {
        if let Some(watcher) = &mut self.watcher
            && let Err(error) = watcher.watch(root, RecursiveMode::Recursive)
        {
            tracing::warn!("`{}` cannot be watched: {error}", root.display());
        }
    }

    /// Returns when it is time to look again. May be dropped at any time without losing a hint.
    pub(super) async fn look_again(&mut self) {
        loop {
            match self.first_event {
                None => {
                    if timeout_at(self.next_period, self.events.recv())
                        .await
                        .is_err()
                    {
                        break;
                    }
                    self.first_event = Some(Instant::now());
                }
                Some(first) => {
                    let latest = first + LONGEST;
                    let quiet = Instant::now() + QUIET;
                    if timeout_at(quiet.min(latest), self.events.recv())
                        .await
                        .is_err()
                    {
                        break;
                    }
                }
            }
        }
        self.first_event = None;
        self.next_period = Instant::now() + PERIOD;
    }
}

/// Watches a directory, or the nearest one above it that is there, where it will appear again.
fn watch_nearest(watcher: &mut RecommendedWatcher, point: &Path) -> Option<PathBuf> {
    point
        .ancestors()
        .map(|place| {
            if place.as_os_str().is_empty() {
                Path::new(".")
            } else {
                place
            }
        })
        .find(|place| is_watched(watcher, place))
        .map(Path::to_path_buf)
}

fn is_watched(watcher: &mut RecommendedWatcher, point: &Path) -> bool {
    let _may_be_new = watcher.unwatch(point);
    watcher
        .watch(point, RecursiveMode::NonRecursive)
        .inspect_err(|error| tracing::debug!("`{}` cannot be watched: {error}", point.display()))
        .is_ok()
}

fn is_read(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Access(
            AccessKind::Open(_) | AccessKind::Read | AccessKind::Close(AccessMode::Read)
        )
    )
}

fn is_code(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "py")
}

//! Where vassals come from: directories, globs, or the one app of `lictor serve`.
//!
//! A source is narrow on purpose: it lists what is there, and names the directories whose events
//! mean "look again". What a list means is decided elsewhere.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use lictor_core::config::{
    Diagnostics, Machine, Policy, VassalConfig, name_fault, parse_flags, parse_vassal_under,
    vassal_name,
};

use super::snapshot::Snapshot;

/// One source.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Every vassal file in a directory.
    Directory(PathBuf),
    /// Every vassal file that a pattern matches (`glob(7)`).
    Glob(String),
    /// One app, from a file or only from options of the command line.
    Single(SingleApp),
}

/// The app of `lictor serve`.
#[derive(Clone, Debug)]
pub(super) struct SingleApp {
    /// The vassal's name.
    pub(super) name: String,
    /// The vassal file, or the directory that stands for it when there is none.
    pub(super) place: PathBuf,
    /// Whether `place` is a file to be read.
    pub(super) is_file: bool,
    /// What relative paths of the options are relative to.
    pub(super) base_dir: PathBuf,
    /// Options of the command line.
    pub(super) flags: Vec<(String, Vec<String>)>,
}

impl Source {
    /// What was typed: a directory, or a pattern.
    pub(super) fn parse(text: &str) -> Self {
        let is_pattern = text.contains(['*', '?', '[']);
        if is_pattern && !Path::new(text).is_dir() {
            Self::Glob(text.to_owned())
        } else {
            Self::Directory(PathBuf::from(text))
        }
    }

    /// As it was typed.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Directory(path) => path.display().to_string(),
            Self::Glob(pattern) => pattern.clone(),
            Self::Single(app) => app.place.display().to_string(),
        }
    }

    /// Adds what is there now to the snapshot, as of the source of this index. `running` gives the file that runs under a name.
    pub(super) fn list<'a>(
        &self,
        index: usize,
        snapshot: &mut Snapshot,
        running: &impl Fn(&str) -> Option<&'a Path>,
    ) -> io::Result<()> {
        if let Self::Single(app) = self
            && !app.is_file
        {
            snapshot.add_fileless(app.name.clone(), app.place.clone(), index);
            return Ok(());
        }
        for path in self.candidates()? {
            let name = match self {
                Self::Single(app) => Some(app.name.clone()),
                Self::Directory(_) | Self::Glob(_) => match vassal_name(&path) {
                    Some(name) if is_regular(&path)? => Some(name),
                    Some(_) => None,
                    None => {
                        note_fault(&path, snapshot)?;
                        None
                    }
                },
            };
            if let Some(name) = name {
                let running = running(&name);
                snapshot.add(name, path, index, running);
            }
        }
        Ok(())
    }

    fn candidates(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = match self {
            Self::Directory(directory) => {
                let entries = std::fs::read_dir(directory)?;
                entries
                    .map(|entry| Ok(entry?.path()))
                    .collect::<io::Result<Vec<_>>>()?
            }
            Self::Glob(pattern) => glob::glob(pattern)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?
                .filter_map(Result::ok)
                .collect(),
            Self::Single(app) => vec![app.place.clone()],
        };
        paths.sort();
        Ok(paths)
    }

    /// What is added to its files, beside what the provider adds to all.
    pub(super) fn policy(&self, provider: Policy) -> Policy {
        match self {
            Self::Directory(_) | Self::Glob(_) => provider,
            Self::Single(app) => Policy {
                flags: app.flags.clone(),
                flags_base: app.base_dir.clone(),
                ..provider
            },
        }
    }

    /// Turns the bytes of a vassal file into a vassal.
    pub(super) fn parse_file(
        &self,
        path: &Path,
        bytes: &[u8],
        policy: &Policy,
    ) -> Result<VassalConfig, Diagnostics> {
        match self {
            Self::Single(app) if !app.is_file => {
                parse_flags(&app.base_dir, None, &app.flags, &Machine::here())
            }
            Self::Directory(_) | Self::Glob(_) | Self::Single(_) => {
                parse_vassal_under(path, bytes, policy)
            }
        }
    }

    /// Whether there is a file to be read at all.
    pub(super) fn has_files(&self) -> bool {
        match self {
            Self::Directory(_) | Self::Glob(_) => true,
            Self::Single(app) => app.is_file,
        }
    }

    /// The directories whose events may mean a change: those listed, and each that holds a link on
    /// the way to one of them (a deploy that swaps `current -> release-42` changes nothing else).
    pub(super) fn watch_points(&self) -> BTreeSet<PathBuf> {
        let mut points = BTreeSet::new();
        match self {
            Self::Directory(directory) => {
                points.insert(directory.clone());
                for path in self.candidates().unwrap_or_default() {
                    if path.is_symlink() {
                        add_links_of(&path, &mut points);
                    }
                }
                add_links_of(directory, &mut points);
            }
            Self::Glob(pattern) => {
                points.extend(parents_of_pattern(pattern));
                for path in self.candidates().unwrap_or_default() {
                    points.extend(path.parent().map(Path::to_path_buf));
                    add_links_of(&path, &mut points);
                }
            }
            Self::Single(app) if app.is_file => {
                points.extend(app.place.parent().map(Path::to_path_buf));
                add_links_of(&app.place, &mut points);
            }
            Self::Single(_) => {}
        }
        points
            .into_iter()
            .map(|p| {
                if p.as_os_str().is_empty() {
                    ".".into()
                } else {
                    p
                }
            })
            .collect()
    }
}

/// A file that its owner takes for a vassal is not passed over without a word.
fn note_fault(path: &Path, snapshot: &mut Snapshot) -> io::Result<()> {
    if let Some(fault) = name_fault(path)
        && is_regular(path)?
    {
        snapshot.refused.insert(path.to_owned(), fault);
    }
    Ok(())
}

/// Whether a regular file is there. That it cannot be told just now (a network file system that is
/// away) is an error, not a no: a no would end the vassal.
fn is_regular(path: &Path) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let is_loop = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    is_loop || matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// Every directory in which an entry could begin to match the pattern.
fn parents_of_pattern(pattern: &str) -> BTreeSet<PathBuf> {
    let mut points = BTreeSet::new();
    let mut prefix = PathBuf::new();
    for component in Path::new(pattern).components() {
        let is_pattern = component
            .as_os_str()
            .to_string_lossy()
            .contains(['*', '?', '[']);
        if is_pattern {
            let so_far = if prefix.as_os_str().is_empty() {
                ".".into()
            } else {
                prefix.clone()
            };
            let matching = glob::glob(&so_far.to_string_lossy());
            points.extend(
                matching
                    .into_iter()
                    .flatten()
                    .filter_map(Result::ok)
                    .filter(|p| p.is_dir()),
            );
        }
        prefix.push(component);
    }
    points
}

/// Adds the directory of every link that is followed on the way to `path`.
fn add_links_of(path: &Path, points: &mut BTreeSet<PathBuf>) {
    let mut pending = vec![path.to_path_buf()];
    // As many links as the kernel follows (`path_resolution(7)`).
    for _ in 0..40 {
        let Some(path) = pending.pop() else { return };
        let mut walked = PathBuf::new();
        for component in path.components() {
            if let Component::Normal(name) = component
                && let Ok(target) = std::fs::read_link(walked.join(name))
            {
                points.insert(walked.clone());
                points.extend(walked.join(&target).parent().map(Path::to_path_buf));
                pending.push(walked.join(target));
            }
            walked.push(component);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn the_directory_of_a_swapped_link_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("release-1/vassals")).unwrap();
        symlink("release-1", root.join("current")).unwrap();
        let source = Source::Directory(root.join("current/vassals"));
        let points = source.watch_points();
        assert!(points.contains(&root), "{points:?}");
        assert!(points.contains(&root.join("current/vassals")));
    }

    #[test]
    fn the_target_of_a_linked_vassal_file_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("vassals")).unwrap();
        std::fs::create_dir_all(root.join("blog")).unwrap();
        symlink("../blog/lictor.toml", root.join("vassals/blog.toml")).unwrap();
        let points = Source::Directory(root.join("vassals")).watch_points();
        assert!(points.contains(&root.join("vassals/../blog")), "{points:?}");
    }

    #[test]
    fn every_level_of_a_pattern_is_watched() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/vassals")).unwrap();
        let points = parents_of_pattern(&format!("{}/*/vassals/*.toml", root.display()));
        assert_eq!(
            points.into_iter().collect::<Vec<_>>(),
            [root.clone(), root.join("a/vassals")]
        );
    }
}

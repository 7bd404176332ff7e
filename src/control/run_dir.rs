//! Where the emperor's sockets lie, by one rule for the emperor and everybody who looks for it.
//!
//! `--run-dir`, else `LICTOR_RUN_DIR`, else `/run/lictor` for root, else `lictor` below
//! `XDG_RUNTIME_DIR`, else `lictor-UID` in the directory for temporary files. Anybody can make the
//! last one, so it counts only when it is ours and nobody else can enter it.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The run directory and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// It lies where others may put something too.
    in_shared_place: bool,
}

/// Why a run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunDirError {
    /// The kernel refused.
    #[error("could not make the run directory `{}`", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused.
    #[error("could not look at the run directory `{}`", path.display())]
    Look {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file, or a symbolic link to wherever.
    #[error("the run directory `{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Somebody else's, or open to others.
    #[error("the run directory `{}` is not private to user {uid}", path.display())]
    NotPrivate {
        /// The directory.
        path: PathBuf,
        /// Whose it should be.
        uid: u32,
    },
}

impl RunDirError {
    /// The next step.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Create { .. } | Self::Look { .. } => "name another one with `--run-dir`",
            Self::NotADirectory(_) | Self::NotPrivate { .. } => {
                "remove it, or name another one with `--run-dir`"
            }
        }
    }
}

impl RunDir {
    /// The run directory for this process, `flag` being the value of `--run-dir`.
    pub(crate) fn find(flag: Option<PathBuf>) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        choose(flag, |name| env::var_os(name), uid, &env::temp_dir())
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The control socket in it.
    pub(crate) fn control_socket(&self) -> PathBuf {
        self.path.join("emperor.sock")
    }

    /// Makes it if it is missing, for its owner alone. For emperors.
    pub(crate) fn create(&self) -> Result<(), RunDirError> {
        let made = DirBuilder::new()
            .recursive(!self.in_shared_place)
            .mode(0o700)
            .create(&self.path);
        match made {
            Err(source) if source.kind() != ErrorKind::AlreadyExists => Err(RunDirError::Create {
                path: self.path.clone(),
                source,
            }),
            _ => self.check(),
        }
    }

    /// Refuses a directory that somebody else has laid out. One that is missing is fine.
    pub(crate) fn check(&self) -> Result<(), RunDirError> {
        // One that was named or that only root can make may be a link or be open to a group.
        let looked = if self.in_shared_place {
            fs::symlink_metadata(&self.path)
        } else {
            fs::metadata(&self.path)
        };
        match looked {
            Ok(found) => self.judge(&found),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(source) => Err(RunDirError::Look {
                path: self.path.clone(),
                source,
            }),
        }
    }

    fn judge(&self, found: &Metadata) -> Result<(), RunDirError> {
        let path = self.path.clone();
        let uid = rustix::process::geteuid().as_raw();
        let private = found.uid() == uid && found.mode().trailing_zeros() >= 6;
        match (found.is_dir(), self.in_shared_place) {
            (false, _) => Err(RunDirError::NotADirectory(path)),
            (true, true) if !private => Err(RunDirError::NotPrivate { path, uid }),
            // Whoever may write there could answer in the emperor's name.
            (true, false) if found.mode() & 0o002 != 0 => {
                Err(RunDirError::NotPrivate { path, uid })
            }
            (true, _) => Ok(()),
        }
    }
}

/// The rule itself.
fn choose(
    flag: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
    uid: u32,
    temporary: &Path,
) -> RunDir {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let sure = |path| RunDir {
        path,
        in_shared_place: false,
    };
    if let Some(named) = flag.or_else(|| set("LICTOR_RUN_DIR")) {
        return sure(named);
    }
    if uid == 0 {
        return sure("/run/lictor".into());
    }
    // The XDG Base Directory Specification: a relative path is to be ignored.
    if let Some(runtime) = set("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()) {
        return sure(runtime.join("lictor"));
    }
    RunDir {
        path: temporary.join(format!("lictor-{uid}")),
        in_shared_place: true,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn chosen(flag: Option<&str>, variables: &[(&str, &str)], uid: u32) -> String {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| OsString::from(v))
        };
        let dir = choose(flag.map(PathBuf::from), variable, uid, Path::new("/tmp"));
        assert_eq!(dir.in_shared_place, dir.path.starts_with("/tmp"));
        dir.path.display().to_string()
    }

    #[test]
    fn one_rule_for_all() {
        let xdg = ("XDG_RUNTIME_DIR", "/run/user/7");
        let own = ("LICTOR_RUN_DIR", "/srv/run");
        assert_eq!(chosen(Some("here"), &[xdg, own], 0), "here");
        assert_eq!(chosen(None, &[xdg, own], 7), "/srv/run");
        assert_eq!(chosen(None, &[xdg], 0), "/run/lictor");
        assert_eq!(chosen(None, &[xdg], 7), "/run/user/7/lictor");
        assert_eq!(
            chosen(None, &[("XDG_RUNTIME_DIR", "run")], 7),
            "/tmp/lictor-7"
        );
        assert_eq!(chosen(None, &[("LICTOR_RUN_DIR", "")], 7), "/tmp/lictor-7");
    }

    fn shared(path: &Path) -> RunDir {
        RunDir {
            path: path.to_owned(),
            in_shared_place: true,
        }
    }

    #[test]
    fn a_directory_is_made_for_its_owner_alone() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = shared(&temporary.path().join("lictor"));
        dir.check().unwrap();
        dir.create().unwrap();
        dir.create().unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_others_may_have_laid_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let open = temporary.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            shared(&open).create(),
            Err(RunDirError::NotPrivate { .. })
        ));
        let sure = RunDir {
            path: open.clone(),
            in_shared_place: false,
        };
        sure.check().unwrap();

        let link = temporary.path().join("link");
        symlink(&open, &link).unwrap();
        assert!(matches!(
            shared(&link).check(),
            Err(RunDirError::NotADirectory(_))
        ));
    }
}

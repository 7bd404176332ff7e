//! Where names lead, and what is known of what lies there.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, Mode, fstat, mkfifoat};
use rustix::io::Errno;

use super::{Absence, Entry, Root};

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn look(root: &Path, safe: &[PathBuf], name: &str) -> String {
    match Root::open(root, safe).and_then(|root| root.look(name.as_bytes())) {
        Ok(Entry::File(file)) => format!("{} bytes", file.size),
        Ok(Entry::Directory) => "directory".to_owned(),
        Err(absence) => format!("{absence:?}"),
    }
}

#[test]
fn links_do_not_lead_out() {
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path();
    let (root, outside) = (base.join("root"), base.join("outside"));
    write(&root.join("dir/a"), "1");
    write(&outside.join("b"), "22");
    for (target, link) in [
        ("dir/a", "inside"),
        ("../outside/b", "out"),
        ("../outside", "dir/up"),
        ("../root/dir/a", "out-and-in"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    symlink(outside.join("b"), root.join("absolute")).unwrap();
    mkfifoat(CWD, root.join("fifo"), Mode::RWXU).unwrap();
    let safe = [outside.clone()];
    for (name, expected, with_safe) in [
        ("dir/a", "1 bytes", "1 bytes"),
        ("inside", "1 bytes", "1 bytes"),
        ("dir", "directory", "directory"),
        ("", "directory", "directory"),
        ("out", "Outside", "2 bytes"),
        ("absolute", "Outside", "2 bytes"),
        ("dir/up/b", "Missing", "Missing"),
        ("out-and-in", "Outside", "Outside"),
        ("missing", "Missing", "Missing"),
        ("dir/a/b", "Missing", "Missing"),
        ("dangling", "Missing", "Missing"),
        (
            "loop",
            "Refused(Os { code: 40, kind: FilesystemLoop, message: \"Too many levels of symbolic links\" })",
            "",
        ),
        ("fifo", "Missing", "Missing"),
    ] {
        assert_eq!(look(&root, &[], name), expected, "{name}");
        if !with_safe.is_empty() {
            assert_eq!(look(&root, &safe, name), with_safe, "{name} with safe");
        }
    }
    assert_eq!(look(&root.join("dir/a"), &[], ""), "1 bytes");
    assert_eq!(look(&root.join("dir/a"), &[], "x"), "Missing");
}

#[test]
fn a_file_is_known_and_so_is_what_lies_beside_it() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a.css");
    write(&path, "123");
    write(&temporary.path().join("a.css.gz"), "12");
    for (root, name) in [(temporary.path(), "a.css"), (&path, "")] {
        let root = Root::open(root, &[]).unwrap();
        assert!(root.path().ends_with(root.path.as_os_str().as_bytes()));
        let Ok(Entry::File(file)) = root.look(name.as_bytes()) else {
            panic!("{name:?}");
        };
        let expected = std::fs::metadata(&path).unwrap();
        let modified = expected.modified().unwrap().duration_since(UNIX_EPOCH);
        let modified = i128::try_from(modified.unwrap().as_nanos()).unwrap();
        assert_eq!(file.modified_ns, modified);
        assert!(file.changed_ns >= modified);
        assert_eq!(fstat(&file.fd).unwrap().st_ino, expected.ino());
        let beside = root.beside(name.as_bytes(), ".gz");
        assert!(matches!(beside, Ok(Entry::File(file)) if file.size == 2));
        assert!(root.beside(name.as_bytes(), ".br").is_err());
    }
    assert!(Absence::Refused(Errno::MFILE).is_passing());
    assert!(!Absence::Refused(Errno::ACCESS).is_passing() && !Absence::Missing.is_passing());
}

#[test]
fn an_old_kernel_is_asked_where_the_file_lies() {
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path();
    let root = base.join("root");
    write(&root.join("a"), "1");
    write(&base.join("rooted"), "22");
    symlink("a", root.join("inside")).unwrap();
    symlink("../rooted", root.join("out")).unwrap();
    let opened = Root::open(&root, &[]).unwrap();
    let roots = [root.clone()];
    let look = |name: &str| opened.look_where_it_lies(name.as_ref(), &roots).map(|_| ());
    assert_eq!(look("inside"), Ok(()));
    assert_eq!(look("out"), Err(Absence::Outside));
    assert_eq!(look("missing"), Err(Absence::Missing));
}

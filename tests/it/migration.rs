//! A directory of uWSGI's vassals: checked, explained, converted, and run.

use std::fs;

use crate::harness::{Emperor, hello, lictor, write_python, write_whole};

#[test]
fn every_name_of_uwsgi_has_an_answer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    // Each sort once; the tables are held by tests of their own.
    for (name, part) in [
        ("pyhome", "pyhome is another name of virtualenv"),
        ("master", "every vassal has a master process"),
        ("max-requests-delta", "with any value"),
        ("for-glob", "is understood there"),
        ("snmp", "What to do: let the SNMP agent"),
    ] {
        let ran = lictor(directory.path(), &["explain", name]).with_code(0);
        let words: Vec<_> = ran.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(part), "{}", ran.stdout);
    }
}

#[test]
fn a_check_tells_everything_about_a_directory_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    write_whole(
        &at("v/blog.ini"),
        "[uwsgi]\nstats-push = :3031\nvaccum = true\nmodule = blog ; the app\nprocesses = four\nmule = x\n",
    );
    write_whole(&at("v/shop.ini"), "[uwsgi]\nmodule = shop\nhttp = :1\n");
    write_whole(&at("v/shop.toml"), "module = \"shop\"\nhttp = \":1\"\n");
    write_whole(&at("v/old.xml"), "<uwsgi/>\n");
    write_whole(&at("v/shop.ini~"), "\n");
    let ran = lictor(directory.path(), &["check", "v"]).with_code(65);
    assert_eq!(ran.stdout, "checked 4 files: 4 bad\n");
    let all = ran.stderr;
    let mut rest = all.as_str();
    // In the order of the file, then what the files do not show by themselves.
    for part in [
        "blog.ini:2:1",
        "did you mean `vacuum`?",
        "blog.ini:4:15",
        "not `four`",
        "run background work as a service",
        "all stand for the vassal `shop`",
        "old.xml` is no vassal",
        "shop.ini~` is passed over",
    ] {
        let Some((_, behind)) = rest.split_once(part) else {
            panic!("`{part}` is not there, or not in its place:\n{all}");
        };
        rest = behind;
    }
}

#[test]
fn a_converted_file_takes_the_place_of_the_old_one() {
    let emperor = Emperor::start();
    let blog = emperor.vassal("blog");
    write_python(&blog.app, &hello("as before"));
    let directory = blog.file.parent().expect("it has one").to_owned();
    let old = blog.file.with_extension("ini");
    let app = blog.app.display();
    write_whole(
        &emperor.at("old/blog.ini"),
        &format!(
            "[uwsgi]\n; The blog.\nmaster = true\nhttp-socket = 127.0.0.1:0\nwsgi-file = {app}\n\
             workers = 2\nvacuum = true\nharakiri = 30\n"
        ),
    );
    let source = emperor.at("old/blog.ini");
    let paths = [source.to_str(), blog.file.to_str()].map(|path| path.expect("it is text"));
    let ran = lictor(&directory, &["convert", paths[0], "-o", paths[1]]).with_code(0);
    for part in [
        "note: `master` was left out",
        "note: `harakiri` counts",
        "note: relative",
    ] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(!old.exists());
    let text = fs::read_to_string(&blog.file).expect("it was written");
    assert!(
        text.contains("# The blog.\n") && text.contains("processes = 2\n"),
        "{text}"
    );
    lictor(&directory, &["check", paths[1]]).with_code(0);
    emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "as before");
    // What has no counterpart is told, kept as a comment, and ends with the code of a bad file.
    write_whole(
        &source,
        "[uwsgi]\nhttp = :1\nmodule = a\nspooler = /tmp/x\n",
    );
    let ran = lictor(&directory, &["convert", paths[0]]).with_code(65);
    assert!(
        ran.stdout
            .contains("# not converted: spooler = \"/tmp/x\"\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr
            .contains("not converted: `spooler`: use a task queue"),
        "{}",
        ran.stderr
    );
}

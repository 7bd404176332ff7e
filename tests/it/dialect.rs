//! Vassal files in uWSGI's dialect that name what is outside them: who reads that, and what becomes of
//! the vassal, its neighbours and the emperor when it cannot be read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::harness::{Emperor, Setup, Vassal, answering, hello, lictor, write_python, write_whole};

/// A user that every Linux has and nobody works as.
const NOBODY: &str = "nobody";
const NOBODY_ID: u32 = 65534;

/// A vassal whose file is INI, with an app beside it.
fn add(emperor: &Emperor, name: &str, options: &str, code: &str) -> Vassal {
    let mut vassal = emperor.vassal(name);
    vassal.file.set_extension("ini");
    write_python(&vassal.app, code);
    write_whole(&vassal.file, &text(&vassal, options));
    vassal
}

fn text(vassal: &Vassal, options: &str) -> String {
    let directory = vassal.app.parent().expect("it has one").display();
    format!("[uwsgi]\nmodule = app\nchdir = {directory}\nhttp = 127.0.0.1:0\n{options}\n")
}

/// Root alone can see that a tenant's file is not read by root.
fn root_setup() -> Option<Setup> {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/python3").exists() {
        eprintln!("skipped: only root can become another user, who needs an interpreter");
        return None;
    }
    let setup = Setup::new();
    fs::set_permissions(setup.at(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
    Some(setup)
}

/// What a tenant's vassal needs beside the rest.
fn as_tenant(options: &str) -> String {
    format!("python = /usr/bin/python3\nuid = {NOBODY}\n{options}")
}

/// A file that only one user may read.
fn private_file(emperor: &Emperor, name: &str, text: &str, owner: u32) -> String {
    let path = emperor.at(name);
    write_whole(&path, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    chown(&path, Some(owner), None).expect("root may");
    path.display().to_string()
}

#[test]
fn what_a_tenant_names_is_read_as_the_tenant() {
    let Some(setup) = root_setup() else { return };
    let emperor = setup.start();
    let shared = "[uwsgi]\nenv = SHARED=%n-%N\nenv = HOMES=$(HOME)\nenv = WHO=%U\n";
    let include = private_file(&emperor, "shared.ini", shared, NOBODY_ID);
    let secret = private_file(&emperor, "secret", "s3cret\n", NOBODY_ID);
    let options = as_tenant(&format!("include = {include}\nenv = SECRET=@({secret})"));
    let code = answering("[os.environ[k] for k in ('SHARED', 'WHO', 'SECRET')]");
    let blog = add(&emperor, "blog", &options, &code);
    emperor.ready_after(&blog, 0);
    let expected = format!("['shared-{}', '{NOBODY}', 's3cret']", blog.name);
    assert_eq!(emperor.get(&blog), expected);
    let ran = lictor(
        &emperor.at(""),
        &["check", &blog.file.display().to_string()],
    );
    assert!(ran.with_code(0).stdout.contains("good"));
}

#[test]
fn what_only_root_may_read_is_refused_and_the_old_generation_serves_on() {
    let Some(setup) = root_setup() else { return };
    let emperor = setup.start();
    let blog = add(&emperor, "blog", &as_tenant(""), &hello("old"));
    let generation = emperor.ready_after(&blog, 0);
    let secret = private_file(&emperor, "root.ini", "[uwsgi]\nenv = ROOT=secret\n", 0);
    let options = as_tenant(&format!("include = {secret}"));
    write_whole(&blog.file, &text(&blog, &options));
    let failure = emperor.failed_after(&blog, 0);
    failure.says(
        "config",
        &["could not read", "root.ini", "Permission denied"],
    );
    assert!(!failure.detail.contains("ROOT"), "{}", failure.detail);
    assert_eq!(emperor.get(&blog), "old");
    let ran = lictor(
        &emperor.at(""),
        &["check", &blog.file.display().to_string()],
    );
    assert!(ran.with_code(65).stderr.contains("Permission denied"));
    // In the foreground too, where the user may also come from the command line.
    let own = emperor.at("own.ini");
    let name = own.display().to_string();
    for (options, flags) in [
        (as_tenant(&format!("include = {secret}")), vec![]),
        (format!("include = {secret}"), vec!["--uid", NOBODY]),
    ] {
        write_whole(&own, &text(&blog, &options));
        let ran = lictor(&emperor.at(""), &[&["serve", &name], &*flags].concat());
        assert!(ran.with_code(65).stderr.contains("Permission denied"));
    }
    write_whole(&blog.file, &text(&blog, &as_tenant("env = A=%k")));
    assert!(emperor.ready_after(&blog, generation) > generation);
}

#[test]
fn a_file_cannot_become_somebody_else_by_what_it_names() {
    let Some(setup) = root_setup() else { return };
    let emperor = setup.start();
    let python = "python = /usr/bin/python3";
    let user = private_file(&emperor, "user.ini", "[uwsgi]\nuid = root\n", NOBODY_ID);
    let options = as_tenant(&format!("include = {user}"));
    let included = add(&emperor, "included", &options, &hello("x"));
    let failure = emperor.failed_after(&included, 0);
    failure.says("config", &["`uid` in a file that another one names"]);
    let options = format!("{python}\nif-env = PATH\nuid = {NOBODY}\nendif");
    let conditional = add(&emperor, "conditional", &options, &hello("x"));
    let failure = emperor.failed_after(&conditional, 0);
    failure.says("config", &["must stand in the file itself"]);
    let unknown = add(&emperor, "unknown", "uid = $(USER)\n", &hello("x"));
    let failure = emperor.failed_after(&unknown, 0);
    failure.says(
        "config",
        &["`uid` in a file that asks for more than itself"],
    );
}

/// A FIFO that nobody writes, a file of 4 GiB, and one that names itself.
fn traps(emperor: &Emperor) -> [String; 3] {
    let fifo = emperor.at("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a FIFO");
    let huge = emperor.at("huge.ini");
    let file = fs::File::create(&huge).expect("it is ours");
    file.set_len(1 << 32).expect("it is sparse");
    let circle = emperor.at("circle.ini");
    write_whole(
        &circle,
        &format!("[uwsgi]\ninclude = {}\n", circle.display()),
    );
    [fifo, huge, circle].map(|path| path.display().to_string())
}

#[test]
fn hostile_files_are_refused_and_hold_nobody_up() {
    let emperor = Emperor::start();
    let [fifo, huge, circle] = traps(&emperor);
    for (name, options, words) in [
        ("fifo", format!("env = A=@({fifo})"), "not a regular file"),
        (
            "device",
            "env = A=@(/dev/zero)".to_owned(),
            "not a regular file",
        ),
        ("huge", format!("include = {huge}"), "larger than"),
        (
            "circle",
            format!("include = {circle}"),
            "is being read already",
        ),
        (
            "command",
            "env = A=@(exec://id)".to_owned(),
            "must not run commands",
        ),
        (
            "many",
            "for-times = 1000000000\nenv = A=1\nendfor".to_owned(),
            "more than 1000 rounds",
        ),
        (
            "unset",
            "env = A=$(NOBODY_SET_THIS)".to_owned(),
            "the environment has no",
        ),
    ] {
        let vassal = add(&emperor, name, &options, &hello("x"));
        let failure = emperor.failed_after(&vassal, 0);
        failure.says("config", &[words]);
    }
    let good = add(
        &emperor,
        "good",
        "processes = %(n + 1)\nn = 1",
        &hello("good"),
    );
    emperor.ready_after(&good, 0);
    assert_eq!(emperor.get(&good), "good");
}

#[test]
fn a_reload_reads_again_what_the_file_names() {
    let emperor = Emperor::start();
    let include = emperor.at("more.ini");
    write_whole(&include, "[uwsgi]\nenv = MORE=one\n");
    // Relative to the directory of the vassal file.
    let options = "include = ../more.ini";
    let code = answering("os.environ['MORE']");
    let blog = add(&emperor, "blog", options, &code);
    let generation = emperor.ready_after(&blog, 0);
    assert_eq!(emperor.get(&blog), "one");
    write_whole(&include, "[uwsgi]\nenv = MORE=two\n");
    let ran = emperor.lictor(&["reload", &blog.name, "--wait"]);
    ran.with_code(0);
    assert!(emperor.ready_after(&blog, generation) > generation);
    assert_eq!(emperor.get(&blog), "two");
    write_whole(&include, "[uwsgi]\nenvv = MORE=three\n");
    let ran = emperor.lictor(&["reload", &blog.name, "--wait"]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(emperor.get(&blog), "two");
    // What it goes back to is what it was, not what the other file says today.
    write_whole(&include, "[uwsgi]\nenv = MORE=four\n");
    emperor.lictor(&["reload", &blog.name, "--wait"]);
    assert_eq!(emperor.get(&blog), "four");
}

#[test]
fn the_next_emperor_finds_such_a_vassal_as_it_was() {
    let mut emperor = Setup::new().start_leaving_vassals();
    let include = emperor.at("more.ini");
    write_whole(&include, "[uwsgi]\nenv = MORE=one\n");
    let options = format!("include = {}", include.display());
    let blog = add(&emperor, "blog", &options, &answering("os.environ['MORE']"));
    let generation = emperor.ready_after(&blog, 0);
    let master = emperor.master(&blog);
    emperor.kill9();
    emperor.start_again();
    assert_eq!(emperor.get(&blog), "one");
    assert_eq!(emperor.master(&blog), master);
    write_whole(&include, "[uwsgi]\nenv = MORE=two\n");
    emperor.touch(&blog.file);
    assert!(emperor.ready_after(&blog, generation) > generation);
    assert_eq!(emperor.get(&blog), "two");
}

#[test]
fn the_provider_has_the_first_and_the_last_word() {
    let setup = Setup::new();
    let (before, after) = (setup.at("before.ini"), setup.at("after.ini"));
    write_whole(
        &before,
        "[uwsgi]\nenv = A=before\nenv = B=before\nenv = T=%n-%N\n",
    );
    write_whole(&after, "[uwsgi]\nprocesses = 1\nenv = C=after\n");
    let flags = [
        "--vassals-include-before",
        &before.display().to_string(),
        "--vassals-include",
        &after.display().to_string(),
        "--vassal-set",
        "env=D=set",
    ];
    let emperor = setup.flags(&flags).start();
    let code = answering("[os.environ[k] for k in 'ABCDT']");
    let options = "processes = 7\nenv = B=own\nenv = C=own";
    let blog = add(&emperor, "blog", options, &code);
    emperor.ready_after(&blog, 0);
    let expected = format!("['before', 'own', 'after', 'set', 'before-{}']", blog.name);
    assert_eq!(emperor.get(&blog), expected);
    assert_eq!(emperor.workers(&blog).len(), 1);
}

#[test]
fn check_looks_at_what_a_file_names() {
    let setup = Setup::new();
    let (file, more) = (setup.at("blog.ini"), setup.at("more.ini"));
    let text = "[uwsgi]\nmodule = app\nhttp = :8000\ninclude = more.ini\n";
    write_whole(&file, text);
    write_whole(&more, "[uwsgi]\nprocesses = 2\n");
    let check = || lictor(&setup.at(""), &["check", "blog.ini"]);
    check().with_code(0);
    write_whole(&more, "[uwsgi]\n; a comment\nprocesess = 2\n");
    let stderr = check().with_code(65).stderr;
    for words in [
        "unknown option `procesess`",
        "more.ini:3:1",
        "did you mean `processes`?",
    ] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}

#[test]
fn check_knows_the_provider_s_templates() {
    let setup = Setup::new();
    write_whole(
        &setup.at("blog.ini"),
        "[uwsgi]\nmodule = %(app)\nhttp = :8000\n",
    );
    write_whole(&setup.at("more.ini"), "[uwsgi]\nprocesses = many\n");
    let check =
        |further: &[&str]| lictor(&setup.at(""), &[&["check", "blog.ini"], further].concat());
    let without = check(&[]).with_code(65).stderr;
    assert!(without.contains("nothing sets `app`"), "{without}");
    let set = ["--vassal-set", "app=blog:app"];
    check(&set).with_code(0);
    let stderr = check(&[&set[..], &["--vassals-include", "more.ini"]].concat());
    let stderr = stderr.with_code(65).stderr;
    assert!(stderr.contains("more.ini:2:13"), "{stderr}");
    let stderr = check(&["--vassals-include", "none.ini"])
        .with_code(1)
        .stderr;
    assert!(stderr.contains("none.ini"), "{stderr}");
}

/// The `env` lines that uWSGI prints of a file, among its messages.
fn printed_by_uwsgi(file: &Path) -> Option<Vec<String>> {
    let mut command = std::process::Command::new("uwsgi");
    let directory = file.parent()?;
    let name = file.file_name()?.to_str()?;
    command.current_dir(directory).env("HOME", "/home/x");
    command.args(["--show-config", "--no-server", "--ini", name]);
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = text.lines().filter_map(|line| line.strip_prefix("env = "));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    (!lines.is_empty()).then_some(lines)
}

#[test]
fn values_are_those_that_uwsgi_prints() {
    const VALUES: &str = "a = 9\nb = %(a + 4 * 2)\nset-ph = sp=hello\nenv = A=%n.%s.%e.%c.%d.%p\n\
        env = B=%(a a + 1)-%(b)-%(a --)-%(later)\nlater = z\nenv = C=%(sp)\nenv = D=%0/%1\n\
        env = E=100%%\nenv = F=%j\nfor = x y\nenv = W%(_)=%(_)\nendfor =\nfor-times = 2\n\
        env = T%(_)=%(_)\nendfor =\nif-opt = a=9\nenv = O=%(_)\nendif =\nif-not-opt = nope\n\
        env = N=1\nendif =\nif-exists = more.txt\nenv = X=%(_)\nendif =\nenv = R=@(more.txt)\n\
        for-readline = more.txt\nenv = L%(_)=1\nendfor =\nfor-glob = more.*\nenv = G%(_)=1\nendfor =\n\
        env = H=%h:%k:%U\ninclude = other.ini\nini = other.ini:named\n";
    let emperor = Emperor::start();
    let vassals = emperor.at("vassals");
    write_whole(&vassals.join("more.txt"), "line\n");
    // Not in that directory, where it would be a vassal itself.
    let other = "[uwsgi]\nenv = I=%n-%x-%N\n[named]\nenv = S=%x-%c\n";
    write_whole(&emperor.at("other.ini"), other);
    let values = VALUES.replace("other.ini", "../other.ini");
    let code = answering("json.dumps(dict(os.environ))");
    let blog = add(&emperor, "blog", &values, &code);
    emperor.ready_after(&blog, 0);
    let said: serde_json::Value = serde_json::from_str(&emperor.get(&blog)).expect("it is JSON");
    let Some(printed) = printed_by_uwsgi(&blog.file) else {
        eprintln!("skipped: no uwsgi to compare with");
        return;
    };
    assert!(printed.len() >= 19, "{printed:?}");
    for line in printed {
        let (name, value) = line.split_once('=').expect("KEY=VALUE");
        assert_eq!(said[name], value, "{name}");
    }
}

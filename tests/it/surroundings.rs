//! What an app finds around itself: its user, environment, directories and arguments.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::Value;

use crate::harness::{Emperor, Setup, answering, hello, lictor, write_python, write_whole};

/// The user that every Linux has and nobody works as.
const NOBODY: &str = "nobody";

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can become another user");
    }
    is_root
}

/// The fields of a user in `passwd(5)`: uid, gid, home.
fn user(name: &str) -> Option<(u32, u32, String)> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    let line = text
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((uid, gid, fields.nth(1)?.to_owned()))
}

/// An emperor below whose directory anybody may look, with an interpreter that anybody may run.
fn open_to_all() -> Option<Emperor> {
    let setup = Setup::new();
    fs::set_permissions(setup.at(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
    if !Path::new("/usr/bin/python3").exists() {
        eprintln!("skipped: no interpreter that another user could run");
        return None;
    }
    Some(setup.start())
}

const OPEN_PYTHON: &str = "python = \"/usr/bin/python3\"";

#[test]
fn an_app_runs_as_its_user() {
    let Some((uid, gid, home)) = user(NOBODY).filter(|_| is_root()) else {
        return;
    };
    let Some(emperor) = open_to_all() else { return };
    let path = emperor.at("open/blog.sock");
    fs::create_dir(emperor.at("open")).expect("it is ours");
    let code = answering(
        "json.dumps([os.getresuid(), os.getresgid(), sorted(os.getgroups()), \
         os.environ['HOME'], os.environ['USER'], os.environ['LOGNAME']])",
    );
    let options = format!("{OPEN_PYTHON}\nuid = \"{NOBODY}\"\nhttp = {path:?}");
    let blog = emperor.serve("blog", &options, &code);
    let said: Value = serde_json::from_str(&emperor.get(&blog)).expect("it is JSON");
    let expected = serde_json::json!([
        [uid, uid, uid],
        [gid, gid, gid],
        [gid],
        home,
        NOBODY,
        NOBODY
    ]);
    assert_eq!(said, expected);
    let socket = fs::metadata(&path).expect("it is there");
    assert_eq!(
        (socket.uid(), socket.gid(), socket.mode() & 0o777),
        (uid, gid, 0o660)
    );
    for pid in emperor
        .workers(&blog)
        .into_iter()
        .chain([emperor.master(&blog)])
    {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
        let capabilities = status
            .lines()
            .find(|line| line.starts_with("CapEff:"))
            .expect("the kernel says it");
        assert!(capabilities.ends_with("0000000000000000"), "{capabilities}");
    }
}

#[test]
fn an_app_runs_as_a_user_and_group_without_names() {
    if !is_root() {
        return;
    }
    let Some(emperor) = open_to_all() else { return };
    let code = answering(
        "json.dumps([os.getuid(), os.getgid(), os.getgroups(), os.environ['HOME'], os.environ['USER']])",
    );
    let blog = emperor.serve(
        "blog",
        &format!("{OPEN_PYTHON}\nuid = 54321\ngid = 54322"),
        &code,
    );
    assert_eq!(
        emperor.get(&blog),
        "[54321, 54322, [54322], \"/\", \"54321\"]"
    );
}

#[test]
fn what_its_user_may_not_read_an_app_does_not_get() {
    if !is_root() || user(NOBODY).is_none() {
        return;
    }
    let Some(emperor) = open_to_all() else { return };
    let secret = emperor.at("secret.env");
    write_whole(&secret, "A=1\n");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let options = format!("{OPEN_PYTHON}\nuid = \"{NOBODY}\"\nenv-file = {secret:?}");
    let blog = emperor.add("blog", &options, &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says(
        "permission",
        &["secret.env` of `env-file`", "Permission denied"],
    );
    failure.hints(&format!("user `{NOBODY}` must be able to read it"));
    // The emperor could write there; its vassal may not.
    let log = emperor.at("blog.log");
    write_whole(
        &blog.file,
        &Emperor::text_for(
            &blog,
            &format!("{OPEN_PYTHON}\nuid = \"{NOBODY}\"\nlogto = {log:?}"),
        ),
    );
    let failure = emperor.failed_after(&blog, failure.generation);
    failure.says("permission", &["blog.log` of `logto`", "Permission denied"]);
    failure.hints(&format!(
        "user `{NOBODY}` must be able to create and append"
    ));
    assert!(!log.exists());
}

#[test]
fn a_user_that_does_not_exist_is_told() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "uid = \"nobody-of-that-name\"", &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("permission", &["there is no user `nobody-of-that-name`"]);
    failure.hints("useradd");
    let shop = emperor.add("shop", "gid = \"no-such-group\"", &hello("x"));
    let failure = emperor.failed_after(&shop, 0);
    failure.says("permission", &["there is no group `no-such-group`"]);
    failure.hints("groupadd");
}

#[test]
fn only_root_can_become_another_user() {
    use std::os::unix::process::CommandExt;
    if rustix::process::geteuid().is_root() {
        // Asked as a user without rights, through the foreground, which needs no guard.
        let Some((uid, gid, _)) = user(NOBODY) else {
            return;
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))
            .expect("it is ours");
        // The binary may stand where that user cannot go.
        let program = directory.path().join("lictor");
        crate::harness::install_lictor(&program);
        let mut command = std::process::Command::new(&program);
        command
            .current_dir(directory.path())
            .env_clear()
            .uid(uid)
            .gid(gid);
        command.args(["serve", "app:app", "--uid", "root", "--http", "127.0.0.1:0"]);
        let ran = crate::harness::run(command).with_code(1);
        assert!(
            ran.stderr
                .contains("the emperor runs as `nobody`, not as root"),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr.contains("hint: run the emperor as root"),
            "{}",
            ran.stderr
        );
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(
        directory.path(),
        &["serve", "app:app", "--uid", "root", "--http", "127.0.0.1:0"],
    )
    .with_code(1);
    assert!(ran.stderr.contains("not as root"), "{}", ran.stderr);
}

#[test]
fn the_environment_is_clean_but_for_what_is_said() {
    let emperor = Setup::new()
        .variable("LICTOR_TEST_SECRET", "leaked")
        .variable("AWS_SECRET_ACCESS_KEY", "leaked")
        .variable("PYTHONPATH", "/leaked")
        .variable("LANG", "C.UTF-8")
        .variable("TZ", "Europe/Berlin")
        .start();
    write_whole(
        &emperor.at("blog.env"),
        "# comment\nFROM_FILE=file\nBOTH=file\nexport QUOTED=\"two words\"\n",
    );
    let options =
        "env-file = \"../blog.env\"\n[env]\nFROM_TABLE = \"table\"\nBOTH = \"table\"\nEMPTY = \"\"";
    let blog = emperor.serve("blog", options, &answering("json.dumps(dict(os.environ))"));
    let found: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&emperor.get(&blog)).expect("a table of texts");
    let expected = [
        ("BOTH", "table"),
        ("EMPTY", ""),
        ("FROM_FILE", "file"),
        ("FROM_TABLE", "table"),
        ("LANG", "C.UTF-8"),
        ("QUOTED", "two words"),
        ("TZ", "Europe/Berlin"),
    ];
    for (name, value) in expected {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    let mut others: Vec<_> = found
        .keys()
        .filter(|name| expected.iter().all(|(known, _)| known != name))
        .collect();
    // CPython itself sets it when it coerces the locale (PEP 538).
    others.retain(|name| *name != "LC_CTYPE");
    assert_eq!(others, ["HOME", "LOGNAME", "PATH", "USER"]);
}

#[test]
fn the_environment_of_the_process_is_the_app_s_too() {
    // What a child of the app, or `ps e`, sees is what `os.environ` says.
    let emperor = Setup::new()
        .variable("LICTOR_TEST_SECRET", "leaked")
        .start();
    let blog = emperor.serve("blog", "env = [\"A=1\"]", &hello("x"));
    for pid in emperor
        .workers(&blog)
        .into_iter()
        .chain([emperor.master(&blog)])
    {
        let bytes = fs::read(format!("/proc/{pid}/environ")).expect("it is ours");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("A=1") && !text.contains("leaked"), "{text}");
    }
}

#[test]
fn an_env_file_that_is_wrong_or_missing_is_told() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "env-file = \"../blog.env\"", &hello("x"));
    let failure = emperor.failed_after(&blog, 0);
    failure.says("config", &["blog.env` of `env-file`"]);
    failure.hints("must exist");
    write_whole(&emperor.at("blog.env"), "A=1\nnonsense\n");
    emperor.touch(&blog.file);
    let line = emperor.events().wait("the wrong line is told", |event| {
        let message = event["failure"]["message"].as_str()?;
        message
            .contains("blog.env:2`")
            .then(|| event["failure"]["detail"].as_str().map(str::to_owned))?
    });
    assert!(
        line.contains("hint: write one `KEY=VALUE` a line"),
        "{line}"
    );
}

#[test]
fn directories_path_and_arguments_are_as_documented() {
    let emperor = Emperor::start();
    write_python(&emperor.at("lib-one/one.py"), "value = 1");
    write_python(&emperor.at("lib-two/two.py"), "value = 2");
    let code = "import one, two\n".to_owned()
        + &answering(
            "json.dumps([os.getcwd(), sys.path[:3], sys.argv, sys.stdin.read(), one.value + two.value, __name__])",
        );
    let blog = emperor.serve(
        "blog",
        "pythonpath = [\"../lib-one\", \"../lib-two\"]",
        &code,
    );
    let said: Value = serde_json::from_str(&emperor.get(&blog)).expect("it is JSON");
    let chdir = blog.app.parent().expect("it has one").display().to_string();
    let vassals = blog
        .file
        .parent()
        .expect("it has one")
        .canonicalize()
        .expect("it is there");
    let library = |name: &str| vassals.join("..").join(name).display().to_string();
    assert_eq!(said[0], chdir);
    assert_eq!(said[1][0], chdir);
    let ends = |value: &Value, name: &str| {
        value
            .as_str()
            .is_some_and(|path| path.ends_with(&format!("/../{name}")))
    };
    assert!(
        ends(&said[1][1], "lib-one") && ends(&said[1][2], "lib-two"),
        "{said} {}",
        library("lib-one")
    );
    assert_eq!(said[2], serde_json::json!(["lictor"]));
    assert_eq!(
        (&said[3], &said[4], &said[5]),
        (&Value::from(""), &Value::from(3), &Value::from("app"))
    );
}

#[test]
fn the_directory_of_the_file_is_the_default() {
    let emperor = Emperor::start();
    let blog = emperor.vassal("blog");
    let code = answering("os.getcwd()");
    write_python(&emperor.at("vassals/code.py"), &code);
    write_whole(
        &blog.file,
        "module = \"code:application\"\nhttp = \"127.0.0.1:0\"\n",
    );
    // `code` is also a module of the standard library: what stands in `chdir` comes first.
    emperor.ready_after(&blog, 0);
    assert_eq!(
        emperor.get(&blog),
        emperor.at("vassals").display().to_string()
    );
}

#[test]
fn a_link_to_the_current_release_is_followed_anew_on_each_reload() {
    let emperor = Emperor::start();
    for release in ["release-1", "release-2"] {
        write_python(&emperor.at(release).join("app.py"), &hello(release));
    }
    std::os::unix::fs::symlink("release-1", emperor.at("current")).expect("it is ours");
    let blog = emperor.serve("blog", "chdir = \"../current\"", "");
    assert_eq!(emperor.get(&blog), "release-1");
    std::os::unix::fs::symlink("release-2", emperor.at("next")).expect("it is ours");
    fs::rename(emperor.at("next"), emperor.at("current")).expect("it is ours");
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "release-2");
}

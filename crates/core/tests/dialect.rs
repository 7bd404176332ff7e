//! uWSGI's dialect: what files come to, with a world of their own around them, and what is refused.
//!
//! Values are looked at through `env`, which takes any text. Expectations marked so were printed by
//! uWSGI 2.0.31 with `--show-config` for the same text.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use lictor_core::config::{
    Answer, Outside, Policy, Question, VassalConfig, parse_vassal, parse_vassal_with,
};
use proptest::prelude::*;

/// A world that a test makes up.
#[derive(Default)]
struct World {
    variables: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<String, String>,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        world
            .variables
            .extend([("HOME", "/home/me"), ("STAGE", "live"), ("EMPTY", "")]);
        for (path, text) in [
            ("secret.txt", "first\nsecond\n"),
            (
                "base.ini",
                "[uwsgi]\nenv = BASE=%n-%N-%x\nprocesses = 9\n[prod]\nenv = P=%x\nini = :more\n[more]\nenv = M=%x%X\n",
            ),
            ("self.ini", "[uwsgi]\ninclude = self.ini\n"),
            ("user.ini", "[uwsgi]\nuid = www-data\n"),
            ("typo.ini", "[uwsgi]\nprocess = 4\n"),
            (
                "flat.yaml",
                "uwsgi:\n  env: Y=%n\n  touch-reload: [\"/a/%n\", /b]\n",
            ),
            ("late.ini", "[uwsgi]\nprocesses = 3\nenv = L=%(name)\n"),
        ] {
            world
                .files
                .insert(format!("/srv/vassals/{path}"), text.to_owned());
        }
        world
    }
}

impl Outside for World {
    fn ask(&self, question: Question<'_>) -> Answer {
        match question {
            Question::Variable(name) => match self.variables.get(name) {
                Some(value) => Answer::Text((*value).to_owned()),
                None => Answer::Nothing,
            },
            Question::Text(path) => match self.files.get(path) {
                Some(text) => Answer::Text(text.clone()),
                None => Answer::Failed("there is no such file".to_owned()),
            },
            Question::Glob(pattern) => {
                let start = pattern.trim_end_matches('*');
                let found = self.files.keys().filter(|path| path.starts_with(start));
                Answer::List(found.cloned().collect())
            }
            Question::Kind(path) => match self.files.get(path) {
                Some(_) => Answer::File,
                None if path == "/srv/vassals" => Answer::Directory,
                None => Answer::Nothing,
            },
            Question::Hostname => Answer::Text("web1".to_owned()),
            Question::Processors => Answer::Text("4".to_owned()),
            Question::Microseconds => Answer::Text("1700000000123456".to_owned()),
            Question::Inode(_) => Answer::Text("7".to_owned()),
            Question::UserId | Question::GroupId => Answer::Text("33".to_owned()),
            Question::User | Question::Group => Answer::Text("www-data".to_owned()),
            Question::Program => Answer::Text("/usr/bin/lictor".to_owned()),
        }
    }
}

const REST: &str = "module = blog.wsgi\nhttp = :8000\n";

fn read(text: &str) -> Result<VassalConfig, String> {
    read_with(text, &Policy::default())
}

fn read_with(text: &str, policy: &Policy) -> Result<VassalConfig, String> {
    let text = format!("[uwsgi]\n{REST}{text}\n");
    let path = Path::new("/srv/vassals/blog.ini");
    parse_vassal_with(path, text.as_bytes(), policy, &World::new())
        .map_err(|diagnostics| diagnostics.to_string())
}

/// The variables that a text sets, in one line.
fn variables(text: &str) -> String {
    let vassal = match read(text) {
        Ok(vassal) => vassal,
        Err(error) => return error,
    };
    let pairs = vassal
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join("|")
}

#[test]
fn values_are_put_together_as_in_uwsgi() {
    for (text, expected) in [
        // Variables of one character, as printed.
        ("env = A=%n %N %s %e", "A=blog blog blog.ini ini"),
        ("env = A=%d%c", "A=/srv/vassals/vassals"),
        ("env = A=%p", "A=/srv/vassals/blog.ini"),
        ("env = A=100%%", "A=100%"),
        ("env = A=%0-%1", "A=srv-vassals"),
        (
            "env = A=%h %k %t %T",
            "A=web1 4 1700000000 1700000000123456",
        ),
        (
            "env = A=%u %U %g %G %i %b",
            "A=33 www-data 33 www-data 7 /usr/bin/lictor",
        ),
        // Placeholders, as printed.
        ("a = 9\nenv = A=%(a)", "A=9"),
        ("a = 9\nenv = A=%(a + 4 * 2)", "A=26"),
        ("a = 9\nenv = A=%(a a + 1)", "A=100"),
        ("a = 9\nenv = A=%(a ++)-%(7 / 2)", "A=10-3"),
        ("env = A=%(z1)\nz1 = later", "A=later"),
        ("a = 1\na = 2\nenv = A=%(a)", "A=1"),
        ("set-placeholder = sp=hello\nenv = A=%(sp)", "A=hello"),
        ("set-ph = unused=1\nenv = A=b", "A=b"),
        ("set = env=A=%n", "A=blog"),
        ("a = $(HOME)\nenv = A=%(a)b)", "A=/home/meb)"),
        ("a.b = 7\nenv = A=%(a.b)", "A=7"),
        ("env = A=%(module)", "A=blog.wsgi"),
        // Variables and files.
        ("env = A=$(HOME)/x", "A=/home/me/x"),
        ("env = A=[$(EMPTY)]", "A=[]"),
        ("env = A=x@(secret.txt)y", "A=xfirst\nsecondy"),
        ("env = A=@(/srv/vassals/$(STAGE).txt)", "A"),
        ("live_n = 5\nenv = A=%($(STAGE)_n)", "A=5"),
        ("key_%n = 1\nenv = A=%(key_blog)", "A=1"),
    ] {
        let found = variables(text);
        if expected == "A" {
            assert!(
                found.contains("could not read `/srv/vassals/live.txt`"),
                "{found}"
            );
        } else {
            assert_eq!(found, expected, "{text:?}");
        }
    }
}

#[test]
fn loops_and_conditions_hold_as_in_uwsgi() {
    for (text, expected) in [
        ("for = x y\nenv = %(_)=1\nendfor =", "x=1|y=1"),
        ("for = $(STAGE) b\nenv = %(_)=1\nendfor", "live=1|b=1"),
        ("a = q\nfor = %(a) b\nenv = %(_)=1\nendfor", "q=1|b=1"),
        ("for-times = 2\nenv = T%(_)=%(_)\nendfor =", "T1=1|T2=2"),
        ("for-glob = base*\nenv = %(_)=1\nendfor", "base.ini=1"),
        ("for-glob = none*\nenv = %(_)=1\nendfor", "none*=1"),
        (
            "for-readline = secret.txt\nenv = %(_)=1\nendfor",
            "first=1|second=1",
        ),
        ("if-env = HOME\nenv = A=%(_)\nendif", "A=/home/me"),
        ("if-env = STAGE=live\nenv = A=%(_)\nendif", "A=live"),
        ("if-env = STAGE=test\nenv = A=%(_)\nendif", ""),
        ("if-not-env = NOPE\nenv = A=1\nendif", "A=1"),
        ("ifenv = NOPE\nenv = A=1\nendif", ""),
        ("first = 1\nif-opt = first=1\nenv = A=%(_)\nendif", "A=1"),
        ("if-opt = later\nenv = A=1\nendif\nset-ph = later=1", ""),
        ("if-not-opt = cheap\nenv = A=1\nendif", "A=1"),
        (
            "if-exists = secret.txt\nenv = A=%(_)\nendif",
            "A=secret.txt",
        ),
        ("if-not-exists = secret.txt\nenv = A=1\nendif", ""),
        (
            "if-file = .\nenv = A=1\nendif\nif-dir = /srv/vassals\nenv = B=1\nendif",
            "B=1",
        ),
        (
            "if-hostname = web1\nenv = A=1\nendif\nif-not-hostname = web1\nenv = B=1\nendif",
            "A=1",
        ),
        ("if-hostname-match = ^web[0-9]$\nenv = A=1\nendif", "A=1"),
        (
            "if-plugin = python3\nenv = A=1\nendif\nif-plugin = php\nenv = B=1\nendif",
            "A=1",
        ),
        (
            "if-reload\nenv = A=1\nendif\nif-not-reload\nenv = B=1\nendif",
            "B=1",
        ),
        ("if-env = HOME\ninclude = late.ini\nendif\nname = n", "L=n"),
        ("declare-option = my=env=A=$1;env=B=$2\nmy = 4 5", "A=4|B=5"),
    ] {
        assert_eq!(variables(text), expected, "{text:?}");
    }
}

#[test]
fn files_are_read_where_they_are_named() {
    for (text, expected) in [
        ("include = base.ini", "BASE=base-blog-"),
        ("ini = base.ini:prod", "P=prod|M=more"),
        ("ini = base.ini:more\nini = :prod", "M=more|P=prod"),
        ("ini = :own\n[own]\nenv = A=%x", "A=own"),
        ("include = flat.yaml", "Y=flat"),
        (
            "for = base late\ninclude = %(_).ini\nendfor\nname = n",
            "BASE=base-blog-|L=n",
        ),
        ("inherit = late.ini\nname = n\nenv = A=1", "A=1|L=n"),
        (
            "env = A=1\n[app:main]\nuse = egg:blog\nx = %(here)s\n[logger_root]\nlevel = INFO",
            "A=1",
        ),
    ] {
        assert_eq!(variables(text), expected, "{text:?}");
    }
}

#[test]
fn the_last_value_counts_across_files_and_conditions() {
    for (text, expected) in [
        ("processes = 2\ninclude = base.ini", 9),
        ("include = base.ini\nprocesses = 2", 2),
        ("inherit = base.ini\nprocesses = 2", 9),
        ("processes = 2\nif-env = HOME\nworkers = 8\nendif", 8),
        ("if-env = NOPE\nprocesses = 8\nendif\nprocesses = 2", 2),
        ("processes = %(n * 2)\nn = %k", 8),
        ("env = M=1\nprocesses = 4\nini = base.ini:more", 4),
    ] {
        assert_eq!(
            read(text).map(|vassal| vassal.processes),
            Ok(expected),
            "{text:?}"
        );
    }
    let error = read("processes = 2\nprocesses = 3").expect_err("a mistake");
    assert!(error.contains("`processes` is given twice"), "{error}");
}

/// What is refused, and a part of the words.
const SWALLOWED: &[(&str, &str)] = &[
    ("env = A=100%q", "`%q`, which uWSGI deletes"),
    ("env = A=5% a", "`% `, which uWSGI deletes"),
    ("env = A=5%", "a `%` at the end of a value"),
    (
        "env = A=x%2Fy",
        "`%2` is a directory that the file's path does not have",
    ),
    ("env = A=%(nope)", "nothing sets `nope`"),
    ("name = n\nenv = A=%(nam)", "did you mean `name`?"),
    ("n = 1\nenv = A=%(n+1)", "write spaces around `+`"),
    ("env = A=%(nope + 1)", "nothing sets `nope`"),
    ("a = x\nenv = A=%(a + 1)", "`x` is no whole number"),
    ("env = A=%(_)", "`%(_)` where no loop or condition"),
    (
        "if-not-env = NOPE\nenv = A=%(_)\nendif",
        "`%(_)` where no loop or condition",
    ),
    ("env = A=%(a", "`%(` without `)`"),
    (
        "env = A=%(b)\nb = %(c)\nc = 1",
        "is set further down and has placeholders itself",
    ),
    ("a = %(a)\nenv = A=%(a)", "`a` is made of itself"),
    ("env = A=$(NOPE)", "the environment has no `NOPE`"),
    ("env = A=@(nope)", "could not read `/srv/vassals/nope`"),
    (
        "env = A=@(exec://date)",
        "`exec://` is refused: reading a file must not run commands",
    ),
    ("env = A=@(http://x/y)", "`http://` is refused"),
    ("env = A=@(call://f)", "`call://` is refused"),
    ("include = sym://x", "`sym://` is refused"),
    ("env = A=@(fd://0)", "`fd://` is refused"),
    ("process = 4", "unknown option `process`"),
    ("include = typo.ini", "typo.ini:2:1"),
    (
        "include = nope.ini",
        "could not read `/srv/vassals/nope.ini`",
    ),
    ("include = self.ini", "is being read already"),
    ("include = $(HOME)/x.ini", "`$(HOME)` is not put in here"),
    (
        "include = user.ini",
        "`uid` in a file that another one names",
    ),
    ("ini = base.ini:nope", "has no section `nope`"),
    ("include = base.toml", "names no file of options"),
    ("env = A=1\n[other]\nx = 1", "section `other` is not read"),
    (
        "for = a b\nenv = A=%(_)",
        "nothing ends this loop or condition",
    ),
    (
        "for = a b\nfor = c\nendfor",
        "a condition or loop inside another",
    ),
    ("endif", "`endif` without a beginning"),
    (
        "if-exists = %(home)/x\nendif",
        "`%(home)` is not put in here",
    ),
    ("k%(_) = 1", "`%(_)` where no loop"),
    (
        "set-placeholder = processes=4",
        "`processes` is an option and cannot be a placeholder",
    ),
    ("set-placeholder = x", "takes KEY=VALUE"),
    (
        "declare-option = my=env=A=$2\nmy = 1",
        "needs a word number 2",
    ),
    (
        "for-times = 1000000000\nenv = A=1\nendfor",
        "a loop of more than 1000 rounds",
    ),
    ("if-hostname-match = (\nendif", "is no regular expression"),
    ("chdir = \"/srv\"", "quotes would be part of the value"),
    (
        "chdir = /srv ; there",
        "what follows ` ;` would be part of the value",
    ),
];

#[test]
fn what_uwsgi_swallows_is_refused() {
    for (text, message) in SWALLOWED {
        let error = read(text).expect_err(text);
        assert!(error.contains(message), "{text:?}:\n{error}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let error =
        read("http = :%(port)\nprocesses = four\nthread = 2\nenv = A=$(NOPE)").expect_err("bad");
    for message in [
        "`port`",
        "`processes` takes",
        "unknown option `thread`",
        "`NOPE`",
    ] {
        assert!(error.contains(message), "{message}: {error}");
    }
    assert!(!error.contains("no address"), "{error}");
}

#[test]
fn commands_and_log_formats_keep_what_is_their_own() {
    let vassal = read("log-format = %(uri) %(name) %h 5%%\nname = n").expect("a good file");
    let log = format!("{:?}", vassal.request_log);
    assert!(log.contains("\" n \"") && log.contains("\" 5%\""), "{log}");
}

#[test]
fn what_a_file_asks_for_is_known_without_answering() {
    let asks = |text: &str| {
        let text = format!("[uwsgi]\n{REST}{text}\n");
        let outcome = parse_vassal(Path::new("/srv/vassals/blog.ini"), text.as_bytes());
        outcome.err().map(|diagnostics| diagnostics.asks_outside())
    };
    assert_eq!(asks("env = A=%n%d\nuid = %n"), None);
    assert_eq!(asks("env = A=$(HOME)"), Some(true));
    assert_eq!(asks("include = x.ini"), Some(true));
    assert_eq!(asks("processes = %k"), Some(true));
    assert_eq!(asks("process = 4"), Some(false));
}

#[test]
fn the_provider_speaks_before_and_behind_the_vassal() {
    let file = |text: &str| {
        let path = "/etc/lictor/policy.ini".to_owned();
        vec![(path, format!("[uwsgi]\n{text}\n"))]
    };
    let policy = Policy {
        before: file("processes = 2\nthreads = 2\nenv = T=%n-%N"),
        set: vec!["listen=64".to_owned()],
        after: file("threads = 7\nuid = %N"),
        ..Policy::default()
    };
    let vassal = read_with("processes = 5\nthreads = 5", &policy).expect("a good file");
    assert_eq!(
        (vassal.processes, vassal.threads, vassal.listen),
        (5, 7, 64)
    );
    assert_eq!(vassal.env, [("T".to_owned(), "policy-blog".to_owned())]);
    assert_eq!(format!("{:?}", vassal.uid), "Some(Name(\"blog\"))");
    let vassal = read_with("", &policy).expect("a good file");
    assert_eq!((vassal.processes, vassal.threads), (2, 7));
    let policy = Policy {
        after: file("process = 4"),
        ..Policy::default()
    };
    let error = read_with("", &policy).expect_err("a typo");
    assert!(error.contains("/etc/lictor/policy.ini:2:1"), "{error}");
}

#[test]
fn yaml_and_json_below_uwsgi_speak_the_dialect_too() {
    for (name, text) in [
        (
            "blog.yaml",
            "uwsgi:\n  module: blog.wsgi\n  http: ':1'\n  a: 3\n  processes: '%(a + 1)'\n  if-env: HOME\n  env: ['A=%n', 'B=%(_)']\n  endif: true\n",
        ),
        (
            "blog.json",
            "{\"uwsgi\": {\"module\": \"blog.wsgi\", \"http\": \":1\", \"a\": 3, \"processes\": \"%(a + 1)\", \"if-env\": \"HOME\", \"env\": [\"A=%n\", \"B=%(_)\"], \"endif\": true}}",
        ),
    ] {
        let path = Path::new("/srv/vassals").join(name);
        let vassal = parse_vassal_with(&path, text.as_bytes(), &Policy::default(), &World::new());
        let vassal = vassal.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(vassal.processes, 4);
        let pairs = [("A", "blog"), ("B", "/home/me")];
        assert_eq!(vassal.env, pairs.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
    // Lictor's own files mean what they say.
    let text = "module: blog.wsgi\nhttp: ':1'\nenv: ['A=%n $(HOME)']\n";
    let vassal = parse_vassal(Path::new("/srv/vassals/blog.yaml"), text.as_bytes());
    let vassal = vassal.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(vassal.env, [("A".to_owned(), "%n $(HOME)".to_owned())]);
}

#[test]
fn nothing_grows_without_end() {
    let doubling = (0..60)
        .map(|n| format!("a{}= %(a{n} a{n})\n", n + 1))
        .collect::<Vec<_>>()
        .concat();
    let chain = (0..5000)
        .map(|n| format!("env = A{n}=%(a)%(a)\n"))
        .collect::<Vec<_>>()
        .concat();
    let declared = (0..3000)
        .map(|n| format!("declare-option = d{n}=env=A=$1\n"))
        .collect::<Vec<_>>()
        .concat();
    for text in [
        format!("a0 = x\n{doubling}env = A=%(a60)"),
        format!("a = {}\n{chain}", "x".repeat(100_000)),
        "for-times = 1000\nfoo%% = %(_)\nendfor\n".repeat(60),
        "include = late.ini\n".repeat(1000),
        format!("env = A={}", "%(".repeat(60_000)),
        format!("env = A={}", "@($(".repeat(30_000)),
        declared,
    ] {
        let began = Instant::now();
        let error = read(&text).expect_err("too much");
        assert!(!error.is_empty());
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }
}

fn almost_a_dialect() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "env = A=",
        "processes = ",
        "a = ",
        "b = ",
        "%(a)",
        "%(a + 1)",
        "%(b",
        "$(HOME)",
        "$(",
        "@(",
        "secret.txt)",
        "%n",
        "%",
        "%%",
        "%(_)",
        "for = x y",
        "for-times = 3",
        "endfor =",
        "if-env = HOME",
        "if-opt = a=1",
        "endif",
        "include = ",
        "base.ini",
        ":more",
        "self.ini",
        "set = ",
        "set-ph = ",
        "declare-option = my=",
        "my = ",
        "$1",
        ";",
        "1",
        "x",
        " ",
        "\n",
        "\n",
        "\n",
        "[more]\n",
        "é",
        "inherit = late.ini",
        "uid = ",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in almost_a_dialect()) {
        if let Err(error) = read(&text) {
            prop_assert!(!error.is_empty());
        }
    }

    #[test]
    fn plain_values_stay_what_they_are(value in "[a-zA-Z0-9éß/:.,=+(){}*&!?_-]{1,40}") {
        let vassal = read(&format!("env = A={value}")).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&vassal.env, &[("A".to_owned(), value)]);
    }
}

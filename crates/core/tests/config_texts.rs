//! Properties of the parsers: no text panics them, every complaint has a place inside the file, and
//! what is said in one format is understood alike in the others. Also flags, hostile files and the
//! texts that come from the option table.

use std::path::Path;
use std::time::{Duration, Instant};

use lictor_core::config::{
    AppConfig, AppTarget, Machine, VassalConfig, every_option_example, explain,
    option_table_markdown, options, parse_flags, parse_vassal, read_vassal,
};
use proptest::prelude::*;

const FORMATS: [&str; 4] = ["toml", "yaml", "json", "ini"];

fn parse(format: &str, text: &str) -> Result<VassalConfig, lictor_core::config::Diagnostics> {
    parse_vassal(
        &Path::new("/srv/vassals/blog").with_extension(format),
        text.as_bytes(),
    )
}

/// A machine without an environment.
fn nobody() -> Machine {
    Machine::new(Vec::new())
}

/// Asserts that a text is accepted or refused in order.
fn check_orderly(format: &str, text: &str) {
    let Err(diagnostics) = parse(format, text) else {
        return;
    };
    assert!(!diagnostics.to_string().is_empty());
    assert_eq!(diagnostics.summary().lines().count(), 1);
    assert!(diagnostics.iter().count() > 0);
    for diagnostic in diagnostics.iter() {
        let (line, column) = diagnostic.position().expect("a place in the file");
        let lines = text.split('\n').count().max(1);
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
        let shown = text.split('\n').nth(line - 1).unwrap_or_default();
        assert!(
            (1..=shown.chars().count() + 2).contains(&column),
            "column {column} of {shown:?}"
        );
    }
}

/// Pieces of which all formats are made, so that texts get past the first line.
fn almost_a_file() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "module",
            "http",
            "env",
            "processes",
            "uwsgi",
            "lictor",
            "modul",
            "[uwsgi]\n",
            "[env]\n",
            " = ",
            ": ",
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            "\"",
            "'",
            ",",
            "-",
            "- ",
            "#",
            ";",
            "---\n",
            "&a ",
            "*a",
            "!x ",
            "|\n",
            ">",
            "%",
            "%n",
            "$(",
            "@",
            ":8000",
            "/run/x.sock",
            "660",
            "0o660",
            "1.5",
            "true",
            "null",
            "~",
            "\t",
            "\r\n",
            "\\u0000",
            "\u{feff}",
            "\u{2028}",
            "\u{85}",
            "é",
            "🐍",
            "<<",
            "? ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn no_text_panics_and_every_complaint_has_a_place(text in almost_a_file()) {
        for format in FORMATS {
            if !text.contains('\0') {
                check_orderly(format, &text);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in FORMATS {
            let path = Path::new("/srv/vassals/blog").with_extension(format);
            if let Err(diagnostics) = parse_vassal(&path, &bytes) {
                prop_assert!(!diagnostics.to_string().is_empty());
            }
        }
    }

    #[test]
    fn the_same_options_are_the_same_vassal_in_every_format(
        // Without `p`: a name that ends in `.py` is taken for a file.
        module in "[a-oq-z_]{1,8}(\\.[a-oq-z_]{1,8}){0,2}(:[a-z_]{1,8})?",
        ports in prop::collection::hash_set(1_u16.., 1..4),
        processes in 1_u32..=1024,
        mercy in prop::option::of("[1-9][0-9]{0,2}(s|m|ms)?"),
        lazy in any::<bool>(),
        chdir in "(/|\\.\\./)?[a-z]{1,8}(/[a-z]{1,8}){0,3}",
        env in prop::collection::btree_map("[A-Z_]{1,8}", "[a-zA-Z0-9/:=._-]{0,12}", 0..4),
    ) {
        let mut single = vec![
            ("module", module),
            ("processes", processes.to_string()),
            ("lazy-apps", lazy.to_string()),
            ("chdir", chdir),
        ];
        single.extend(mercy.map(|mercy| ("reload-mercy", mercy)));
        let http: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let env: Vec<_> = env.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let many = [("http", http), ("env", env)];
        let expected = parse("json", &as_json(&single, &many)).expect("JSON");
        prop_assert_eq!(parse("toml", &as_toml(&single, &many)).expect("TOML"), expected.clone());
        prop_assert_eq!(parse("yaml", &as_yaml(&single, &many)).expect("YAML"), expected.clone());
        prop_assert_eq!(parse("ini", &as_ini(&single, &many)).expect("INI"), expected);
    }
}

type Single<'a> = [(&'a str, String)];
type Many<'a> = [(&'a str, Vec<String>)];

fn as_json(single: &Single<'_>, many: &Many<'_>) -> String {
    let one = single
        .iter()
        .map(|(key, value)| format!("{key:?}: {value:?}"));
    let all = one.chain(
        many.iter()
            .map(|(key, values)| format!("{key:?}: {values:?}")),
    );
    format!("{{{}}}", all.collect::<Vec<_>>().join(", "))
}

fn as_toml(single: &Single<'_>, many: &Many<'_>) -> String {
    let one = single
        .iter()
        .map(|(key, value)| format!("{key} = {value:?}\n"));
    one.chain(
        many.iter()
            .map(|(key, values)| format!("{key} = {values:?}\n")),
    )
    .collect()
}

fn as_yaml(single: &Single<'_>, many: &Many<'_>) -> String {
    let one = single
        .iter()
        .map(|(key, value)| format!("  {key}: {value:?}\n"));
    let all = one.chain(
        many.iter()
            .map(|(key, values)| format!("  {key}: {values:?}\n")),
    );
    format!("uwsgi:\n{}", all.collect::<String>())
}

fn as_ini(single: &Single<'_>, many: &Many<'_>) -> String {
    let one = single
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"));
    let all = one
        .chain(many.iter().flat_map(|(key, values)| {
            values.iter().map(move |value| format!("{key} = {value}\n"))
        }));
    format!("[uwsgi]\n{}", all.collect::<String>())
}

fn lines(count: u32, line: fn(u32) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn hostile_files_are_refused_quickly() {
    let mib = 1024 * 1024;
    let directives = lines(60_000, |n| format!("%TAG !a{n}! b\n"));
    let long = "x".repeat(mib / 2);
    let texts = [
        ("toml", "a.".repeat(mib / 2 - 8) + "a = 1\n"),
        ("toml", "a = ".to_owned() + &"[".repeat(mib - 8)),
        ("toml", lines(100_000, |n| format!("q{n} = 1\n"))),
        ("yaml", "[".repeat(mib)),
        ("yaml", "{a: ".repeat(mib / 4)),
        ("yaml", "- ".repeat(mib / 2)),
        ("yaml", "? ".repeat(mib / 2)),
        ("yaml", directives),
        (
            "yaml",
            format!("a: &a {long}\nb: [{}]\n", "*a, ".repeat(20_000)),
        ),
        ("yaml", lines(90_000, |n| format!("q{n}: 1\n"))),
        (
            "yaml",
            format!(
                "module: a\nhttp: {:?}\nenv:\n{}",
                long,
                "  A: 1.5\n".repeat(4000)
            ),
        ),
        ("json", "[".repeat(mib)),
        ("json", "{\"a\":".repeat(mib / 5)),
        (
            "json",
            format!("{{\"env\": [{}1]}}", "1,".repeat(mib / 2 - 16)),
        ),
        ("ini", "=\n".repeat(mib / 2)),
        (
            "ini",
            "[uwsgi]\n".to_owned() + &"env = A=1\n".repeat(100_000),
        ),
        ("ini", "[uwsgi]\nenv = ".to_owned() + &"%".repeat(mib - 32)),
    ];
    for (format, text) in texts {
        let began = Instant::now();
        let outcome = parse(format, &text);
        let took = began.elapsed();
        let head: String = text.chars().take(20).collect();
        let error = outcome.expect_err(&head).to_string();
        assert!(
            error.len() < 64 * 1024,
            "{format} {head:?}: {} bytes",
            error.len()
        );
        // Unoptimised builds on a busy machine; what is quadratic would take minutes.
        assert!(
            took < Duration::from_secs(20),
            "{format} {head:?}: {took:?}"
        );
    }
    assert!(parse("toml", &" ".repeat(mib + 1)).is_err());
}

#[test]
fn files_that_are_none_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = read_vassal(&folder.path().join("x.toml")).expect_err("missing");
    assert!(
        missing.summary().contains("could not read the file"),
        "{missing}"
    );
    let directory = folder.path().join("y.toml");
    std::fs::create_dir(&directory).expect("a folder");
    let error = read_vassal(&directory).expect_err("a directory");
    assert!(error.summary().contains("not a regular file"), "{error}");
    let large = folder.path().join("z.toml");
    std::fs::write(&large, vec![b'#'; 1024 * 1024 + 1]).expect("a file");
    assert!(
        read_vassal(&large)
            .expect_err("too large")
            .summary()
            .contains("larger than")
    );
    let path = Path::new("/srv/vassals/blog.conf");
    assert!(
        parse_vassal(path, b"")
            .expect_err("no format")
            .summary()
            .contains("format")
    );
}

fn flags(flags: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    flags
        .iter()
        .map(|(name, values)| {
            (
                (*name).to_owned(),
                values.iter().map(|value| (*value).to_owned()).collect(),
            )
        })
        .collect()
}

fn module(name: &str, callable: Option<&str>) -> AppConfig {
    AppConfig {
        target: AppTarget::Module(name.to_owned()),
        callable: callable.map(str::to_owned),
    }
}

#[test]
fn flags_alone_make_a_vassal() {
    let given = flags(&[
        ("w", &["blog.wsgi:app"]),
        ("--http", &[":8000", "blog.sock"]),
        ("p", &["4"]),
        ("lazy-apps", &[]),
        ("env", &["A=1", "B=2"]),
    ]);
    let vassal = parse_flags(Path::new("/home/me"), None, &given, &nobody()).expect("good flags");
    assert_eq!(vassal.apps.default, Some(module("blog.wsgi", Some("app"))));
    assert_eq!(vassal.chdir, Path::new("/home/me"));
    assert_eq!(vassal.processes, 4);
    assert!(vassal.lazy_apps);
    let http: Vec<_> = vassal.http.iter().map(ToString::to_string).collect();
    assert_eq!(http, ["[::]:8000", "/home/me/blog.sock"]);
    assert_eq!(vassal.env.len(), 2);
}

#[test]
fn flags_go_over_the_file() {
    let file = (
        Path::new("/srv/vassals/blog.toml"),
        b"wsgi-file = 'blog.py'\ncallable = 'site'\nhttp = ':1'\nthreads = 2\nenv = ['A=1', 'B=2']"
            .as_slice(),
    );
    let given = flags(&[
        ("module", &["blog"]),
        ("http", &["x.sock"]),
        ("env", &["B=3", "C=4"]),
    ]);
    let vassal =
        parse_flags(Path::new("/home/me"), Some(file), &given, &nobody()).expect("good flags");
    assert_eq!(vassal.apps.default, Some(module("blog", None)));
    assert_eq!(vassal.threads, 2);
    assert_eq!(vassal.chdir, Path::new("/srv/vassals"));
    assert_eq!(
        vassal.http.first().map(ToString::to_string).as_deref(),
        Some("/home/me/x.sock")
    );
    let env: Vec<_> = vassal
        .env
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(env, ["A=1", "B=3", "C=4"]);
}

#[test]
fn complaints_about_flags_name_the_flag() {
    let summary = |given: &[(&str, &[&str])]| {
        let error = parse_flags(Path::new("/home/me"), None, &flags(given), &nobody())
            .expect_err("bad flags");
        assert!(!error.to_string().is_empty());
        error.summary()
    };
    let app = ("module", ["blog"].as_slice());
    let http = ("http", [":1"].as_slice());
    assert_eq!(
        summary(&[app, http, ("p", &["many"])]),
        "-p: `p` takes a number from 1 to 1024, not `many`"
    );
    assert_eq!(
        summary(&[app, http, ("proceses", &["4"])]),
        "--proceses: unknown option `proceses`; did you mean `processes`?"
    );
    assert_eq!(
        summary(&[app, http, ("threads", &["1", "2"])]),
        "--threads: `threads` is given twice; keep one of them"
    );
    assert_eq!(
        summary(&[app]),
        "command line: no address to listen on; add `--http 127.0.0.1:8000`"
    );
}

#[test]
fn a_summary_is_one_line_with_the_place() {
    let error = parse_vassal(
        Path::new("vassals/blog.toml"),
        b"http = ':1'\nprocesses = 1\nmodul = 'blog'\n",
    );
    assert_eq!(
        error.expect_err("a bad file").summary(),
        "vassals/blog.toml:3: unknown option `modul`; did you mean `module`?"
    );
}

#[test]
fn every_option_is_explained() {
    let all = explain(None).expect("the table");
    let table = option_table_markdown();
    for option in options() {
        assert!(
            all.contains(option.name) && table.contains(option.name),
            "{}",
            option.name
        );
        assert!(option.documentation.ends_with('.'), "{}", option.name);
        assert!(
            option.documentation.matches(". ").count() >= 1,
            "{}",
            option.name
        );
        for name in std::iter::once(&option.name).chain(option.aliases) {
            let text = explain(Some(name)).expect(name);
            assert!(
                text.starts_with(*name)
                    && text.contains(option.name)
                    && text.contains(option.default),
                "{text}"
            );
        }
    }
    assert!(explain(Some("lazy_apps")).is_ok());
    let master = explain(Some("master")).expect("known");
    let words: Vec<_> = master.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("every vassal has a master process")
    );
    assert!(
        explain(Some("forkbomb-delay"))
            .expect("known")
            .contains("What to do: ")
    );
    assert_eq!(
        explain(Some("modul")),
        Err("unknown option `modul`; did you mean `module`?".to_owned())
    );
}

#[test]
fn every_name_of_uwsgi_is_explained() {
    let names = include_str!("../../../tests/uwsgi-options.txt");
    assert_eq!(names.lines().count(), 943);
    for name in names.lines() {
        let text = explain(Some(name)).unwrap_or_else(|error| panic!("{error}"));
        assert!(text.starts_with(&name.replace('_', "-")), "{name}: {text}");
        let is_answer = ["Accepted for", "belongs to the", "What to do: ", "default:"]
            .iter()
            .any(|part| {
                text.split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
                    .contains(part)
            });
        assert!(is_answer, "{name}: {text}");
    }
}

#[test]
fn the_every_option_example_is_a_good_file_with_every_option() {
    let text = every_option_example();
    let vassal = parse("toml", &text).expect("the example");
    assert_eq!(
        vassal.http.first().map(ToString::to_string).as_deref(),
        Some("127.0.0.1:8104")
    );
    for option in options() {
        let line = format!("{} = ", option.name);
        let is_there = text
            .lines()
            .any(|text| text.trim_start_matches("# ").starts_with(&line));
        assert!(is_there, "{}", option.name);
        // What is commented out is good too; what names the app only instead of `module`.
        let mut alone = format!("{} = {}\n", option.name, option.example);
        if !["http", "https"].contains(&option.name) {
            alone.push_str("http = ':1'\n");
        }
        let naming = [
            "module",
            "wsgi-file",
            "paste",
            "ini-paste",
            "ini-paste-logged",
            "eval",
        ];
        if !naming.contains(&option.name) {
            alone.push_str("module = 'a'\n");
        }
        if option.name == "mount" {
            alone.push_str("manage-script-name = true\n");
        }
        if option.name == "file-serve-mode" {
            alone.push_str("sendfile-root = 'a'\n");
        }
        if option.name.starts_with("cheaper") {
            alone.push_str("processes = 4\n");
        }
        if option.name.starts_with("cheaper-") {
            alone.push_str("cheaper = 1\n");
        }
        assert!(parse("toml", &alone).is_ok(), "{alone}");
    }
}

//! What the README tells a newcomer to do, done as it stands there.

use std::fs;
use std::path::Path;

use crate::harness::{Emperor, Setup, Vassal, write_whole};

/// The code block of the README that holds this text.
fn block(holding: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("it is part of the tree");
    let block = text
        .split("```")
        .skip(1)
        .step_by(2)
        .find(|block| block.contains(holding));
    let block = block.unwrap_or_else(|| panic!("no block of the README holds `{holding}`"));
    let (_language, code) = block.split_once('\n').expect("a block has lines");
    code.to_owned()
}

/// Its first vassal, under a name of this test's and on a free port.
fn first_vassal() -> (Emperor, Vassal) {
    let setup = Setup::new();
    let vassal_file = block("# vassals/blog.toml").replace(":8000", ":0");
    write_whole(&setup.at("blog/app.py"), &block("# blog/app.py"));
    let name = setup.name("blog");
    write_whole(&setup.at(format!("vassals/{name}.toml")), &vassal_file);
    let emperor = setup.start();
    let blog = emperor.vassal("blog");
    emperor.ready_after(&blog, 0);
    (emperor, blog)
}

#[test]
fn the_first_vassal_answers_reloads_breaks_and_is_mended() {
    let (emperor, blog) = first_vassal();
    assert_eq!(emperor.get(&blog), "first\n");

    // Written at once and with as many bytes: new code is new code.
    let app = emperor.at("blog/app.py");
    write_whole(&app, &block("# blog/app.py").replace("first", "other"));
    let reload: Vec<String> = block("--wait")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let reload: Vec<&str> = reload[1..]
        .iter()
        .map(|word| {
            if word == "blog" {
                blog.name.as_str()
            } else {
                word.as_str()
            }
        })
        .collect();
    emperor.lictor(&reload).with_code(0);
    assert_eq!(emperor.get(&blog), "other\n");

    write_whole(&app, "def application(environ, start_response)\n");
    let ran = emperor.lictor(&reload).with_code(1);
    assert!(ran.stderr.contains("SyntaxError"), "{}", ran.stderr);
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(emperor.get(&blog), "other\n");
    let shown = emperor.lictor(&["status", &blog.name]).with_code(0);
    assert!(shown.stdout.contains("SyntaxError"), "{}", shown.stdout);

    write_whole(&app, &block("# blog/app.py"));
    emperor.touch(&blog.file);
    emperor.ready_after(&blog, 3);
    assert_eq!(emperor.get(&blog), "first\n");
}

#[test]
fn the_mistake_that_the_readme_shows_is_shown_so() {
    let setup = Setup::new();
    let shown = block("unknown option `procesess`");
    let text = block("# vassals/blog.toml");
    // The README's file has a comment first, so the mistake stands in the line that it names.
    let lines: Vec<&str> = text.lines().collect();
    let mistaken = format!("{}\n{}\n{}\nprocesess = 2\n", lines[1], lines[2], lines[3]);
    write_whole(&setup.at("vassals/blog.toml"), &mistaken);
    let ran = crate::harness::lictor(&setup.at("."), &["check", "vassals"]).with_code(65);
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(
            ran.stderr.contains(line),
            "`{line}` is not in:\n{}",
            ran.stderr
        );
    }
}

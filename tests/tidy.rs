//! What can be checked of the tree without running anything: that the README speaks of options and
//! commands that exist, and that files keep to the size and shape that the project promises.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads files of its own tree"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("the README is there")
}

/// Every Rust file of the product and its tests.
fn rust_files() -> Vec<PathBuf> {
    let mut pending = ["src", "crates", "tests", "build.rs"]
        .map(|name| root().join(name))
        .to_vec();
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a folder of the tree can be read");
            pending.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_option_table_of_the_readme_is_that_of_the_program() {
    const BEGIN: &str = "<!-- options -->\n";
    const END: &str = "<!-- /options -->";
    let text = readme();
    let (before, rest) = text.split_once(BEGIN).expect("the table has a beginning");
    let (table, after) = rest.split_once(END).expect("the table has an end");
    let wanted = lictor_core::config::option_table_markdown();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!("{before}{BEGIN}{wanted}{END}{after}");
        std::fs::write(root().join("README.md"), text).expect("the README can be written");
    } else {
        assert_eq!(
            table, wanted,
            "UPDATE_EXPECT=1 cargo test --test tidy writes it anew"
        );
    }
}

#[test]
fn every_command_of_the_readme_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_lictor"))
        .arg("--help")
        .output()
        .expect("it runs");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let known: Vec<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    let text = readme();
    let named = text
        .split(['`', '\n'])
        .filter_map(|part| part.strip_prefix("lictor "));
    let mut count = 0;
    for command in named
        .filter_map(|rest| rest.split(' ').next())
        .flat_map(|word| word.split("\\|"))
    {
        assert!(
            known.contains(&command),
            "`lictor {command}` is not one of {known:?}"
        );
        count += 1;
    }
    assert!(count > 10, "only {count} commands were found in the README");
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    let mut complaints = Vec::new();
    for path in rust_files() {
        let text = std::fs::read_to_string(&path).expect("a file of the tree can be read");
        let name = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        if !text.starts_with("//!") {
            complaints.push(format!("{name} does not open with what it is for"));
        }
        let is_test = name.contains("tests");
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        if lines > 500 && !is_test {
            complaints.push(format!("{name} has {lines} lines"));
        }
        for word in ["TODO", "FIXME", "XXX"]
            .iter()
            .filter(|_| !name.ends_with("tidy.rs"))
        {
            if text.contains(word) {
                complaints.push(format!("{name} contains {word}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_top_level_holds_nothing_else() {
    let allowed = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "README.md",
        "benches",
        "build.rs",
        "crates",
        "docs",
        "packaging",
        "src",
        "stubs",
        "target",
        "tests",
        "vassals.example",
    ];
    for entry in std::fs::read_dir(root()).expect("the tree can be read") {
        let name = entry
            .expect("an entry can be read")
            .file_name()
            .to_string_lossy()
            .into_owned();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "`{name}`"
        );
    }
}

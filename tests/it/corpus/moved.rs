//! The text of a configuration with other paths, ports and users, so that it can run in a test.

use std::fs;
use std::path::Path;

/// Directories of a machine that a test has below its own.
const PLACES: [&str; 9] = [
    "/srv/", "/run/", "/var/", "/etc/", "/opt/", "/home/", "/usr/", "/data/", "/tmp/",
];

/// The text of a file as it can be run below `root`.
pub(super) fn text(text: &str, root: &Path) -> String {
    let text = text
        .replace("$(PORT)", "0")
        .replace("$(WEB_CONCURRENCY)", "2");
    let lines: Vec<String> = text.lines().map(|line| moved_line(line, root)).collect();
    lines.join("\n") + "\n"
}

fn moved_line(line: &str, root: &Path) -> String {
    let key = line.trim_start_matches([' ', '"']);
    let end = key.find(['=', ':', ' ', '"']).unwrap_or(key.len());
    let (key, _) = key.split_at(end);
    let line = match key {
        "uid" | "gid" | "chown-socket" | "logfile-chown" => with_known_users(line),
        "http" | "stats" | "carbon" | "http-to-https" | "https" => with_free_port(line),
        _ if key.ends_with("socket") => with_free_port(line),
        _ => line.to_owned(),
    };
    with_paths(&line, root)
}

fn with_paths(line: &str, root: &Path) -> String {
    let mut moved = String::new();
    for (index, letter) in line.char_indices() {
        let (past, rest) = line.split_at(index);
        let before = past.chars().next_back().unwrap_or(' ');
        let is_place = PLACES
            .iter()
            .chain(&["/app/"])
            .any(|place| rest.starts_with(place));
        // A path begins here, and does not go on.
        if letter == '/' && is_place && " =\"',:".contains(before) {
            moved += &root.display().to_string();
        }
        moved.push(letter);
    }
    moved
}

/// Port 0 for any of four digits or more.
fn with_free_port(line: &str) -> String {
    let line = line.replace("[::]", "127.0.0.1");
    let Some((before, port)) = line.rsplit_once(':') else {
        return line;
    };
    let digits = port.bytes().take_while(u8::is_ascii_digit).count();
    if digits < 4 {
        return line;
    }
    let (_, behind) = port.split_at(digits);
    format!("{before}:0{behind}")
}

/// Nobody in place of whom this machine does not have.
fn with_known_users(line: &str) -> String {
    let Some((key, value)) = line.split_once('=') else {
        return line.to_owned();
    };
    let value = value.trim();
    let (user, group) = match (key.trim(), value.split_once(':')) {
        ("gid", _) => (None, Some(value)),
        (_, Some((user, group))) => (Some(user), Some(group)),
        (_, None) => (Some(value), None),
    };
    let user = user.map(|name| known("/etc/passwd", name, "nobody"));
    let group = group.map(|name| known("/etc/group", name, "nogroup"));
    let value = match (user, group) {
        (Some(user), Some(group)) => format!("{user}:{group}"),
        (one, other) => one.or(other).unwrap_or_default().to_owned(),
    };
    format!("{key}= {value}")
}

fn known<'n>(file: &str, name: &'n str, otherwise: &'n str) -> &'n str {
    let accounts = fs::read_to_string(file).unwrap_or_default();
    let is_there = accounts
        .lines()
        .any(|line| line.split(':').next() == Some(name));
    if is_there || name.contains('%') {
        name
    } else {
        otherwise
    }
}

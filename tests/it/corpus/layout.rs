//! Small apps and empty directories where a configuration looks for them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Setup, write_python};

/// What a file comes to, as `lictor convert` writes it: names with one value each, repeated for lists.
pub(super) struct Options(Vec<(String, String)>);

impl Options {
    pub(super) fn of(toml: &str) -> Self {
        let mut options = Vec::new();
        let mut list: Option<String> = None;
        for line in toml.lines() {
            let trimmed = line.trim();
            match &list {
                Some(_) if trimmed == "]" => list = None,
                Some(name) => options.extend(quoted(trimmed).map(|value| (name.clone(), value))),
                None => {
                    let Some((name, value)) = trimmed.split_once(" = ") else {
                        continue;
                    };
                    if name.starts_with('#') {
                        continue;
                    }
                    if value == "[" {
                        list = Some(name.to_owned());
                    } else {
                        let value = quoted(value).unwrap_or_else(|| value.to_owned());
                        options.push((name.to_owned(), value));
                    }
                }
            }
        }
        Self(options)
    }

    pub(super) fn all<'o>(&'o self, name: &'o str) -> impl Iterator<Item = &'o str> {
        let of_name = self.0.iter().filter(move |(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Options {
    /// Whether nothing of it runs until somebody asks.
    pub(super) fn sleeps(&self) -> bool {
        self.one("cheap") == Some("true")
    }
}

/// The text between the first quotation mark and the last one.
fn quoted(text: &str) -> Option<String> {
    let (start, end) = (text.find('"')?, text.rfind('"')?);
    serde_json::from_str(text.get(start..=end)?).ok()
}

/// Lays out what one file looks for.
pub(super) fn app(setup: &Setup, options: &Options, name: &str) {
    let base = setup.at("vassals");
    let chdir = options.one("chdir").map_or(base, PathBuf::from);
    make(&chdir);
    for (_, value) in &options.0 {
        directories_of(value, &setup.at("r"));
    }
    if let Some(place) = options.one("virtualenv") {
        virtualenv(Path::new(place));
    }
    for map in ["static-map", "static-map2"] {
        for (_, target) in options.all(map).filter_map(|value| value.split_once('=')) {
            if Path::new(target).extension().is_none() {
                make(&chdir.join(target));
            }
        }
    }
    // Daemons that do nothing until they are told to end.
    for daemon in options.all("attach-daemon") {
        let words = daemon.split(' ').map(Path::new);
        let scripts = words.filter(|word| word.extension().is_some_and(|ending| ending == "py"));
        for script in scripts {
            write_python(&chdir.join(script), "import signal\nsignal.pause()\n");
        }
    }
    let text = format!("hello from {name}");
    let callable = options.one("callable");
    if let Some(file) = options.one("wsgi-file") {
        code(&chdir.join(file), callable, &text);
    }
    let mounted = options
        .all("mount")
        .filter_map(|value| value.split_once('='));
    let mounted = mounted.map(|(_, target)| target);
    let mounted = mounted.map(|target| (target, true));
    let modules = options.one("module").map(|module| (module, false));
    for (target, may_be_file) in modules.into_iter().chain(mounted) {
        let (place, named) = target.split_once(':').unwrap_or((target, ""));
        let named = Some(named).filter(|name| !name.is_empty()).or(callable);
        let has_ending = [".py", ".wsgi"]
            .iter()
            .any(|ending| place.ends_with(ending));
        let is_file = may_be_file && (has_ending || place.contains('/'));
        let from = options
            .one("pythonpath")
            .filter(|_| options.one("chdir").is_none());
        let from = from.map_or(chdir.clone(), PathBuf::from);
        if is_file {
            code(&chdir.join(place), named, &text);
        } else {
            code(
                &from.join(format!("{}.py", place.replace('.', "/"))),
                named,
                &text,
            );
        }
    }
}

/// An app under this name; under one with `()` something that makes it.
fn code(path: &Path, callable: Option<&str>, text: &str) {
    let name = callable.unwrap_or("application");
    let app = format!(
        "def application(environ, start_response):\n    \
             start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
             return [{text:?}.encode()]\n"
    );
    let named = match name.strip_suffix("()") {
        Some(name) => format!("def {name}():\n    return application\n"),
        None => format!("{name} = application\n"),
    };
    make(path.parent().expect("it has one"));
    write_python(path, &(app + &named));
}

/// An environment that its own `bin/python` makes one, without anything in it.
fn virtualenv(place: &Path) {
    make(&place.join("bin"));
    let program = place.join("bin/python");
    if !program.exists() {
        symlink("/usr/bin/python3", &program).expect("it is ours");
        fs::write(place.join("pyvenv.cfg"), "home = /usr/bin\n").expect("it is ours");
    }
}

/// The directories of the paths in a value.
fn directories_of(value: &str, root: &Path) {
    for word in value.split([' ', '=', ',', ':', '"']) {
        let path = Path::new(word);
        if path.starts_with(root) {
            make(path.parent().expect("it has one"));
        }
    }
}

fn make(directory: &Path) {
    fs::create_dir_all(directory).expect("it is ours");
}

/// Lets every user of the files read and write there.
pub(super) fn open_to_all(place: &Path) {
    let status = Command::new("chmod")
        .args(["-R", "a+rwX"])
        .arg(place)
        .status();
    assert!(status.expect("it is installed").success());
}

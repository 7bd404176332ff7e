//! The option table as text: for `lictor explain`, the README and the every-option example.

use super::diagnostic::quote;
use super::options::{Answer, Found, OptionSpec, ValueKind, look_up, nearest, options};

/// Width of running text.
const TEXT_WIDTH: usize = 80;

/// The text of `lictor explain`: all options, or one of them in full. The error says that there is
/// no such option, and what may have been meant.
pub fn explain(name: Option<&str>) -> Result<String, String> {
    let Some(name) = name else {
        return Ok(all());
    };
    let name = name.trim_start_matches('-');
    match look_up(name) {
        Some(Found::Option(option)) => Ok(one(option, name)),
        Some(Found::Foreign(foreign)) => Ok(answer(name, &foreign.answer)),
        None => Err(match nearest(name) {
            Some(near) => format!("unknown option {}; did you mean `{near}`?", quote(name)),
            None => format!(
                "unknown option {}; `lictor explain` lists every option",
                quote(name)
            ),
        }),
    }
}

fn all() -> String {
    let width = options()
        .map(|option| option.name.len())
        .max()
        .unwrap_or_default();
    let mut lines: Vec<String> = options()
        .map(|option| format!("{:width$}  {}", option.name, option.summary()))
        .collect();
    lines.push(String::new());
    lines.push("`lictor explain OPTION` explains one of them in full.".to_owned());
    text_of(&lines)
}

/// What is said to a name of uWSGI's that is no option of ours.
fn answer(name: &str, answer: &Answer) -> String {
    let name = name.replace('_', "-");
    let sentences = match answer {
        Answer::Fixed(fixed) => format!(
            "Accepted for uWSGI's sake, {}: {}. It can be left out.",
            fixed.condition(),
            fixed.always
        ),
        Answer::Dialect(what) => format!(
            "{what}. It belongs to the language of uWSGI's INI and YAML files, and is understood there."
        ),
        Answer::Refused(refused) => format!(
            "{name} is not an option of Lictor. What to do: {}.",
            refused.instead
        ),
    };
    let mut lines = vec![name, String::new()];
    let sentences = wrapped(&sentences, TEXT_WIDTH - 2);
    lines.extend(sentences.iter().map(|line| format!("  {line}")));
    text_of(&lines)
}

fn one(option: &OptionSpec, asked: &str) -> String {
    let asked = asked.replace('_', "-");
    let title = if asked == option.name {
        asked
    } else {
        format!("{asked} is another name of {}", option.name)
    };
    let mut lines = vec![title, String::new()];
    let documentation = wrapped(option.documentation, TEXT_WIDTH - 2);
    lines.extend(documentation.iter().map(|line| format!("  {line}")));
    lines.push(String::new());
    let mut field = |label: &str, value: &str| {
        lines.push(format!("  {:15} {value}", format!("{label}:")));
    };
    if !option.aliases.is_empty() {
        field("other names", &option.aliases.join(", "));
    }
    field("takes", option.takes);
    field("default", option.default);
    field("flag", &flag(option));
    field("example", &format!("{} = {}", option.name, option.example));
    field("a change needs", &format!("a {}", option.reload));
    text_of(&lines)
}

/// How the option looks on a command line.
fn flag(option: &OptionSpec) -> String {
    let short = option.aliases.iter().find(|alias| alias.len() == 1);
    let short = short
        .map(|letter| format!("-{letter}, "))
        .unwrap_or_default();
    match option.kind {
        ValueKind::Switch => format!("{short}--{}", option.name),
        ValueKind::One => format!("{short}--{} VALUE", option.name),
        ValueKind::Many => format!("{short}--{} VALUE, repeatable", option.name),
    }
}

/// The option table of the README.
pub fn option_table_markdown() -> String {
    let mut lines = vec![
        "| option | uWSGI's other names | meaning | default |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    lines.extend(options().map(|option| {
        let aliases: Vec<_> = option
            .aliases
            .iter()
            .map(|alias| format!("`{alias}`"))
            .collect();
        let cells = [
            format!("`{}`", option.name),
            aliases.join(", "),
            option.summary().to_owned(),
            option.default.to_owned(),
        ];
        format!(
            "| {} |",
            cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
        )
    }));
    text_of(&lines)
}

/// A vassal file with every option, which runs as it stands beside a module `every_option`.
pub fn every_option_example() -> String {
    let mut lines = vec![
        "# Every option, with a value that works here or, commented out, one that needs".to_owned(),
        "# something of its own. `lictor explain OPTION` says the same and more.".to_owned(),
    ];
    for option in options() {
        lines.push(String::new());
        let documentation = wrapped(option.documentation, TEXT_WIDTH);
        lines.extend(documentation.iter().map(|line| format!("# {line}")));
        if !option.aliases.is_empty() {
            lines.push(format!("# Other names: {}.", option.aliases.join(", ")));
        }
        lines.push(format!("# Default: {}.", option.default));
        let mark = if option.is_local { "# " } else { "" };
        lines.push(format!("{mark}{} = {}", option.name, option.example));
    }
    text_of(&lines)
}

fn text_of(lines: &[String]) -> String {
    lines
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect()
}

/// The words of a text in lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

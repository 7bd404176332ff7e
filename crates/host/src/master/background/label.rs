//! How commands are called in the log and in `lictor status`: pure.

/// Longest name, in characters.
const NAME_LIMIT: usize = 24;
/// Longest command that is shown.
const COMMAND_LIMIT: usize = 120;

/// `daemon celery`: what it is, and the program's name without its directory.
pub(crate) fn named(kind: &str, command: &str) -> String {
    let mut words = command.split_ascii_whitespace();
    // Variables and `exec` say little.
    let program = words.find(|word| !word.contains('=') && *word != "exec");
    let name = program.map_or(command, |word| word.rsplit('/').next().unwrap_or(word));
    let name: String = name
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_LIMIT)
        .collect();
    format!("{kind} {name}")
}

/// The command, cut.
pub(crate) fn shortened(command: &str) -> String {
    if command.chars().count() <= COMMAND_LIMIT {
        return command.to_owned();
    }
    let cut: String = command.chars().take(COMMAND_LIMIT - 1).collect();
    cut + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_by_its_program() {
        for (command, expected) in [
            ("/srv/venv/bin/celery -A shop worker", "daemon celery"),
            ("exec FOO=1 bin/run", "daemon run"),
            ("redis-server", "daemon redis-server"),
            ("", "daemon "),
        ] {
            assert_eq!(named("daemon", command), expected);
        }
        assert_eq!(shortened("true"), "true");
        assert_eq!(shortened(&"x".repeat(500)).chars().count(), 120);
    }
}

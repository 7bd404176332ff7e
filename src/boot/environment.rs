//! The environment of the app: the emperor's few variables, then `env-file`, then `env`; without those
//! of `unenv`.

use std::path::Path;

use lictor_core::ipc::Handover;
use lictor_core::sys::read_bounded;

use super::error::BootError;

/// Largest `env-file`.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

/// All variables of the app, later ones standing above earlier ones of the same name.
pub(super) fn of_app(handover: &Handover) -> Result<Vec<(String, String)>, BootError> {
    let mut variables = handover.environment.clone();
    for path in &handover.config.env_file {
        let bytes = read_bounded(path, FILE_LIMIT_BYTES).map_err(|source| BootError::EnvFile {
            path: path.clone(),
            source,
        })?;
        let text = String::from_utf8_lossy(&bytes);
        variables.extend(parse(path, &text)?);
    }
    variables.extend(handover.config.env.iter().cloned());
    variables.retain(|(key, _)| !handover.config.process.unenv.contains(key));
    Ok(variables)
}

fn parse(path: &Path, text: &str) -> Result<Vec<(String, String)>, BootError> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line
            .split_once('=')
            .filter(|(key, _)| is_name(key.trim_end()))
            .ok_or_else(|| BootError::EnvFileLine {
                path: path.to_owned(),
                line: index + 1,
            })?;
        variables.push((key.trim_end().to_owned(), unquote(value.trim()).to_owned()));
    }
    Ok(variables)
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && !key.contains(['\0', ' ', '\t', '"', '\''])
}

/// Takes one pair of quotes off, as `systemd.exec(5)` does for `EnvironmentFile=`.
fn unquote(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text = "# comment\n\nA=1\nexport B = two words\nC=\"q # x\"\nD=\n";
        let parsed = parse(Path::new("x.env"), text).unwrap();
        let expected = [("A", "1"), ("B", "two words"), ("C", "q # x"), ("D", "")];
        assert_eq!(parsed, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn a_line_without_a_name_is_refused_with_its_number() {
        let error = parse(Path::new("x.env"), "A=1\nnonsense\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`x.env:2` of `env-file` is not `KEY=VALUE`"
        );
    }
}

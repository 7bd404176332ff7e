//! `lictor status`: a table of all vassals with what is wrong below, or the way to one in full.

use lictor_core::observe::{Status, VassalState, VassalStatus};

use super::args::StatusCommand;
use super::error::CliError;
use super::exit::Exit;
use super::lines;
use super::output::{Output, printable};
use super::session::with_emperor;
use super::table::{Align, or_dash, size, table};
use super::vassal;
use crate::control::{Client, Filter};

/// Shows the status.
pub(super) fn run(command: StatusCommand, output: &mut Output<'_>) -> Result<Exit, CliError> {
    with_emperor(command.place.run_dir, async |client| {
        let text = match (command.vassal, command.json) {
            (None, false) => all(&client.status().await?).into_bytes(),
            (None, true) => client.status_json().await?.into(),
            (Some(name), false) => one(&client, name).await?.into_bytes(),
            (Some(name), true) => client.vassal_json(&name).await?.into(),
        };
        output.data(text)?;
        Ok(Exit::Done)
    })
}

async fn one(client: &Client, name: String) -> Result<String, CliError> {
    let status = client.vassal(&name).await?;
    let filter = Filter {
        vassals: vec![name],
        follow: false,
    };
    let events = lines::last_events(client, filter.clone()).await?;
    let output = lines::last_logs(client, filter).await?;
    Ok(vassal::in_full(&status, &events, &output))
}

/// The table of all and, below, what is wrong with whom.
fn all(status: &Status) -> String {
    if status.vassals.is_empty() {
        let sources: Vec<String> = status
            .emperor
            .sources
            .iter()
            .map(|s| printable(s))
            .collect();
        return format!("no vassals; the emperor looks at {}\n", sources.join(" "));
    }
    let header = [
        ("NAME", Align::Left),
        ("STATE", Align::Left),
        ("GEN", Align::Right),
        ("WORKERS", Align::Right),
        ("REQUESTS", Align::Right),
        ("RSS", Align::Right),
        ("PYTHON", Align::Left),
        ("SOCKETS", Align::Left),
        ("SINCE", Align::Left),
    ];
    let trouble: String = status.vassals.iter().filter_map(trouble).collect();
    let warnings = status
        .emperor
        .warnings
        .iter()
        .map(|warning| ["\nemperor: ", &printable(warning), "\n"].concat());
    let warnings: String = warnings.collect();
    table(header, status.vassals.iter().map(row).collect()) + &trouble + &warnings
}

/// What is wrong with a vassal or not as its file says, and what to do about it.
fn trouble(vassal: &VassalStatus) -> Option<String> {
    let name = printable(&vassal.name);
    let failed = vassal.error.as_ref().map(|error| {
        let message = printable(&error.message);
        let hint = format!("  hint: lictor status {}\n", quoted(&name));
        format!("\n{name}: {}: {message}\n{hint}", error.kind)
    });
    let rolled_back = vassal.rolled_back.then(|| {
        let file = quoted(&printable(&vassal.file));
        if vassal.state == VassalState::Degraded {
            format!("\n{name}: serves by the last file that worked\n  hint: mend {file}\n")
        } else {
            format!("\n{name}: rolled back to an earlier file\n  hint: touch {file}\n")
        }
    });
    let lines: String = [failed, rolled_back].into_iter().flatten().collect();
    Some(lines).filter(|lines| !lines.is_empty())
}

fn row(vassal: &VassalStatus) -> [String; 9] {
    let requests: u64 = vassal.workers.iter().map(|worker| worker.requests).sum();
    let rss: u64 = vassal.workers.iter().map(|worker| worker.rss).sum();
    [
        vassal.name.clone(),
        vassal.state.to_string(),
        vassal.generation.to_string(),
        vassal.workers.len().to_string(),
        requests.to_string(),
        size(rss),
        or_dash(vassal.python.as_ref()),
        vassal::sockets(vassal),
        vassal.since.to_string(),
    ]
}

/// A name as a shell takes it.
fn quoted(name: &str) -> String {
    if name
        .chars()
        .all(|c| c.is_alphanumeric() || "._-/".contains(c))
    {
        name.into()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::vassal::tests::{blog, shop, status};

    #[test]
    fn all_vassals_in_a_table_with_their_trouble_below() {
        assert_eq!(
            all(&status(vec![blog(), shop()])),
            "\
NAME  STATE     GEN  WORKERS  REQUESTS    RSS  PYTHON  SOCKETS              SINCE
blog  ready       7        2        42  50.0M  3.12.1  http 127.0.0.1:8001  2026-11-20T12:00:01Z
shop  degraded    3        0         0     0B  -       -                    2026-11-20T12:00:01Z

shop: import: ModuleNotFoundError: No module named 'redsi'
  hint: lictor status shop
"
        );
    }

    #[test]
    fn what_the_emperor_warns_of_stands_last() {
        let mut status = status(vec![blog()]);
        status.emperor.warnings = vec!["could not write".into()];
        let text = all(&status);
        assert!(text.ends_with("Z\n\nemperor: could not write\n"), "{text}");
    }

    #[test]
    fn what_is_rolled_back_is_said() {
        let vassal = VassalStatus {
            rolled_back: true,
            ..blog()
        };
        assert_eq!(
            trouble(&vassal).unwrap(),
            "\nblog: rolled back to an earlier file\n  hint: touch vassals/blog.toml\n"
        );
        let vassal = VassalStatus {
            rolled_back: true,
            ..shop()
        };
        let expected =
            "\nshop: serves by the last file that worked\n  hint: mend vassals/shop.ini\n";
        let told = trouble(&vassal).unwrap();
        assert!(told.ends_with(expected), "{told}");
    }

    #[test]
    fn no_vassals_is_said() {
        assert_eq!(
            all(&status(Vec::new())),
            "no vassals; the emperor looks at vassals\n"
        );
    }

    #[test]
    fn names_are_quoted_for_the_shell() {
        assert_eq!(quoted("blog-2.x"), "blog-2.x");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

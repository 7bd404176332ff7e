//! How a vassal's processes are called.

use serde::{Deserialize, Serialize};

/// What `ps` and `top` show instead of the name that says vassal and generation, or around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessNames {
    /// Before each name.
    pub prefix: String,
    /// Behind each name.
    pub suffix: String,
    /// Of all processes.
    pub name: Option<String>,
    /// Of the master alone.
    pub master: Option<String>,
}

impl ProcessNames {
    /// The name of the master.
    pub fn of_master(&self, own: &str) -> String {
        self.whole(self.master.as_ref().or(self.name.as_ref()), own)
    }

    /// The name of a worker.
    pub fn of_worker(&self, own: &str) -> String {
        self.whole(self.name.as_ref(), own)
    }

    fn whole(&self, said: Option<&String>, own: &str) -> String {
        let name = said.map_or(own, String::as_str);
        format!("{}{name}{}", self.prefix, self.suffix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together() {
        let text = |text: &str| Some(text.to_owned());
        for (names, master, worker) in [
            (ProcessNames::default(), "own", "own"),
            (
                ProcessNames {
                    prefix: "a ".to_owned(),
                    suffix: "-z".to_owned(),
                    name: None,
                    master: text("boss"),
                },
                "a boss-z",
                "a own-z",
            ),
            (
                ProcessNames {
                    name: text("blog"),
                    ..ProcessNames::default()
                },
                "blog",
                "blog",
            ),
        ] {
            assert_eq!(names.of_master("own"), master);
            assert_eq!(names.of_worker("own"), worker);
        }
    }
}

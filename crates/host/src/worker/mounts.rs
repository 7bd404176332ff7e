//! Which app answers a request, where a vassal has several.

/// Where the apps of a vassal are mounted.
#[derive(Debug)]
pub(super) struct Mounts {
    /// In the order of the apps, without slashes at their ends; empty for the one that answers
    /// elsewhere.
    mountpoints: Vec<String>,
    /// Whether the path chooses, not only the web server (`manage-script-name`).
    by_path: bool,
}

/// The app that answers, and where it is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice<'m> {
    /// Its place among the apps.
    pub(super) app: usize,
    /// The beginning of the path that is not the app's to see; empty if the path did not choose.
    pub(super) mountpoint: &'m str,
}

impl Mounts {
    /// None for a single app that answers everything.
    pub(super) fn new(mountpoints: Vec<String>, by_path: bool) -> Option<Self> {
        let is_plain = matches!(mountpoints.as_slice(), [only] if only.is_empty());
        (!is_plain).then_some(Self {
            mountpoints,
            by_path,
        })
    }

    /// Chooses by the path, by the longest mountpoint of which whole segments fit; then by the
    /// `SCRIPT_NAME` that the web server sends; then the app that answers elsewhere, if there is one.
    pub(super) fn choose(&self, path: &[u8], script_name: &str) -> Option<Choice<'_>> {
        let by_path = self.mounted().filter(|(_, mountpoint)| {
            let rest = path.strip_prefix(mountpoint.as_bytes());
            self.by_path && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        });
        if let Some((app, mountpoint)) = by_path.max_by_key(|(_, mountpoint)| mountpoint.len()) {
            return Some(Choice { app, mountpoint });
        }
        let sent = script_name.trim_end_matches('/');
        let app = self
            .mounted()
            .find(|(_, mountpoint)| *mountpoint == sent)
            .map(|(app, _)| app)
            .or_else(|| self.mountpoints.iter().position(String::is_empty))?;
        Some(Choice {
            app,
            mountpoint: "",
        })
    }

    fn mounted(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.mountpoints.iter().map(String::as_str).enumerate();
        all.filter(|(_, mountpoint)| !mountpoint.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(mountpoints: &[&str], by_path: bool) -> Mounts {
        let mountpoints = mountpoints.iter().map(|&text| text.to_owned()).collect();
        Mounts::new(mountpoints, by_path).expect("more than one plain app")
    }

    #[test]
    fn one_plain_app_needs_no_choice() {
        assert!(Mounts::new(vec![String::new()], true).is_none());
        assert!(Mounts::new(vec!["/a".to_owned()], true).is_some());
    }

    #[test]
    fn the_longest_path_wins_at_the_borders_of_segments() {
        let mounts = mounts(&["", "/b", "/b/c", "/é"], true);
        for (path, script_name, app, mountpoint) in [
            ("/", "", 0, ""),
            ("", "", 0, ""),
            ("*", "", 0, ""),
            ("/b", "", 1, "/b"),
            ("/b/", "", 1, "/b"),
            ("/b/x", "", 1, "/b"),
            ("/b//x", "", 1, "/b"),
            ("/bx", "", 0, ""),
            ("//b/x", "", 0, ""),
            ("/b/c", "", 2, "/b/c"),
            ("/b/c/d", "", 2, "/b/c"),
            ("/b/cd", "", 1, "/b"),
            ("/é/x", "", 3, "/é"),
            // The path comes before what the web server says, which counts otherwise.
            ("/b/x", "/b/c", 1, "/b"),
            ("/x", "/b/c", 2, ""),
            ("/x", "/b/", 1, ""),
            ("/x", "/unknown", 0, ""),
        ] {
            let expected = Choice { app, mountpoint };
            let chosen = mounts.choose(path.as_bytes(), script_name);
            assert_eq!(chosen, Some(expected), "{path} {script_name}");
        }
    }

    #[test]
    fn without_the_path_only_the_web_server_chooses() {
        let mounts = mounts(&["/b", "/c"], false);
        let chosen = |path: &str, sent| mounts.choose(path.as_bytes(), sent).map(|one| one.app);
        assert_eq!(chosen("/b/x", "/b"), Some(0));
        assert_eq!(chosen("/b/x", "/c"), Some(1));
        assert_eq!(chosen("/b/x", ""), None);
        assert_eq!(chosen("/b/x", "/d"), None);
    }
}

//! What a vassal loads, while its options are read, and the rules that concern it.

use super::diagnostic::Complaint;
use super::draft::{Draft, Start};
use super::tree::Place;
use super::vassal::{AppConfig, AppTarget, AppsConfig};

/// The options that name the app, in the order in which a second one is told of the first.
const NAMING: [&str; 6] = [
    "module",
    "wsgi-file",
    "paste",
    "ini-paste",
    "ini-paste-logged",
    "eval",
];

/// What one of these options names.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    option: &'static str,
    target: AppTarget,
    place: Place,
}

impl Draft {
    /// One more option that names the app; one too many is complained about in the end.
    pub(super) fn load(&mut self, option: &'static str, target: AppTarget, place: Place) {
        self.named.push(Named {
            option,
            target,
            place,
        });
    }

    /// All that is loaded, or none if something is missing or contradictory.
    pub(super) fn checked_apps(
        &mut self,
        start: &Start,
        told: &[&'static str],
        complaints: &mut Vec<Complaint>,
    ) -> Option<AppsConfig> {
        let before = complaints.len();
        let callable = self.checked_callable(complaints);
        let target = self.checked_target(complaints);
        let mut apps = std::mem::take(&mut self.apps);
        apps.default = target.map(|target| AppConfig { target, callable });
        let at_root = apps.mounts.iter().position(|mount| mount.prefix.is_empty());
        if let Some(index) = at_root {
            let root = apps.mounts.remove(index);
            if apps.default.is_some() {
                complaints.push(self.about_mounts("an app at `/` of `mount` beside another one"));
            }
            apps.default.get_or_insert(root.app);
        }
        let own_callable = self.callable.as_ref().map(|(name, _)| name);
        for mount in &mut apps.mounts {
            // As under uWSGI, what files are looked through for is the same in all of them.
            if matches!(mount.app.target, AppTarget::File(_)) && mount.app.callable.is_none() {
                mount.app.callable = own_callable.cloned();
            }
        }
        self.check_mounts(&apps, complaints);
        let is_told = NAMING
            .iter()
            .chain(&["mount"])
            .any(|name| told.contains(name));
        if apps.default.is_none() && apps.mounts.is_empty() && !is_told {
            let example = start.example("module", "package.module:application");
            complaints.push(
                Complaint::new(start.place.clone(), "no app to load")
                    .hint(format!("add {example}")),
            );
        }
        let is_empty = apps.default.is_none() && apps.mounts.is_empty();
        (complaints.len() == before && !is_empty).then_some(apps)
    }

    fn check_mounts(&self, apps: &AppsConfig, complaints: &mut Vec<Complaint>) {
        let mut prefixes: Vec<_> = apps.mounts.iter().map(|mount| &mount.prefix).collect();
        prefixes.sort();
        let twice = prefixes.windows(2).find(|pair| pair.first() == pair.last());
        if let Some(prefix) = twice.and_then(|pair| pair.first()) {
            let message = format!("two apps at `{prefix}`");
            complaints.push(self.about_mounts(&message).hint("keep one of them"));
        }
        let is_chosen_by_server =
            self.gateway.listening().next().is_some() || !self.sockets.is_empty();
        let is_reached =
            apps.manage_script_name || is_chosen_by_server || self.trust.forwarded_allow.is_some();
        if !apps.mounts.is_empty() && !is_reached {
            let message =
                "`mount` without `manage-script-name`, and no web server to choose an app";
            complaints.push(
                self.about_mounts(message)
                    .hint("add `manage-script-name`, so that the path of a request chooses"),
            );
        }
    }

    fn about_mounts(&self, message: &str) -> Complaint {
        Complaint::new(self.mount_place.clone().unwrap_or(Place::File), message)
    }

    fn checked_target(&mut self, complaints: &mut Vec<Complaint>) -> Option<AppTarget> {
        let rank = |named: &Named| NAMING.iter().position(|option| *option == named.option);
        self.named.sort_by_key(rank);
        let mut named = self.named.drain(..);
        let first = named.next()?;
        if let Some(second) = named.next() {
            let message = format!("both `{}` and `{}` are given", first.option, second.option);
            complaints.push(
                Complaint::new(second.place, message)
                    .also(first.place, "the other one is here")
                    .hint("keep one of them; `mount` adds apps at paths of their own"),
            );
        }
        let mut target = first.target;
        if let AppTarget::Paste(app) = &mut target {
            app.sets_up_logging |= self.paste_logger;
        }
        Some(target)
    }

    fn checked_callable(&self, complaints: &mut Vec<Complaint>) -> Option<String> {
        match (&self.module_callable, &self.callable) {
            (Some((in_module, first)), Some((alone, second))) if in_module != alone => {
                let message =
                    format!("the callable is `{alone}` here and `{in_module}` in `module`");
                complaints.push(
                    Complaint::new(second.clone(), message)
                        .also(first.clone(), "the other one is here")
                        .hint("keep one of them"),
                );
                None
            }
            (_, Some((name, _))) | (Some((name, _)), None) => Some(name.clone()),
            (None, None) => None,
        }
    }
}

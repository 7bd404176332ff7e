//! Loads the apps of a vassal: the one of `module` or its like, and those of `mount`.

use std::time::{Duration, Instant};

use lictor_core::config::{AppConfig, AppTarget, EventLoop, VassalConfig};
use lictor_core::observe::{Failure, FailureKind};
use pyo3::prelude::*;

use super::callable::{CALLABLE_HINT, find_callable};
use super::failure_of;
use super::import::import;
use super::interface::{Interface, interface_of};

/// The loaded apps, of which there is at least one.
pub(crate) struct Apps {
    /// Which interface they speak.
    pub(crate) interface: Interface,
    /// In the order of the file; the one that answers where nothing is mounted comes first.
    pub(crate) apps: Vec<App>,
}

/// A loaded app.
pub(crate) struct App {
    /// Where it is mounted, without the slash at its end; empty for the one that answers elsewhere.
    pub(crate) mountpoint: String,
    /// What is called for each request.
    pub(crate) callable: Py<PyAny>,
    /// How long it took to load.
    pub(crate) startup: Duration,
}

impl Apps {
    /// Where the apps are mounted, in their order.
    pub(crate) fn mountpoints(&self) -> Vec<String> {
        self.apps.iter().map(|app| app.mountpoint.clone()).collect()
    }
}

/// Imports all apps and finds their callables.
pub(crate) fn load(py: Python<'_>, config: &VassalConfig) -> Result<Apps, Failure> {
    let default = config.apps.default.iter().map(|app| ("", app));
    let mounts = config.apps.mounts.iter();
    let mounts = mounts.map(|mount| (mount.prefix.as_str(), &mount.app));
    let mut apps = Vec::new();
    let mut found: Option<(Interface, String)> = None;
    for (mountpoint, app) in default.chain(mounts) {
        let started = Instant::now();
        let (callable, interface) = load_one(py, app, config)?;
        match &found {
            Some((first, named_first)) if *first != interface => {
                return Err(mixed(named_first, *first, &named(app), interface));
            }
            Some(_) => {}
            None => found = Some((interface, named(app))),
        }
        apps.push(App {
            mountpoint: mountpoint.to_owned(),
            callable,
            startup: started.elapsed(),
        });
    }
    let Some((interface, first)) = found else {
        return Err(Failure::new(FailureKind::Import, "no app to load", ""));
    };
    if interface == Interface::Asgi {
        prepare_asgi(py, config, &first)?;
    }
    enter(config)?;
    if apps.len() > 1 {
        tell_mounted(py, &apps);
    }
    Ok(Apps { interface, apps })
}

fn load_one(
    py: Python<'_>,
    app: &AppConfig,
    config: &VassalConfig,
) -> Result<(Py<PyAny>, Interface), Failure> {
    let named = named(app);
    let imported = import(py, &app.target)?;
    let callable = find_callable(py, &imported, app.callable.as_deref(), &named)?;
    if !callable.is_callable() {
        let message = format!("`{named}` is not callable: {}", type_name(&callable));
        return Err(Failure::new(FailureKind::Import, message, CALLABLE_HINT));
    }
    let interface = interface_of(&callable, config.asgi.interface, &named)?;
    Ok((callable.unbind(), interface))
}

/// In the app's own log, where what its imports print stands too.
fn tell_mounted(py: Python<'_>, apps: &[App]) {
    let lines: String = apps.iter().map(mounted_line).collect();
    let told = py
        .import("sys")
        .and_then(|sys| sys.getattr("stderr")?.call_method1("write", (lines,)));
    // Whoever has taken its log away does not want to know.
    drop(told);
}

fn mounted_line(app: &App) -> String {
    let place = match app.mountpoint.as_str() {
        "" => "where no other app is mounted",
        mountpoint => mountpoint,
    };
    format!(
        "lictor: app loaded in {:.2} s, answers {place}\n",
        app.startup.as_secs_f64()
    )
}

/// A worker calls its apps in one way.
fn mixed(first: &str, one: Interface, second: &str, other: Interface) -> Failure {
    let message = format!(
        "`{first}` speaks {} and `{second}` speaks {}, and one vassal serves one interface",
        one.name(),
        other.name()
    );
    let hint = "hint: give one of them a vassal of its own, or wrap the WSGI app for ASGI with \
                `a2wsgi.WSGIMiddleware`";
    Failure::new(FailureKind::Import, message, hint)
}

/// `chdir2`.
fn enter(config: &VassalConfig) -> Result<(), Failure> {
    let Some(directory) = &config.apps.chdir_after else {
        return Ok(());
    };
    std::env::set_current_dir(directory).map_err(|error| {
        let message = format!(
            "the directory `{}` of `chdir2` could not be entered: {error}",
            directory.display()
        );
        let hint = "hint: make it, or let the vassal's user enter it";
        Failure::new(FailureKind::Import, message, hint)
    })
}

/// What an ASGI app needs, imported here so that the workers share its memory.
fn prepare_asgi(py: Python<'_>, config: &VassalConfig, named: &str) -> Result<(), Failure> {
    if config.threads > 1 {
        let message = format!(
            "`{named}` is an ASGI app, and `threads` is {}",
            config.threads
        );
        let hint = "hint: remove `threads` and use `processes`: an event loop runs on one thread, \
                    and hands what blocks to a pool of its own";
        return Err(Failure::new(FailureKind::Import, message, hint));
    }
    py.import("asyncio")
        .map_err(|error| failure_of(py, &error, "`asyncio` was imported"))?;
    if config.asgi.event_loop == EventLoop::Asyncio {
        return Ok(());
    }
    match py.import("uvloop") {
        Err(error) if config.asgi.event_loop == EventLoop::Uvloop => {
            let mut failure = failure_of(py, &error, "`uvloop` was imported");
            failure.message = format!(
                "`loop` is `uvloop`, which cannot be imported: {}",
                failure.message
            );
            failure.detail.push_str(
                "\nhint: install it into the app's environment, or set `loop` to `auto` or `asyncio`",
            );
            Err(failure)
        }
        _ => Ok(()),
    }
}

/// The app as its author knows it.
fn named(app: &AppConfig) -> String {
    let target = match &app.target {
        AppTarget::Module(name) => name.clone(),
        AppTarget::File(path) => path.display().to_string(),
        AppTarget::Paste(paste) => paste.uri.clone(),
        AppTarget::Code(_) => "eval".to_owned(),
    };
    match &app.callable {
        Some(callable) => format!("{target}:{callable}"),
        None => target,
    }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().name() {
        Ok(name) => format!("it is of type `{name}`"),
        Err(_) => "it is of an unknown type".to_owned(),
    }
}

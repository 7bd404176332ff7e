//! A vassal while its options are read, and the rules that concern more than one of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::Complaint;
use super::draft_apps::Named;
use super::draft_logs::crossed_logs;
use super::format::Format;
use super::scale_draft::ScaleDraft;
use super::setting::{Order, Outcome, in_order};
use super::tree::Place;
use super::types::{AccessLog, Address, GroupName, Mode, Protocol, PythonChoice, UserName};
use super::vassal::{
    AnswersConfig, AppsConfig, AsgiConfig, BackgroundConfig, CronConfig, DaemonConfig, FilesConfig,
    GatewayConfig, LogFormat, LogsConfig, ModuleConfig, MonitoringConfig, ProcessConfig,
    RecycleConfig, RequestLogConfig, RouteRule, TlsConfig, TrustConfig, VassalConfig, WireConfig,
};

/// What is said so far. What is not said has its default here, as far as it is a constant.
#[derive(Debug, PartialEq)]
pub(super) struct Draft {
    /// What the options say that name the app.
    pub(super) named: Vec<Named>,
    /// The apps so far, but for the one that these options name.
    pub(super) apps: AppsConfig,
    pub(super) mount_place: Option<Place>,
    pub(super) paste_logger: bool,
    /// The callable behind the module's colon.
    pub(super) module_callable: Option<(String, Place)>,
    pub(super) callable: Option<(String, Place)>,
    pub(super) chdir: Option<PathBuf>,
    pub(super) pythonpath: Vec<PathBuf>,
    pub(super) virtualenv: Option<PathBuf>,
    pub(super) python: Option<PythonChoice>,
    pub(super) env: Vec<(String, String)>,
    pub(super) env_file: Vec<PathBuf>,
    pub(super) http: Vec<Address>,
    pub(super) gateway: GatewayConfig,
    /// Addresses whose protocol is said elsewhere.
    pub(super) sockets: Vec<Address>,
    /// What is spoken at the addresses of `socket`.
    pub(super) socket_protocol: Protocol,
    pub(super) processes: u32,
    pub(super) scale: ScaleDraft,
    pub(super) threads: u32,
    pub(super) lazy_apps: bool,
    pub(super) start_timeout: Duration,
    pub(super) reload_mercy: Duration,
    pub(super) touch_reload: Vec<PathBuf>,
    pub(super) chmod_socket: Mode,
    pub(super) listen: u32,
    pub(super) buffer_size: u32,
    pub(super) limit_post: Option<u64>,
    pub(super) logto: Option<PathBuf>,
    pub(super) logs: LogsConfig,
    pub(super) process: ProcessConfig,
    pub(super) uid: Option<UserName>,
    pub(super) gid: Option<GroupName>,
    pub(super) access_log: Option<AccessLog>,
    /// Where `disable-logging` is switched on.
    pub(super) disable_logging_place: Option<Place>,
    /// False with the place where that is said.
    pub(super) overlap: (bool, Option<Place>),
    pub(super) ready_path: Option<String>,
    pub(super) harakiri: Option<Duration>,
    pub(super) max_requests: Option<u64>,
    pub(super) max_worker_lifetime: Option<Duration>,
    pub(super) reload_on_rss: Option<u64>,
    pub(super) recycle: RecycleConfig,
    pub(super) heartbeat: Option<Duration>,
    pub(super) asgi: AsgiConfig,
    pub(super) wire: WireConfig,
    pub(super) trust: TrustConfig,
    /// Where the PROXY protocol is asked for.
    pub(super) proxy_protocol_place: Option<Place>,
    /// Where the log is to show what a proxy tells.
    pub(super) log_forwarded_place: Option<Place>,
    /// uWSGI's name for `socket-timeout`.
    pub(super) http_timeout: Option<Duration>,
    pub(super) answers: AnswersConfig,
    /// With where they stand among all options.
    pub(super) routes: Vec<(Order, RouteRule)>,
    pub(super) files: FilesConfig,
    pub(super) tls: TlsConfig,
    pub(super) request_log: RequestLogConfig,
    pub(super) background: BackgroundConfig,
    pub(super) monitoring: MonitoringConfig,
    pub(super) module_side: ModuleConfig,
}

/// Where the options begin, for what is missing among them.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) place: Place,
    /// The file's format; none on a command line.
    pub(super) format: Option<Format>,
}

impl Start {
    /// How an option is set there.
    pub(super) fn example(&self, name: &str, value: &str) -> String {
        match self.format {
            Some(Format::Toml) => format!("`{name} = \"{value}\"`"),
            Some(Format::Yaml) => format!("`{name}: \"{value}\"`"),
            Some(Format::Json) => format!("`\"{name}\": \"{value}\"`"),
            Some(Format::Ini) => format!("`{name} = {value}`"),
            None => format!("`--{name} {value}`"),
        }
    }
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            named: Vec::new(),
            apps: AppsConfig::default(),
            mount_place: None,
            paste_logger: false,
            module_callable: None,
            callable: None,
            chdir: None,
            pythonpath: Vec::new(),
            virtualenv: None,
            python: None,
            env: Vec::new(),
            env_file: Vec::new(),
            http: Vec::new(),
            gateway: GatewayConfig::default(),
            sockets: Vec::new(),
            socket_protocol: Protocol::Uwsgi,
            processes: 1,
            scale: ScaleDraft::default(),
            threads: 1,
            lazy_apps: false,
            start_timeout: Duration::from_mins(1),
            reload_mercy: Duration::from_mins(1),
            touch_reload: Vec::new(),
            chmod_socket: Mode(0o660),
            listen: 1024,
            buffer_size: 32 * 1024,
            limit_post: None,
            logto: None,
            logs: LogsConfig::default(),
            process: ProcessConfig::default(),
            uid: None,
            gid: None,
            access_log: None,
            disable_logging_place: None,
            overlap: (true, None),
            ready_path: None,
            harakiri: None,
            max_requests: None,
            max_worker_lifetime: None,
            reload_on_rss: None,
            recycle: RecycleConfig::default(),
            heartbeat: Some(Duration::from_secs(10)),
            asgi: AsgiConfig::default(),
            wire: WireConfig::default(),
            trust: TrustConfig::default(),
            proxy_protocol_place: None,
            log_forwarded_place: None,
            http_timeout: None,
            answers: AnswersConfig::default(),
            routes: Vec::new(),
            files: FilesConfig::default(),
            tls: TlsConfig::default(),
            request_log: RequestLogConfig::default(),
            background: BackgroundConfig::default(),
            monitoring: MonitoringConfig::default(),
            module_side: ModuleConfig::default(),
        }
    }
}

impl Draft {
    /// Every address so far with the option that asks for it.
    pub(super) fn listening(&self) -> impl Iterator<Item = (&'static str, &Address)> {
        let at = |option| move |address| (option, address);
        let https = self.tls.https.iter().map(|https| &https.address);
        let gateway = self.gateway.listening();
        (self.http.iter().map(at("http")))
            .chain(https.map(at("https")))
            .chain(self.sockets.iter().map(at("socket")))
            .chain(gateway.map(|(protocol, address)| (protocol.name(), address)))
            .chain(self.monitoring.stats.iter().map(at("stats")))
    }

    /// Adds daemons, changed in some way.
    pub(super) fn add_daemons(
        &mut self,
        daemons: Vec<(DaemonConfig, Place)>,
        change: fn(DaemonConfig) -> DaemonConfig,
    ) {
        let daemons = daemons.into_iter().map(|(daemon, _)| change(daemon));
        self.background.daemons.extend(daemons);
    }

    /// Adds jobs, changed in some way.
    pub(super) fn add_crons(
        &mut self,
        crons: Vec<(CronConfig, Place)>,
        change: fn(CronConfig) -> CronConfig,
    ) {
        let crons = crons.into_iter().map(|(cron, _)| change(cron));
        self.background.crons.extend(crons);
    }

    /// Puts the addresses of `socket` where those of its protocol are.
    fn sort_sockets(&mut self) {
        let sockets = std::mem::take(&mut self.sockets);
        let addresses = match self.socket_protocol {
            Protocol::Http | Protocol::Https | Protocol::Stats => &mut self.http,
            Protocol::Uwsgi => &mut self.gateway.uwsgi,
            Protocol::Fastcgi => &mut self.gateway.fastcgi,
            Protocol::Scgi => &mut self.gateway.scgi,
        };
        addresses.extend(sockets);
    }

    /// Adds variables; one that is there already gets the new value.
    pub(super) fn set_env(&mut self, variables: Vec<(String, String)>) {
        if self.env.is_empty() {
            self.env = variables;
            return;
        }
        for (key, value) in variables {
            match self.env.iter_mut().find(|(known, _)| *known == key) {
                Some((_, old)) => *old = value,
                None => self.env.push((key, value)),
            }
        }
    }

    /// The finished vassal, or what is missing or contradictory. `start` is where options begin;
    /// `told` are the options that were given, rightly or wrongly: they are not missing.
    pub(super) fn finish(
        mut self,
        base: &Path,
        start: &Start,
        told: &[&'static str],
    ) -> Outcome<VassalConfig> {
        let mut complaints = Vec::new();
        let apps = self.checked_apps(start, told, &mut complaints);
        let has_app = apps.as_ref().is_none_or(|apps| !apps.is_empty());
        self.check_listening(start, told, has_app, &mut complaints);
        self.check_sendfile_root(start, told, &mut complaints);
        complaints.extend(self.crossed(start, told));
        let scale = self.scale.finish(self.processes, told, &mut complaints);
        let Some(apps) = apps.filter(|_| complaints.is_empty()) else {
            return Err(complaints);
        };
        self.sort_sockets();
        self.settle_timeouts(told);
        let access_log = self.wanted_log();
        Ok(VassalConfig {
            processes: if apps.is_empty() { 0 } else { self.processes },
            apps,
            chdir: self.chdir.unwrap_or_else(|| base.to_owned()),
            pythonpath: self.pythonpath,
            virtualenv: self.virtualenv,
            python: self.python,
            env: self.env,
            env_file: self.env_file,
            http: self.http,
            gateway: self.gateway,
            scale,
            threads: self.threads,
            lazy_apps: self.lazy_apps,
            start_timeout: self.start_timeout,
            reload_mercy: self.reload_mercy,
            touch_reload: self.touch_reload,
            chmod_socket: self.chmod_socket,
            listen: self.listen,
            buffer_size: self.buffer_size,
            limit_post: self.limit_post,
            logto: self.logto,
            logs: self.logs,
            process: self.process,
            uid: self.uid,
            gid: self.gid,
            access_log,
            overlap: self.overlap.0,
            ready_path: self.ready_path,
            harakiri: self.harakiri,
            max_requests: self.max_requests,
            max_worker_lifetime: self.max_worker_lifetime,
            reload_on_rss: self.reload_on_rss,
            recycle: self.recycle,
            heartbeat: self.heartbeat,
            asgi: self.asgi,
            wire: self.wire,
            trust: self.trust,
            answers: self.answers,
            routes: in_order(self.routes),
            files: self.files,
            tls: self.tls,
            request_log: self.request_log,
            background: self.background,
            monitoring: self.monitoring,
            module: self.module_side,
        })
    }

    fn lazy_without_overlap(&self) -> Option<Complaint> {
        let ((false, Some(place)), true) = (&self.overlap, self.lazy_apps) else {
            return None;
        };
        Some(
            Complaint::new(place.clone(), "`overlap = false` together with `lazy-apps`")
                .hint("remove `lazy-apps`: the master must hold the old code to go back to it"),
        )
    }

    /// `http-timeout` is `socket-timeout`; the longer holds.
    fn settle_timeouts(&mut self, told: &[&'static str]) {
        if let Some(timeout) = self.http_timeout {
            let is_given = told.contains(&"socket-timeout");
            let given = is_given.then_some(self.wire.socket_timeout);
            self.wire.socket_timeout = given.map_or(timeout, |given| given.max(timeout));
        }
    }

    /// What contradicts itself.
    fn crossed(&self, start: &Start, told: &[&'static str]) -> Vec<Complaint> {
        let mut complaints = self.unnamed_proxies(told);
        complaints.extend(crossed_logs(&self.logs, &start.place));
        complaints.extend(self.disabled_twice());
        complaints.extend(self.lazy_without_overlap());
        complaints
    }

    fn wanted_log(&self) -> AccessLog {
        let is_described = self.request_log.format != LogFormat::default()
            || !self.logs.requests.loggers.is_empty();
        match (&self.disable_logging_place, self.access_log) {
            (Some(_), _) => AccessLog::Off,
            (None, Some(said)) => said,
            (None, None) if is_described && !self.request_log.selects() => AccessLog::All,
            (None, None) => AccessLog::Errors,
        }
    }

    /// What is switched off must not be asked for elsewhere.
    fn disabled_twice(&self) -> Option<Complaint> {
        let place = self.disable_logging_place.clone()?;
        (self.access_log == Some(AccessLog::All)).then(|| {
            Complaint::new(place, "`disable-logging` together with `access-log = all`")
                .hint("keep one of them")
        })
    }

    /// What proxies say is believed of named peers only.
    fn unnamed_proxies(&self, told: &[&'static str]) -> Vec<Complaint> {
        if self.trust.forwarded_allow.is_some() || told.contains(&"forwarded-allow") {
            return Vec::new();
        }
        let wanted = [
            (
                &self.proxy_protocol_place,
                "`proxy-protocol` without `forwarded-allow`",
                "add `forwarded-allow` with the addresses of the proxies that speak it",
            ),
            (
                &self.log_forwarded_place,
                "`log-x-forwarded-for` without `forwarded-allow`",
                "add `forwarded-allow` with the addresses of the proxies that are believed; anybody can send that field",
            ),
        ];
        let wanted = wanted.into_iter();
        wanted
            .filter_map(|(place, message, hint)| {
                Some(Complaint::new(place.clone()?, message).hint(hint))
            })
            .collect()
    }

    fn check_listening(
        &self,
        start: &Start,
        told: &[&'static str],
        has_app: bool,
        complaints: &mut Vec<Complaint>,
    ) {
        let sockets = ["http", "https", "uwsgi", "fastcgi", "scgi", "socket"];
        let is_told = sockets.iter().any(|name| told.contains(name));
        let serves = self.listening().any(|(option, _)| option != "stats");
        if !serves && !is_told && (has_app || !self.background.has_work()) {
            complaints.push(
                Complaint::new(start.place.clone(), "no address to listen on")
                    .hint(format!("add {}", start.example("http", "127.0.0.1:8000"))),
            );
        }
    }

    fn check_sendfile_root(
        &self,
        start: &Start,
        told: &[&'static str],
        complaints: &mut Vec<Complaint>,
    ) {
        if self.files.lacks_sendfile_root() && !told.contains(&"sendfile-root") {
            let message = "`file-serve-mode` without `sendfile-root`";
            complaints.push(Complaint::new(start.place.clone(), message).hint(format!(
                "say where files may be that the app names: add {}",
                start.example("sendfile-root", "/srv/blog/private")
            )));
        }
    }
}

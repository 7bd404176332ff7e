//! What one vassal file says, as values that cannot be wrong.

mod answers;
mod apps;
mod asgi;
mod background;
mod files;
mod limits;
mod log_format;
mod logs;
mod module;
mod monitoring;
mod names;
mod process;
mod recycle;
mod request_log;
mod routes;
mod scale;
mod sockets;
mod tls;
mod trust;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use answers::AnswersConfig;
pub use apps::{AppConfig, AppMount, AppTarget, AppsConfig, PasteApp};
pub use asgi::{AsgiConfig, EventLoop, Interface, Lifespan, WebsocketConfig};
pub use background::{
    AcceptingHook, BackgroundConfig, CronConfig, DaemonConfig, Hook, HooksConfig,
};
pub use files::{ExpiresBy, FileServeMode, FilesConfig, SendfileRoot, StaticExpires, StaticMap};
pub use limits::LimitsConfig;
pub use log_format::{LogField, LogFormat, LogPiece};
pub use logs::{
    LogEncoder, LogEncoderKind, LogEncoderPiece, LogRotation, LogRoute, LogStream, LogTarget,
    Logger, LogsConfig,
};
pub use module::{Given, ModuleConfig};
pub use monitoring::MonitoringConfig;
pub use names::ProcessNames;
pub use process::ProcessConfig;
pub use recycle::{FatalException, RaisedException, RecycleConfig};
pub use request_log::RequestLogConfig;
pub use routes::{RouteAction, RouteCondition, RoutePiece, RouteRule, RouteSubject, RouteText};
pub use scale::{BusynessConfig, CheaperAlgorithm, CheaperConfig, ScaleConfig};
pub use sockets::GatewayConfig;
pub use tls::{CertificateFiles, ClientCertificates, HttpsAddress, TlsConfig};
pub(super) use trust::first_bits;
pub use trust::{ForwardedField, TrustConfig, TrustedPeer};
pub use wire::{Http2, WireConfig};

use super::types::{AccessLog, Address, GroupName, Mode, PythonChoice, UserName};

/// One vassal file, read, checked, with every default filled in and every path absolute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VassalConfig {
    /// What to load; nothing where all that runs is in `background`.
    pub apps: AppsConfig,
    /// Working directory, first on `sys.path`.
    pub chdir: PathBuf,
    /// Prepended to `sys.path`, after `chdir`.
    pub pythonpath: Vec<PathBuf>,
    /// Virtual environment.
    pub virtualenv: Option<PathBuf>,
    /// Which Python, if said.
    pub python: Option<PythonChoice>,
    /// Variables for the app, in the order of the file.
    pub env: Vec<(String, String)>,
    /// Files of `KEY=VALUE`, read as the vassal's user.
    pub env_file: Vec<PathBuf>,
    /// Where to speak HTTP/1.1.
    pub http: Vec<Address>,
    /// Where web servers hand requests on by other protocols.
    pub gateway: GatewayConfig,
    /// Worker processes.
    pub processes: u32,
    /// How many of them there are when.
    #[serde(default)]
    pub scale: ScaleConfig,
    /// Threads in each worker.
    pub threads: u32,
    /// Import the app in each worker instead of once in the master.
    pub lazy_apps: bool,
    /// How long a generation may take to come up.
    pub start_timeout: Duration,
    /// How long requests in flight may take once a generation is told to leave.
    pub reload_mercy: Duration,
    /// Files whose touch reloads this vassal, watched as its user.
    pub touch_reload: Vec<PathBuf>,
    /// Mode of unix sockets.
    pub chmod_socket: Mode,
    /// Accept backlog.
    pub listen: u32,
    /// Largest request head in bytes.
    pub buffer_size: u32,
    /// Largest request body in bytes.
    pub limit_post: Option<u64>,
    /// File for the app's output, opened as the vassal's user.
    pub logto: Option<PathBuf>,
    /// Where it goes beside that, and how.
    pub logs: LogsConfig,
    /// Limits and names of processes, and what they leave to others.
    pub process: ProcessConfig,
    /// User to run as.
    pub uid: Option<UserName>,
    /// Group to run as; the user's own by default.
    pub gid: Option<GroupName>,
    /// Which requests are logged.
    pub access_log: AccessLog,
    /// Whether old and new code may run side by side during a reload.
    pub overlap: bool,
    /// What a new generation must answer with a status below 500 before it takes over.
    pub ready_path: Option<String>,
    /// Longest time in one request.
    pub harakiri: Option<Duration>,
    /// A worker is replaced after so many requests.
    pub max_requests: Option<u64>,
    /// A worker is replaced when it is that old.
    pub max_worker_lifetime: Option<Duration>,
    /// A worker is replaced when so many bytes of it are resident.
    pub reload_on_rss: Option<u64>,
    /// What else costs a worker its place.
    #[serde(default)]
    pub recycle: RecycleConfig,
    /// How often an idle worker is asked whether it still lives.
    pub heartbeat: Option<Duration>,
    /// How ASGI apps are run.
    pub asgi: AsgiConfig,
    /// What a client may send, and how long it may take.
    pub wire: WireConfig,
    /// Whose word about the client is believed.
    pub trust: TrustConfig,
    /// What every answer has.
    pub answers: AnswersConfig,
    /// What is done to requests before anything answers them, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteRule>,
    /// Files served without the app, and compression.
    pub files: FilesConfig,
    /// Where TLS is spoken, and with which certificates.
    pub tls: TlsConfig,
    /// What is written down about requests.
    pub request_log: RequestLogConfig,
    /// What runs beside the workers.
    pub background: BackgroundConfig,
    /// Where its numbers are told.
    pub monitoring: MonitoringConfig,
    /// The module `uwsgi`, and what is imported beside the app.
    #[serde(default)]
    pub module: ModuleConfig,
}

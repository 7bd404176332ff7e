//! A vassal file becomes a [`VassalConfig`] or [`Diagnostics`]; nothing else parses.
//!
//! The way: bytes → `source` (text) → `format` (one generic tree with places) → `dialect` (what
//! uWSGI's files have beyond that) → `read` (each key found in the option table and applied) →
//! `draft` (rules across options) → [`VassalConfig`]. What lies outside the file is asked of an
//! [`Outside`], which for [`parse_vassal`] answers nothing.

mod convert;
mod diagnostic;
mod dialect;
mod draft;
mod draft_apps;
mod draft_logs;
mod excerpt;
mod explain;
mod flags;
mod format;
mod given;
mod name;
mod options;
mod read;
mod scale_draft;
mod setting;
mod source;
mod tree;
mod types;
mod values;
mod vassal;

pub use convert::{Conversion, convert_vassal};
pub use diagnostic::{Diagnostic, Diagnostics};
pub use dialect::{Answer, Machine, Outside, Policy, Question};
pub use explain::{every_option_example, explain, option_table_markdown};
pub use name::{NameFault, name_fault, vassal_name};
pub use options::{OptionSpec, ReloadClass, ValueKind, is_switch, options};
pub use read::{
    VassalUser, parse_flags, parse_vassal, parse_vassal_under, parse_vassal_with, read_vassal,
    read_vassal_bytes, vassal_user,
};
pub use types::{
    AccessLog, Address, GroupName, Mode, Protocol, PythonChoice, SocketOwner, UserName,
};
pub use values::parse_address;
pub use vassal::{
    AcceptingHook, AnswersConfig, AppConfig, AppMount, AppTarget, AppsConfig, AsgiConfig,
    BackgroundConfig, BusynessConfig, CertificateFiles, CheaperAlgorithm, CheaperConfig,
    ClientCertificates, CronConfig, DaemonConfig, EventLoop, ExpiresBy, FatalException,
    FileServeMode, FilesConfig, ForwardedField, GatewayConfig, Given, Hook, HooksConfig, Http2,
    HttpsAddress, Interface, Lifespan, LimitsConfig, LogEncoder, LogEncoderKind, LogEncoderPiece,
    LogField, LogFormat, LogPiece, LogRotation, LogRoute, LogStream, LogTarget, Logger, LogsConfig,
    ModuleConfig, MonitoringConfig, PasteApp, ProcessConfig, ProcessNames, RaisedException,
    RecycleConfig, RequestLogConfig, RouteAction, RouteCondition, RoutePiece, RouteRule,
    RouteSubject, RouteText, ScaleConfig, SendfileRoot, StaticExpires, StaticMap, TlsConfig,
    TrustConfig, TrustedPeer, VassalConfig, WebsocketConfig, WireConfig,
};

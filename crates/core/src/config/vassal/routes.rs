//! What is done to requests before a file or the app answers them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One rule: what it is for, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRule {
    /// Every request, if there is none.
    pub condition: Option<RouteCondition>,
    /// What is done.
    pub action: RouteAction,
}

/// For which requests a rule is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteCondition {
    /// What is looked at.
    pub subject: RouteSubject,
    /// A regular expression that matches somewhere in it.
    pub pattern: String,
}

/// What of a request a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteSubject {
    /// The path below the mount, percent-decoded.
    PathInfo,
    /// Path and query as they were sent.
    Uri,
    /// The `Host` field.
    Host,
    /// What follows the first `?`.
    Query,
    /// The client's address.
    RemoteAddr,
    /// The `User-Agent` field.
    UserAgent,
    /// The `Referer` field.
    Referer,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum RouteAction {
    /// The client is sent elsewhere.
    Redirect {
        /// 301 instead of 302.
        is_permanent: bool,
        /// Where to.
        to: RouteText,
    },
    /// A file is sent.
    Static {
        /// The file, or the directory that it is below.
        root: PathBuf,
        /// Its name there; nothing where `root` is the file.
        name: RouteText,
    },
    /// The answer gets one field more.
    AddHeader {
        /// Its name.
        name: String,
        /// Its value.
        value: RouteText,
    },
    /// The answer loses the fields of a name.
    DelHeader {
        /// In lower case.
        name: String,
    },
    /// Path and query become others.
    Rewrite {
        /// The new path, and what is put before the query.
        to: RouteText,
        /// No further rule is looked at.
        is_last: bool,
    },
    /// The path loses the beginning that is `SCRIPT_NAME`.
    FixPathInfo,
    /// The request is over.
    Break {
        /// What it is answered with; no answer at all without.
        status: Option<u16>,
        /// What stands behind the status.
        reason: RouteText,
    },
    /// No further rule is looked at.
    Continue,
    /// A line goes to the vassal's log.
    Log {
        /// The line.
        text: RouteText,
    },
    /// The app is told that the client spoke this.
    SetScheme {
        /// `https` instead of `http`.
        is_secure: bool,
    },
}

/// Text with parts of the request in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteText(pub Vec<RoutePiece>);

/// A part of such a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutePiece {
    /// As it is.
    Text(String),
    /// What a group of the expression has matched; 0 is all of it.
    Group(usize),
    /// A variable of the request, such as `HTTP_HOST`.
    Variable(String),
}

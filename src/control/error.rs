//! Why a request on the control socket was not done, as `{"error": …, "hint": …}`.
//!
//! Each error knows its HTTP status and, where there is one, the next step. What an app did wrong
//! is not among them: a generation that failed is an answer, not an error.

use std::time::Duration;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};

use super::command::ActError;
use super::duration::NotADuration;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestError {
    #[error("there is nothing at `{path}`")]
    UnknownPath { path: String },
    #[error("`{method}` is not possible at `{path}`")]
    Method {
        method: String,
        path: String,
        allow: &'static str,
    },
    #[error("there is no parameter `{name}` here")]
    UnknownParameter { name: String },
    #[error("the parameter `{name}` is neither `true` nor `false`")]
    NotABoolean { name: &'static str },
    #[error("could not read the parameter `wait`: {0}")]
    BadWait(NotADuration),
    #[error("the address is not UTF-8 in percent encoding")]
    Encoding,
    #[error("user {uid} may not talk to this emperor")]
    Forbidden { uid: u32 },
    #[error("there is no vassal `{name}`")]
    UnknownVassal {
        name: String,
        nearest: Option<String>,
    },
    #[error("{0}")]
    Refused(String),
    #[error("the emperor does not answer")]
    NoAnswer,
    #[error("the emperor is stopping")]
    Stopping,
    #[error("`{vassal}` is not done after {:.1} s; it goes on", waited.as_secs_f64())]
    WaitRanOut { vassal: String, waited: Duration },
}

impl RequestError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::UnknownParameter { .. }
            | Self::NotABoolean { .. }
            | Self::BadWait(_)
            | Self::Encoding => StatusCode::BAD_REQUEST,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::UnknownPath { .. } | Self::UnknownVassal { .. } => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::NoAnswer | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::WaitRanOut { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The next step, where one helps.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownPath { .. } => Some(
                "there are `/v1/status`, `/v1/vassals/NAME`, `/v1/upgrade`, `/v1/events` and `/v1/logs`".into(),
            ),
            Self::Method { allow, .. } => Some(format!("use `{allow}`")),
            Self::Forbidden { .. } => Some("run as root or as the emperor's user".into()),
            Self::UnknownVassal { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "`lictor status` lists all vassals".into(),
            }),
            Self::WaitRanOut { vassal, .. } => Some(format!("look with `lictor status {vassal}`")),
            Self::UnknownParameter { .. }
            | Self::NotABoolean { .. }
            | Self::BadWait(_)
            | Self::Encoding
            | Self::Refused(_)
            | Self::NoAnswer
            | Self::Stopping => None,
        }
    }
}

impl From<ActError> for RequestError {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Unknown { name, nearest } => Self::UnknownVassal { name, nearest },
            ActError::Refused(reason) => Self::Refused(reason),
        }
    }
}

/// An error as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorBody {
    /// What went wrong.
    pub(super) error: String,
    /// What to do about it.
    #[serde(default)]
    pub(super) hint: Option<String>,
}

impl From<&RequestError> for ErrorBody {
    fn from(error: &RequestError) -> Self {
        Self {
            error: error.to_string(),
            hint: error.hint(),
        }
    }
}

//! The addresses of the control socket: a request line becomes a [`Route`], and back for the client.
//!
//! Pure: no I/O, no emperor. Unknown parameters are refused, so that `?folow=false` is noticed.

use std::time::Duration;

use hyper::Method;

use super::command::Verb;
use super::duration::parse_duration;
use super::error::RequestError;
use super::percent;

/// How long `?wait` and `--wait` without a value wait.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);
/// The longest wait anybody gets.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Most characters of an address that an error repeats.
const QUOTED_CHARACTERS: usize = 100;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Status,
    Vassal {
        name: String,
    },
    Act {
        name: String,
        verb: Verb,
        wait: Option<Duration>,
    },
    Upgrade,
    Metrics,
    Events(Filter),
    Logs(Filter),
}

/// Which lines of a stream are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only of these; of all when empty.
    pub(crate) vassals: Vec<String>,
    /// Also those to come.
    pub(crate) follow: bool,
}

impl Filter {
    /// Whether a line about `vassal` is wanted; lines about none are only when all are.
    pub(super) fn accepts(&self, vassal: Option<&str>) -> bool {
        self.vassals.is_empty() || vassal.is_some_and(|name| self.vassals.iter().any(|v| v == name))
    }
}

/// Reads the head of a request.
pub(super) fn parse(
    method: &Method,
    path: &str,
    query: Option<&str>,
) -> Result<Route, RequestError> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let require = |wanted: Method, allow: &'static str| {
        if *method == wanted {
            return Ok(());
        }
        let method = method.to_string();
        Err(RequestError::Method {
            method,
            path: shortened(path),
            allow,
        })
    };
    match segments.as_slice() {
        ["v1", "status"] => {
            require(Method::GET, "GET")?;
            no_parameters(query)?;
            Ok(Route::Status)
        }
        ["v1", "upgrade"] => {
            require(Method::POST, "POST")?;
            no_parameters(query)?;
            Ok(Route::Upgrade)
        }
        ["metrics"] => {
            require(Method::GET, "GET")?;
            no_parameters(query)?;
            Ok(Route::Metrics)
        }
        ["v1", "events"] => {
            require(Method::GET, "GET")?;
            Ok(Route::Events(filter(query)?))
        }
        ["v1", "logs"] => {
            require(Method::GET, "GET")?;
            Ok(Route::Logs(filter(query)?))
        }
        ["v1", "vassals", name] if !name.is_empty() => {
            require(Method::GET, "GET")?;
            no_parameters(query)?;
            Ok(Route::Vassal {
                name: decoded(name)?,
            })
        }
        ["v1", "vassals", name, verb] if !name.is_empty() => {
            let unknown = || RequestError::UnknownPath {
                path: shortened(path),
            };
            let verb = verb_named(verb).ok_or_else(unknown)?;
            require(Method::POST, "POST")?;
            Ok(Route::Act {
                name: decoded(name)?,
                verb,
                wait: wait(query)?,
            })
        }
        _ => Err(RequestError::UnknownPath {
            path: shortened(path),
        }),
    }
}

/// The address that [`parse`] reads as `route`.
pub(super) fn format(route: &Route) -> (Method, String) {
    match route {
        Route::Status => (Method::GET, "/v1/status".into()),
        Route::Vassal { name } => (
            Method::GET,
            format!("/v1/vassals/{}", percent::encode(name)),
        ),
        Route::Act { name, verb, wait } => {
            let wait =
                wait.map_or_else(String::new, |wait| format!("?wait={}ms", wait.as_millis()));
            let name = percent::encode(name);
            (
                Method::POST,
                format!("/v1/vassals/{name}/{}{wait}", name_of(*verb)),
            )
        }
        Route::Upgrade => (Method::POST, "/v1/upgrade".into()),
        Route::Metrics => (Method::GET, "/metrics".into()),
        Route::Events(filter) => (Method::GET, format!("/v1/events{}", query_of(filter))),
        Route::Logs(filter) => (Method::GET, format!("/v1/logs{}", query_of(filter))),
    }
}

fn verb_named(name: &str) -> Option<Verb> {
    [
        Verb::Reload,
        Verb::Start,
        Verb::Stop,
        Verb::Retry,
        Verb::Rollback,
    ]
    .into_iter()
    .find(|v| name_of(*v) == name)
}

/// The verb as it stands in an address and on the command line.
fn name_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Reload => "reload",
        Verb::Start => "start",
        Verb::Stop => "stop",
        Verb::Retry => "retry",
        Verb::Rollback => "rollback",
    }
}

fn query_of(filter: &Filter) -> String {
    let mut query = format!("?follow={}", filter.follow);
    for name in &filter.vassals {
        query.push_str("&vassal=");
        query.push_str(&percent::encode(name));
    }
    query
}

/// The parameters of a query in their order; a parameter without `=` has no value.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, Option<&str>)> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            pair.split_once('=')
                .map_or((pair, None), |(name, value)| (name, Some(value)))
        })
}

fn no_parameters(query: Option<&str>) -> Result<(), RequestError> {
    parameters(query)
        .next()
        .map_or(Ok(()), |(name, _)| Err(unknown_parameter(name)))
}

fn filter(query: Option<&str>) -> Result<Filter, RequestError> {
    let mut filter = Filter {
        vassals: Vec::new(),
        follow: true,
    };
    for (name, value) in parameters(query) {
        match (name, value) {
            ("vassal", Some(value)) => filter.vassals.push(decoded(value)?),
            ("follow", None | Some("true" | "1")) => filter.follow = true,
            ("follow", Some("false" | "0")) => filter.follow = false,
            ("follow", Some(_)) => return Err(RequestError::NotABoolean { name: "follow" }),
            _ => return Err(unknown_parameter(name)),
        }
    }
    Ok(filter)
}

fn wait(query: Option<&str>) -> Result<Option<Duration>, RequestError> {
    let mut wait = None;
    for (name, value) in parameters(query) {
        wait = match (name, value) {
            ("wait", None | Some("")) => Some(DEFAULT_WAIT),
            ("wait", Some(value)) => {
                let asked = parse_duration(&decoded(value)?).map_err(RequestError::BadWait)?;
                Some(asked.min(LONGEST_WAIT))
            }
            _ => return Err(unknown_parameter(name)),
        };
    }
    Ok(wait)
}

fn decoded(text: &str) -> Result<String, RequestError> {
    percent::decode(text).ok_or(RequestError::Encoding)
}

fn unknown_parameter(name: &str) -> RequestError {
    RequestError::UnknownParameter {
        name: shortened(name),
    }
}

/// Text of a client on its way back to it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(address: &str) -> Result<Route, RequestError> {
        read(&Method::GET, address)
    }

    fn read(method: &Method, address: &str) -> Result<Route, RequestError> {
        let (path, query) = address
            .split_once('?')
            .map_or((address, None), |(p, q)| (p, Some(q)));
        parse(method, path, query)
    }

    fn filter_of(vassals: &[&str], follow: bool) -> Filter {
        Filter {
            vassals: vassals.iter().map(ToString::to_string).collect(),
            follow,
        }
    }

    #[test]
    fn what_the_client_writes_the_server_reads() {
        let name = "my blog/ß".to_owned();
        let routes = [
            Route::Status,
            Route::Metrics,
            Route::Vassal { name: name.clone() },
            Route::Act {
                name: name.clone(),
                verb: Verb::Retry,
                wait: None,
            },
            Route::Act {
                name: name.clone(),
                verb: Verb::Rollback,
                wait: None,
            },
            Route::Act {
                name,
                verb: Verb::Stop,
                wait: Some(Duration::from_millis(1500)),
            },
            Route::Events(filter_of(&[], true)),
            Route::Logs(filter_of(&["a&b", "c"], false)),
        ];
        for route in routes {
            let (method, address) = format(&route);
            assert_eq!(read(&method, &address), Ok(route), "{address}");
        }
    }

    #[test]
    fn a_wait_has_a_default_and_a_limit() {
        let wait = |query: &str| {
            let address = format!("/v1/vassals/a/reload{query}");
            match read(&Method::POST, &address) {
                Ok(Route::Act { wait, .. }) => wait,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(wait(""), None);
        assert_eq!(wait("?wait"), Some(DEFAULT_WAIT));
        assert_eq!(wait("?wait="), Some(DEFAULT_WAIT));
        assert_eq!(wait("?wait=5m"), Some(Duration::from_mins(5)));
        assert_eq!(wait("?wait=9d"), Some(LONGEST_WAIT));
        let bad = read(&Method::POST, "/v1/vassals/a/reload?wait=soon").unwrap_err();
        assert_eq!(bad.status(), 400);
    }

    #[test]
    fn what_is_not_there_is_said() {
        for address in [
            "/",
            "/metrics/",
            "/v1/metrics",
            "/v1",
            "/v1/vassals",
            "/v1/vassals/",
            "/v1/vassals/a/b",
            "/v2/status",
        ] {
            assert_eq!(get(address).unwrap_err().status(), 404, "{address}");
        }
        let misspelt = get("/v1/events?folow=false").unwrap_err();
        assert_eq!(
            misspelt,
            RequestError::UnknownParameter {
                name: "folow".into()
            }
        );
        assert_eq!(get("/v1/status?x").unwrap_err().status(), 400);
        assert_eq!(get("/v1/vassals/%ff").unwrap_err(), RequestError::Encoding);
        assert_eq!(get("/v1/logs?follow=maybe").unwrap_err().status(), 400);
    }

    #[test]
    fn each_address_has_its_method() {
        let error = get("/v1/vassals/a/stop").unwrap_err();
        assert!(matches!(error, RequestError::Method { allow: "POST", .. }));
        let error = read(&Method::DELETE, "/v1/vassals/a").unwrap_err();
        assert!(matches!(error, RequestError::Method { allow: "GET", .. }));
    }

    #[test]
    fn a_filter_by_vassal_leaves_the_emperor_out() {
        assert!(filter_of(&[], true).accepts(None));
        assert!(!filter_of(&["a"], true).accepts(None));
        assert!(filter_of(&["a", "b"], true).accepts(Some("b")));
        assert!(!filter_of(&["a"], true).accepts(Some("b")));
    }
}

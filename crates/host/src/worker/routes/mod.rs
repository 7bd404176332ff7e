//! What the rules for requests (`route…`) say to one. Pure.
//!
//! The rules are gone through in the order of the file. One may end that, with an answer or without,
//! or change the request for those behind it and for the app.

mod text;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::Path;

use lictor_core::config::{RouteAction, RoutePiece, RouteRule, RouteSubject, RouteText};
use regex_lite::{Regex, RegexBuilder};

use self::text::{Part, Parts};

/// All rules of a vassal.
#[derive(Debug)]
pub(crate) struct Routes(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    condition: Option<(RouteSubject, Regex)>,
    action: RouteAction,
    /// The number of its file among those of all rules.
    file: usize,
}

/// What is asked.
pub(crate) trait Asked {
    /// The path, percent-decoded.
    fn path(&self) -> &[u8];

    /// What follows the first `?`.
    fn query(&self) -> &str;

    /// Any other variable; empty if there is none.
    fn variable(&self, name: &str) -> Cow<'_, [u8]>;

    /// A path, percent-decoded.
    fn decode(&self, path: &str) -> Vec<u8>;
}

/// What the rules make of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) end: End,
    /// In place of those that were sent.
    pub(crate) target: Option<Target>,
    pub(crate) is_secure: Option<bool>,
    /// Fields that the answer is to have.
    pub(crate) added: Vec<(String, Vec<u8>)>,
    /// Names of fields that are taken away before, in lower case.
    pub(crate) removed: Vec<String>,
    /// Lines for the log, of any bytes.
    pub(crate) lines: Vec<Vec<u8>>,
}

/// Another path and query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Percent-decoded.
    pub(crate) path: Vec<u8>,
    pub(crate) query: String,
    /// Both as a client would have sent them, where they are no longer what it sent.
    pub(crate) uri: Option<String>,
}

/// How the rules end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Files and apps come next.
    #[default]
    Open,
    Redirect {
        status: u16,
        to: String,
    },
    File {
        /// The number of the file or directory among those of all rules.
        file: usize,
        /// Below it.
        name: Vec<u8>,
    },
    Answer {
        status: u16,
        reason: Vec<u8>,
    },
    Silence,
}

impl Routes {
    /// `None`: there are no rules.
    pub(crate) fn new(rules: &[RouteRule]) -> Option<Self> {
        let mut file = 0;
        let rules: Vec<_> = rules
            .iter()
            .filter_map(|rule| {
                let condition = match &rule.condition {
                    None => None,
                    // Expressions were found to be right when the file was read.
                    Some(it) => Some((it.subject, compiled(&it.pattern)?)),
                };
                let here = file;
                file += usize::from(matches!(rule.action, RouteAction::Static { .. }));
                Some(Rule {
                    condition,
                    action: rule.action.clone(),
                    file: here,
                })
            })
            .collect();
        (!rules.is_empty()).then_some(Self(rules))
    }

    /// The files and directories of `static`, in the order of their numbers.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|rule| {
            if let RouteAction::Static { root, .. } = &rule.action {
                Some(root.as_path())
            } else {
                None
            }
        })
    }

    /// What they say.
    pub(crate) fn decide(&self, asked: &impl Asked) -> Routed {
        let mut routed = Routed::default();
        for rule in &self.0 {
            let subject = rule.condition.as_ref().map(|(subject, regex)| {
                let looked_at = look_at(*subject, asked, &routed);
                (*subject, regex, looked_at)
            });
            let found = match &subject {
                None => None,
                Some((subject, regex, looked_at)) => match regex.captures(looked_at) {
                    None => continue,
                    Some(groups) => Some((*subject, groups)),
                },
            };
            let groups = found.map(|(subject, groups)| Groups {
                is_decoded: subject == RouteSubject::PathInfo,
                texts: (0..groups.len())
                    .map(|group| groups.get(group).map_or("", |it| it.as_str()).to_owned())
                    .collect(),
            });
            if !carry_out(rule, asked, groups, &mut routed) {
                break;
            }
        }
        routed
    }
}

/// A dot stands for an end of line too, with which a client could dodge a rule otherwise.
fn compiled(pattern: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(pattern);
    builder.dot_matches_new_line(true).build().ok()
}

/// What the expression of a rule has matched.
#[derive(Debug, Default)]
struct Groups {
    is_decoded: bool,
    texts: Vec<String>,
}

/// What a rule can put in.
struct Known<'k, A> {
    asked: &'k A,
    groups: Groups,
    target: Option<&'k Target>,
}

impl<A: Asked> Parts for Known<'_, A> {
    fn part(&self, piece: &RoutePiece) -> Part {
        match piece {
            RoutePiece::Text(text) => Part {
                bytes: text.clone().into_bytes(),
                is_decoded: false,
            },
            RoutePiece::Group(group) => Part {
                bytes: self
                    .groups
                    .texts
                    .get(*group)
                    .cloned()
                    .unwrap_or_default()
                    .into_bytes(),
                is_decoded: self.groups.is_decoded,
            },
            RoutePiece::Variable(name) => Part {
                bytes: variable(self.asked, self.target, name).into_owned(),
                is_decoded: matches!(&**name, "PATH_INFO" | "SCRIPT_NAME"),
            },
        }
    }
}

fn variable<'a>(asked: &'a impl Asked, target: Option<&'a Target>, name: &str) -> Cow<'a, [u8]> {
    match name {
        "PATH_INFO" => Cow::Borrowed(target.map_or(asked.path(), |target| &target.path)),
        "QUERY_STRING" => Cow::Borrowed(
            target
                .map_or(asked.query(), |target| &target.query)
                .as_bytes(),
        ),
        name => asked.variable(name),
    }
}

/// What an expression is held against. Bytes that are no text cannot be told from each other.
fn look_at(subject: RouteSubject, asked: &impl Asked, routed: &Routed) -> String {
    let name = match subject {
        RouteSubject::PathInfo => "PATH_INFO",
        RouteSubject::Uri => "REQUEST_URI",
        RouteSubject::Host => "HTTP_HOST",
        RouteSubject::Query => "QUERY_STRING",
        RouteSubject::RemoteAddr => "REMOTE_ADDR",
        RouteSubject::UserAgent => "HTTP_USER_AGENT",
        RouteSubject::Referer => "HTTP_REFERER",
    };
    let value = variable(asked, routed.target.as_ref(), name);
    String::from_utf8_lossy(&value).into_owned()
}

/// Whether the rules behind this one are looked at.
fn carry_out(rule: &Rule, asked: &impl Asked, groups: Option<Groups>, routed: &mut Routed) -> bool {
    let target = routed.target.take();
    let known = Known {
        asked,
        groups: groups.unwrap_or_default(),
        target: target.as_ref(),
    };
    let (mut goes_on, mut new_target) = (true, None);
    match &rule.action {
        RouteAction::Redirect { is_permanent, to } => {
            routed.end = End::Redirect {
                status: if *is_permanent { 301 } else { 302 },
                to: text::url(to, &known),
            };
        }
        RouteAction::Static { name, .. } => {
            routed.end = End::File {
                file: rule.file,
                name: text::bytes(name, &known),
            };
        }
        RouteAction::Break { status, reason } => {
            routed.end = match status {
                None => End::Silence,
                Some(status) => End::Answer {
                    status: *status,
                    reason: text::line(reason, &known),
                },
            };
        }
        RouteAction::AddHeader { name, value } => {
            routed.added.push((name.clone(), text::line(value, &known)));
        }
        RouteAction::DelHeader { name } => routed.removed.push(name.clone()),
        RouteAction::Rewrite { to, is_last } => {
            new_target = Some(rewritten(to, &known));
            goes_on = !is_last;
        }
        RouteAction::FixPathInfo => new_target = without_mount(&known),
        RouteAction::Continue => goes_on = false,
        RouteAction::Log { text } => routed.lines.push(text::bytes(text, &known)),
        RouteAction::SetScheme { is_secure } => routed.is_secure = Some(*is_secure),
    }
    routed.target = new_target.or(target);
    goes_on && routed.end == End::Open
}

/// The query that was sent stays behind the new one, as in uWSGI.
fn rewritten<A: Asked>(to: &RouteText, known: &Known<'_, A>) -> Target {
    let url = text::url(to, known);
    let (sent_path, query) = url.split_once('?').unwrap_or((&url, ""));
    let before = known
        .target
        .map_or(known.asked.query(), |target| &target.query);
    let mut path = known.asked.decode(sent_path);
    if !path.starts_with(b"/") {
        path.insert(0, b'/');
    }
    let queries = [query, before]
        .into_iter()
        .filter(|query| !query.is_empty());
    let query = queries.collect::<Vec<_>>().join("&");
    let slash = if sent_path.starts_with('/') { "" } else { "/" };
    let mark = if query.is_empty() { "" } else { "?" };
    Target {
        path,
        uri: Some([slash, sent_path, mark, &query].concat()),
        query,
    }
}

/// `SCRIPT_NAME` taken away from the front of the path, where whole segments of it stand there.
fn without_mount<A: Asked>(known: &Known<'_, A>) -> Option<Target> {
    let value = |name| variable(known.asked, known.target, name);
    let (mount, path) = (value("SCRIPT_NAME"), value("PATH_INFO"));
    let rest = path.strip_prefix(&*mount).filter(|_| !mount.is_empty())?;
    matches!(rest.first(), None | Some(b'/')).then(|| Target {
        path: rest.to_vec(),
        query: String::from_utf8_lossy(&value("QUERY_STRING")).into_owned(),
        uri: known.target.and_then(|target| target.uri.clone()),
    })
}

//! Rules for requests: `REGEX ACTION:ARGUMENT`.

use std::path::PathBuf;

use super::header_field::check_name;
use super::log_encoder::check_pattern;
use super::route_text::route_text;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{
    RouteAction, RouteCondition, RoutePiece, RouteRule, RouteSubject, RouteText,
};

/// For whoever names another.
const ACTIONS: &str = "the actions are `redirect`, `redirect-permanent`, `static`, `addheader`, \
    `delheader`, `rewrite`, `rewrite-last`, `fixpathinfo`, `break`, `continue`, \
    `last`, `log` and `setscheme`";

/// One rule; without a subject it is for every request.
pub(in crate::config) fn route(
    setting: &Setting<'_>,
    node: &Node,
    subject: Option<RouteSubject>,
) -> Result<RouteRule, Complaint> {
    let text = setting.text(node)?;
    let Some(subject) = subject else {
        let action = action(
            &Written {
                setting,
                node,
                groups: 0,
            },
            text,
        )?;
        return Ok(RouteRule {
            condition: None,
            action,
        });
    };
    let (pattern, rest) = text
        .split_once(char::is_whitespace)
        .ok_or_else(|| setting.mismatch(node))?;
    let groups = check_pattern(setting, node, pattern)?;
    let action = action(
        &Written {
            setting,
            node,
            groups,
        },
        rest.trim_start(),
    )?;
    let condition = Some(RouteCondition {
        subject,
        pattern: pattern.to_owned(),
    });
    Ok(RouteRule { condition, action })
}

/// Where a rule stands, and how many groups its expression has.
struct Written<'w> {
    setting: &'w Setting<'w>,
    node: &'w Node,
    groups: usize,
}

impl Written<'_> {
    fn text(&self, text: &str) -> Result<RouteText, Complaint> {
        route_text(self.setting, self.node, text, self.groups)
    }

    /// The same where there has to be something.
    fn some_text(&self, name: &str, text: &str) -> Result<RouteText, Complaint> {
        if text.trim().is_empty() {
            return Err(self.wrong(
                name,
                "without anything behind its colon",
                "say what it is for",
            ));
        }
        self.text(text.trim())
    }

    fn wrong(&self, name: &str, what: &str, hint: &str) -> Complaint {
        let what = format!("has the action {} {what}", quote(name));
        self.setting.wrong(self.node, &what).hint(hint)
    }
}

fn action(written: &Written<'_>, text: &str) -> Result<RouteAction, Complaint> {
    let (name, argument) = text.split_once(':').unwrap_or((text, ""));
    Ok(match name {
        "redirect" | "redirect-302" | "redirect-permanent" | "redirect-301" => {
            RouteAction::Redirect {
                is_permanent: matches!(name, "redirect-permanent" | "redirect-301"),
                to: written.some_text(name, argument)?,
            }
        }
        "static" => file(written, argument.trim())?,
        "addheader" => {
            let Some((field, value)) = argument.split_once(':') else {
                let hint = "write `addheader:Name: value`";
                return Err(written.wrong(name, "without a header field", hint));
            };
            check_name(written.setting, written.node, field.trim())?;
            RouteAction::AddHeader {
                name: field.trim().to_owned(),
                value: written.text(value.trim())?,
            }
        }
        "delheader" | "remheader" => {
            check_name(written.setting, written.node, argument.trim())?;
            RouteAction::DelHeader {
                name: argument.trim().to_ascii_lowercase(),
            }
        }
        "rewrite" | "rewrite-last" => RouteAction::Rewrite {
            to: written.some_text(name, argument)?,
            is_last: name == "rewrite-last",
        },
        "fixpathinfo" if argument.trim().is_empty() => RouteAction::FixPathInfo,
        "break" => end(written, argument.trim())?,
        "continue" | "last" if argument.trim().is_empty() => RouteAction::Continue,
        "log" => RouteAction::Log {
            text: written.text(argument)?,
        },
        "setscheme" => match argument.trim() {
            "https" => RouteAction::SetScheme { is_secure: true },
            "http" => RouteAction::SetScheme { is_secure: false },
            _ => return Err(written.wrong(name, "with another scheme", "use `http` or `https`")),
        },
        _ => return Err(written.wrong(name, "that Lictor does not have", advice(name))),
    })
}

/// What to do instead of an action that does not exist here.
fn advice(name: &str) -> &'static str {
    match name {
        "goto" => "give each rule its own condition, or let the web server in front route requests",
        "basicauth" | "basicauth-next" | "ldapauth" | "ldapauth-next" => {
            "let the web server in front ask for passwords (nginx: `auth_basic`), or the app"
        }
        "http" | "uwsgi" | "fcgi" | "scgi" | "proxyhttp" | "proxyuwsgi" => {
            "let the web server in front pass such requests on (nginx: `proxy_pass`, `uwsgi_pass`)"
        }
        "addvar" | "logvar" | "sethome" | "setfile" | "setapp" | "setuser" | "chdir" => {
            "let the web server in front set variables (nginx: `uwsgi_param`); use `mount` for \
             several apps"
        }
        "sethost" | "seturi" | "setpathinfo" | "setscriptname" | "setprocname" => {
            "use `rewrite` for the path, or let the web server in front change the request"
        }
        _ => ACTIONS,
    }
}

/// `static:FILE`: whatever is put in stays below the directory that is written before it.
fn file(written: &Written<'_>, path: &str) -> Result<RouteAction, Complaint> {
    let RouteText(mut pieces) = written.some_text("static", path)?;
    let RoutePiece::Text(first) = pieces.remove(0) else {
        let hint = "begin with the directory that the files are in, such as `static:/srv/www/$1`";
        return Err(written.wrong("static", "without a directory", hint));
    };
    let base = written.setting.base;
    if pieces.is_empty() {
        return Ok(RouteAction::Static {
            root: base.join(first),
            name: RouteText::default(),
        });
    }
    let (root, name) = match first.rfind('/') {
        Some(slash) => first.split_at(slash + 1),
        None => ("", &*first),
    };
    if root == "/" {
        let hint = "begin with the directory that the files are in, such as `static:/srv/www/$1`";
        return Err(written.wrong("static", "for the whole machine", hint));
    }
    let root: PathBuf = base.join(root);
    if !name.is_empty() {
        pieces.insert(0, RoutePiece::Text(name.to_owned()));
    }
    Ok(RouteAction::Static {
        root,
        name: RouteText(pieces),
    })
}

/// `break:`, `break:404`, `break:404 Not Found`.
fn end(written: &Written<'_>, argument: &str) -> Result<RouteAction, Complaint> {
    if argument.is_empty() {
        return Ok(RouteAction::Break {
            status: None,
            reason: RouteText::default(),
        });
    }
    let (status, reason) = argument.split_once(' ').unwrap_or((argument, ""));
    let is_final = |status: &u16| (200..=599).contains(status);
    let Some(status) = status.parse().ok().filter(is_final) else {
        let hint = "write a status from 200 to 599, such as `break:403 Forbidden`, or nothing";
        return Err(written.wrong("break", "without a status", hint));
    };
    Ok(RouteAction::Break {
        status: Some(status),
        reason: written.text(reason.trim())?,
    })
}

//! uWSGI's JSON of an emperor.

use serde_json::{Value, json};

use super::gather::{EmperorFacts, VassalFacts};

/// The whole document. What Lictor has no counterpart of has the value that uWSGI has for it when it is
/// not in use.
pub(super) fn document(facts: &EmperorFacts) -> String {
    let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
    let cwd = std::env::current_dir().unwrap_or_default();
    let told = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "uid": uid.as_raw(),
        "gid": gid.as_raw(),
        "cwd": cwd.to_string_lossy(),
        "emperor": facts.sources,
        "emperor_tyrant": 0,
        "throttle_level": 0,
        "vassals": facts.vassals.iter().map(vassal).collect::<Vec<_>>(),
        "blacklist": facts.vassals.iter().filter_map(waiting).collect::<Vec<_>>(),
    });
    format!("{told:#}\n")
}

fn vassal(facts: &VassalFacts) -> Value {
    let (uid, gid) = facts.owner();
    let serves = u8::from(facts.is_serving);
    let modified = std::fs::symlink_metadata(&facts.file).and_then(|file| file.modified());
    let modified = modified.ok().and_then(|at| {
        let since = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    });
    json!({
        "id": id(facts),
        "pid": facts.pid,
        "born": facts.born,
        "last_mod": modified.unwrap_or(0),
        "last_heartbeat": 0,
        "loyal": serves,
        "ready": serves,
        "accepting": serves,
        "last_loyal": facts.last_ready,
        "last_ready": facts.last_ready,
        "last_accepting": facts.last_ready,
        "first_run": facts.first_run,
        "last_run": facts.last_run,
        "cursed": facts.cursed,
        "zerg": 0,
        "on_demand": "",
        "uid": uid,
        "gid": gid,
        "monitor": facts.monitor,
        "respawns": facts.respawns,
    })
}

/// uWSGI's blacklist are those that wait after they failed.
fn waiting(facts: &VassalFacts) -> Option<Value> {
    let waiting = facts.waiting.as_ref()?;
    Some(json!({
        "id": id(facts),
        "throttle_level": waiting.milliseconds,
        "attempt": waiting.attempts,
        "first_attempt": waiting.first_attempt,
        "last_attempt": waiting.last_attempt,
    }))
}

fn id(facts: &VassalFacts) -> String {
    let name = facts.file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

//! Jobs and their times as uWSGI writes them.

use std::time::Duration;

use super::daemons::{is_switched_on, split_pairs};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::CronConfig;

/// `MINUTE HOUR DAY MONTH WEEKDAY COMMAND`.
pub(in crate::config) fn cron(setting: &Setting<'_>, node: &Node) -> Result<CronConfig, Complaint> {
    let mut rest = setting.text(node)?;
    let mut times = [-1; 5];
    for time in &mut times {
        let (word, behind) = rest
            .split_once(char::is_whitespace)
            .ok_or_else(|| setting.mismatch(node))?;
        if word.starts_with('*') {
            return Err(setting
                .mismatch(node)
                .hint("write `-1` for `*`, and `-5` for `*/5`"));
        }
        *time = word.parse().map_err(|_error| setting.mismatch(node))?;
        rest = behind.trim_start();
    }
    if rest.is_empty() {
        return Err(setting.mismatch(node));
    }
    checked(setting, node, times, rest)
}

/// `key=value,… COMMAND`.
pub(in crate::config) fn keyed_cron(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<CronConfig, Complaint> {
    let parts = setting.text(node)?.split_once(char::is_whitespace);
    let (pairs, command) = parts.ok_or_else(|| setting.mismatch(node))?;
    let (mut times, mut is_unique, mut harakiri) = ([-1; 5], false, None);
    for pair in split_pairs(pairs) {
        let (key, value) = pair.split_once('=').ok_or_else(|| setting.mismatch(node))?;
        let place = ["minute", "hour", "day", "month", "week"]
            .iter()
            .position(|known| *known == key);
        let number = || value.parse::<i32>().map_err(|_e| setting.mismatch(node));
        match (place.and_then(|place| times.get_mut(place)), key) {
            (Some(time), _) => *time = number()?,
            (None, "unique") => is_unique = is_switched_on(setting, node, key, value)?,
            (None, "harakiri") => {
                let seconds = u64::try_from(number()?).map_err(|_e| setting.mismatch(node))?;
                harakiri = Some(Duration::from_secs(seconds)).filter(|limit| !limit.is_zero());
            }
            (None, _) => {
                return Err(setting
                    .wrong(node, &format!("does not know {}", quote(key)))
                    .hint("the keys are `minute`, `hour`, `day`, `month`, `week`, `unique` and `harakiri`"));
            }
        }
    }
    let cron = checked(setting, node, times, command.trim_start())?;
    Ok(CronConfig {
        is_unique,
        harakiri,
        ..cron
    })
}

fn checked(
    setting: &Setting<'_>,
    node: &Node,
    times: [i32; 5],
    command: &str,
) -> Result<CronConfig, Complaint> {
    let bounds = [
        ("minute", 0, 59),
        ("hour", 0, 23),
        ("day", 1, 31),
        ("month", 1, 12),
        ("weekday", 0, 7),
    ];
    for (time, (name, first, last)) in times.into_iter().zip(bounds) {
        if !(-last..=last).contains(&time) || (time == 0 && first == 1) {
            let what = format!("has {time} as its {name}, which is {first} to {last}");
            return Err(setting
                .wrong(node, &what)
                .hint("-1 stands for any, and -5 for every fifth"));
        }
    }
    let [minute, hour, day, month, weekday] = times;
    if command.contains('\0') {
        return Err(setting.mismatch(node));
    }
    Ok(CronConfig {
        minute,
        hour,
        day,
        month,
        weekday,
        command: command.to_owned(),
        is_unique: false,
        harakiri: None,
    })
}

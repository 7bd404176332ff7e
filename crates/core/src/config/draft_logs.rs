//! Loggers, routes and encoders that name each other.

use super::diagnostic::{Complaint, quote};
use super::tree::Place;
use super::vassal::{LogStream, LogsConfig};

/// What is named and is not there, and what is there and never named.
pub(super) fn crossed_logs(logs: &LogsConfig, place: &Place) -> Vec<Complaint> {
    let app = crossed(&logs.app, "logger", "log-route", "log-encoder", place);
    let requests = crossed(
        &logs.requests,
        "req-logger",
        "log-req-route",
        "log-req-encoder",
        place,
    );
    app.into_iter().chain(requests).collect()
}

fn crossed(
    stream: &LogStream,
    logger: &str,
    route: &str,
    encoder: &str,
    place: &Place,
) -> Vec<Complaint> {
    let names = || stream.loggers.iter().filter_map(|it| it.name.as_deref());
    let complain =
        |message: String, hint: String| Complaint::new(place.clone(), message).hint(hint);
    let missing = |option: &str, name: &str| {
        let message = format!(
            "`{option}` names the {logger} {}, which there is not",
            quote(name)
        );
        complain(message, format!("add `{logger} = {name} file:…`"))
    };
    let routes = stream.routes.iter().map(|it| it.logger.as_str());
    let led_nowhere = routes.filter(|name| !names().any(|known| known == *name));
    let dressed = stream.encoders.iter().filter_map(|it| it.logger.as_deref());
    let made_for_nobody = dressed.filter(|name| !names().any(|known| known == *name));
    let is_led_to = |name: &str| stream.routes.iter().any(|it| it.logger == name);
    let never_reached = names().filter(|name| !is_led_to(name)).map(|name| {
        let message = format!("nothing leads to the {logger} {}", quote(name));
        complain(
            message,
            format!(
                "one with a name gets what `{route}` leads to it; take the name away for all lines"
            ),
        )
    });
    (led_nowhere.map(|name| missing(route, name)))
        .chain(made_for_nobody.map(|name| missing(encoder, name)))
        .chain(never_reached)
        .collect()
}

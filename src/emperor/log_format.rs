//! How the log reads for people: time, level, vassal, message; an app's own words without a level.

use std::fmt::{self, Write};

use lictor_core::observe::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::journal::OUTPUT;

/// Lines for people.
#[derive(Debug)]
pub(super) struct TextFormat {
    /// At a terminal the time of each line is only in the way.
    pub(super) has_time: bool,
}

impl<S, N> FormatEvent<S, N> for TextFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut words = Words::default();
        event.record(&mut words);
        let is_output = event.metadata().target() == OUTPUT;
        if self.has_time {
            write!(writer, "{} ", Timestamp::now())?;
        }
        if self.has_time || !is_output {
            writer.write_str(level_of(*event.metadata().level(), is_output))?;
        }
        if let Some(vassal) = words.vassal {
            write!(writer, "[{vassal}] ")?;
        }
        writeln!(writer, "{}{}", words.message, words.rest)
    }
}

fn level_of(level: Level, is_output: bool) -> &'static str {
    if is_output {
        "   out "
    } else if level == Level::ERROR {
        " error "
    } else if level == Level::WARN {
        "  warn "
    } else if level == Level::INFO {
        "  info "
    } else {
        " debug "
    }
}

/// The fields of one line.
#[derive(Debug, Default)]
struct Words {
    vassal: Option<String>,
    message: String,
    rest: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "vassal" {
            self.vassal = Some(value.to_owned());
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            // Writing to a string cannot fail.
            let _ = write!(self.rest, " {}={value:?}", field.name());
        }
    }
}

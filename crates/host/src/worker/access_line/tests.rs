//! Lines as they look, and what a client cannot do to them.

use std::time::{Duration, SystemTime};

use lictor_core::config::{AccessLog, LogField, LogFormat, LogPiece, RequestLogConfig};
use proptest::prelude::*;

use super::moment::Moment;
use super::{AccessLine, Came, LineForm, Selection, protocol};

const NOW: Duration = Duration::new(1_795_176_000, 123_456_789);

fn line(field: &'static dyn Fn(&str) -> Option<&'static [u8]>) -> AccessLine<'static> {
    AccessLine {
        remote: "127.0.0.1",
        remote_port: "4000",
        method: "GET",
        uri: "/a?b=1",
        protocol: protocol(false, false),
        is_secure: false,
        host: None,
        status: 500,
        body_bytes: 12,
        head_bytes: Some(100),
        took: Duration::from_micros(3900),
        worker: 2,
        pid: 77,
        thread: Some(1),
        request_id: None,
        variables: &[],
        field,
    }
}

fn nothing(_: &str) -> Option<&'static [u8]> {
    None
}

fn rendered(line: &AccessLine<'_>, format: &LogFormat) -> String {
    let form = LineForm {
        format: format.clone(),
        ..LineForm::default()
    };
    line.render(&form, SystemTime::UNIX_EPOCH + NOW)
}

#[test]
fn a_client_cannot_forge_a_line() {
    let mut line = line(&nothing);
    assert_eq!(
        rendered(&line, &LogFormat::Text),
        "127.0.0.1 - \"GET /a?b=1 HTTP/1.1\" 500 12 3ms\n"
    );
    (line.remote, line.uri, line.protocol) = ("", "/\"\u{1b}[0m\u{9b}\n", protocol(true, false));
    line.request_id = Some("6f1d");
    assert_eq!(
        rendered(&line, &LogFormat::Text),
        "unix - \"GET /\\\"\\u{1b}[0m\\u{9b}\\u{a} HTTP/1.0\" 500 12 3ms 6f1d\n"
    );
}

#[test]
fn json_is_json() {
    let mut line = line(&|name| (name == "user-agent").then_some(b"a\"\\\x1b\xff\xc2\x9b"));
    (line.request_id, line.is_secure) = (Some("6f1d"), true);
    let text = rendered(&line, &LogFormat::Json);
    assert!(text.ends_with("}\n") && !text.trim_end().contains(char::is_control));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        serde_json::json!({
            "time": "2026-11-20T12:00:00.119556Z", "remote": "127.0.0.1", "method": "GET",
            "uri": "/a?b=1", "protocol": "HTTP/1.1", "scheme": "https", "status": 500,
            "bytes": 12, "micros": 3900, "worker": 2, "pid": 77, "host": null, "referer": null,
            "user_agent": "a\"\\\u{1b}\u{fffd}\u{9b}", "request_id": "6f1d",
        })
    );
}

#[test]
fn each_piece_says_its_part() {
    let mut line = line(&|name| match name {
        "host" => Some(b"example.org"),
        "content-length" => Some(b"7"),
        "x-a" => Some(b"\"v\"\n"),
        _ => None,
    });
    line.request_id = Some("6f1d");
    for (field, expected) in [
        (LogField::Remote, "127.0.0.1"),
        (LogField::RemotePort, "4000"),
        (LogField::Unknown, "-"),
        (LogField::Method, "GET"),
        (LogField::Uri, "/a?b=1"),
        (LogField::Path, "/a"),
        (LogField::Query, "b=1"),
        (LogField::QueryWithMark, "?b=1"),
        (LogField::Protocol, "HTTP/1.1"),
        (LogField::RequestLine, "GET /a?b=1 HTTP/1.1"),
        (LogField::Host, "example.org"),
        (LogField::Scheme, "http"),
        (LogField::RequestLength, "7"),
        (LogField::Status, "500"),
        (LogField::BodyBytes, "12"),
        (LogField::BodyBytesOrDash, "12"),
        (LogField::Micros, "3900"),
        (LogField::Millis, "3"),
        (LogField::Seconds, "0"),
        (LogField::StartedSeconds, "1795176000"),
        (LogField::StartedMillis, "1795176000119"),
        (LogField::StartedMicros, "1795176000119556"),
        (LogField::StartedApache, "20/Nov/2026:12:00:00 +0000"),
        (
            LogField::StartedApacheBrackets,
            "[20/Nov/2026:12:00:00 +0000]",
        ),
        (LogField::StartedCtime, "Fri Nov 20 12:00:00 2026"),
        (LogField::NowSeconds, "1795176000"),
        (LogField::Pid, "77"),
        (LogField::Worker, "2"),
        (LogField::Thread, "1"),
        (LogField::RequestId, "6f1d"),
    ] {
        let format = LogFormat::Pieces(vec![LogPiece::Field(field)]);
        assert_eq!(
            rendered(&line, &format),
            format!("{expected}\n"),
            "{field:?}"
        );
    }
}

#[test]
fn header_fields_are_escaped_and_what_is_missing_is_a_dash() {
    let mut line = line(&|name| (name == "x-a").then_some(b"\"v\"\n"));
    let pieces = ["x-a", "x-b"].map(|name| LogPiece::Header(name.to_owned()));
    let format = LogFormat::Pieces(pieces.into());
    assert_eq!(rendered(&line, &format), "\\\"v\\\"\\u{a}-\n");

    (line.body_bytes, line.uri, line.host) = (0, "/", Some("other"));
    line.thread = None;
    let fields = [
        LogField::BodyBytesOrDash,
        LogField::Query,
        LogField::QueryWithMark,
        LogField::Host,
        LogField::Thread,
    ];
    let format = LogFormat::Pieces(fields.map(LogPiece::Field).into());
    assert_eq!(rendered(&line, &format), "--other-\n");
}

#[test]
fn what_is_logged_is_what_any_of_the_options_asks_for() {
    let with = |access_log, client_errors, server_errors, slow: Option<u64>| {
        let log = RequestLogConfig {
            client_errors,
            server_errors,
            slow: slow.map(Duration::from_secs),
            ..RequestLogConfig::default()
        };
        Selection::new(access_log, &log)
    };
    let none = with(AccessLog::Off, false, false, None);
    assert_eq!(none, None);
    let all = with(AccessLog::All, false, false, None);
    let errors = with(AccessLog::Errors, false, false, None);
    assert_eq!(with(AccessLog::Off, false, true, None), errors);
    let client_errors = with(AccessLog::Off, true, false, None);
    let slow = with(AccessLog::Off, false, false, Some(2));
    let both = with(AccessLog::Off, true, false, Some(2));
    for (selection, status, is_error, seconds, expected) in [
        (all, 200, false, 0, true),
        (errors, 200, false, 9, false),
        (errors, 499, false, 0, false),
        (errors, 500, false, 0, true),
        (errors, 200, true, 0, true),
        (client_errors, 399, false, 0, false),
        (client_errors, 400, false, 0, true),
        (client_errors, 499, false, 0, true),
        (client_errors, 500, false, 0, false),
        (slow, 200, false, 1, false),
        (slow, 200, false, 2, true),
        (both, 404, false, 0, true),
        (both, 200, false, 3, true),
        (both, 200, false, 0, false),
    ] {
        let took = Duration::from_secs(seconds);
        let wants = selection.unwrap().wants(&Came {
            status,
            is_error,
            took,
            body_bytes: 1,
            is_file: false,
        });
        assert_eq!(wants, expected, "{selection:?} {status} {seconds}");
    }
}

#[test]
fn what_else_may_be_asked_for_adds_lines() {
    let log = |set: fn(&mut RequestLogConfig)| {
        let mut log = RequestLogConfig::default();
        set(&mut log);
        Selection::new(AccessLog::Off, &log).unwrap()
    };
    let empty = log(|log| log.empty = true);
    let big = log(|log| log.big = Some(10));
    let files = log(|log| log.files = true);
    let cut_off = log(|log| log.cut_off = true);
    let came = |body_bytes, is_file, is_error| Came {
        status: 200,
        body_bytes,
        is_file,
        is_error,
        ..Came::default()
    };
    for (selection, came, expected) in [
        (empty, came(0, false, false), true),
        (empty, came(1, false, false), false),
        (big, came(9, true, true), false),
        (big, came(10, false, false), true),
        (files, came(10, true, false), true),
        (files, came(10, false, false), false),
        (cut_off, came(10, false, true), true),
        (cut_off, came(10, true, false), false),
    ] {
        assert_eq!(selection.wants(&came), expected, "{selection:?} {came:?}");
    }
}

#[test]
fn a_line_has_the_time_in_the_form_that_is_asked_for() {
    let line = line(&|_| None);
    let mut form = LineForm {
        format: LogFormat::Pieces(vec![LogPiece::Field(LogField::StartedOwn)]),
        ..LineForm::default()
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000) + line.took;
    assert_eq!(line.render(&form, now), "Sun Sep  9 01:46:40 2001\n");
    form.time = Some("%s \"x".to_owned());
    assert_eq!(line.render(&form, now), "1000000000 \\\"x\n");
    form.format = LogFormat::Text;
    form.in_micros = true;
    let text = line.render(&form, now);
    assert!(
        text.ends_with(&format!(" {}us\n", line.took.as_micros())),
        "{text}"
    );
}

#[test]
fn days_are_those_of_the_calendar() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_399, "2000-02-28T23:59:59.000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000Z"),
        (951_868_800, "2000-03-01T00:00:00.000000Z"),
        (1_709_164_800, "2024-02-29T00:00:00.000000Z"),
        (1_735_689_599, "2024-12-31T23:59:59.000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
    ] {
        let mut text = String::new();
        Moment::at(Duration::from_secs(seconds)).push_rfc3339(&mut text);
        assert_eq!(text, expected);
    }
    let mut text = String::new();
    Moment::at(Duration::from_secs(0)).push_ctime(&mut text);
    assert_eq!(text, "Thu Jan  1 00:00:00 1970");
}

#[test]
fn the_memory_of_the_worker_is_that_of_now() {
    let mut line = line(&|_| None);
    line.pid = std::process::id();
    let fields = [
        LogField::Resident,
        LogField::Addressed,
        LogField::ResidentMegabytes,
    ];
    let [resident, addressed, megabytes] = fields.map(|field| {
        let format = LogFormat::Pieces(vec![LogPiece::Field(field)]);
        rendered(&line, &format).trim_end().parse::<u64>().unwrap()
    });
    assert!(1 << 20 < resident && resident < addressed);
    assert!(megabytes << 20 <= resident + (64 << 20));
    line.pid = 0;
    let gone = LogFormat::Pieces(vec![LogPiece::Field(LogField::Addressed)]);
    assert_eq!(rendered(&line, &gone), "0\n");
}

proptest! {
    #[test]
    fn every_line_is_one_line(uri in any::<String>(), agent in proptest::collection::vec(any::<u8>(), 0..60)) {
        let agent: &'static [u8] = agent.leak();
        let field: &'static dyn Fn(&str) -> Option<&'static [u8]> = Box::leak(Box::new(move |_: &str| Some(agent)));
        let uri: &'static str = uri.leak();
        let mut line = line(field);
        line.uri = uri;
        let agent = LogFormat::Pieces(vec![LogPiece::Header("user-agent".to_owned())]);
        for format in [LogFormat::Text, LogFormat::Json, agent] {
            let text = rendered(&line, &format);
            let text = text.strip_suffix('\n').unwrap();
            prop_assert!(!text.contains(char::is_control), "{:?}", text);
            if format == LogFormat::Json {
                let value: serde_json::Value = serde_json::from_str(text).unwrap();
                prop_assert_eq!(value["uri"].as_str(), Some(uri));
            }
        }
    }
}

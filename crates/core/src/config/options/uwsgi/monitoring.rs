//! Numbers and alarms.

use super::{Foreign, on, refused};

const EVENTS: &str = "follow `lictor events --follow --json` with a program that raises the alarm";

pub(super) static NAMES: &[Foreign] = &[
    on(
        &["stats-no-metrics"],
        "the document of `stats` has no metrics besides those of the workers",
    ),
    refused(
        &[
            "stats-push",
            "stats-pusher-default-freq",
            "stats-pushers-default-freq",
        ],
        "let the monitoring ask at the address of `stats`, or of the emperor's `--metrics`, at its own intervals",
    ),
    on(
        &["memory-report"],
        "`stats` and `lictor status NAME` show the memory of each worker, which is looked up when somebody asks",
    ),
    refused(
        &["profiler"],
        "run `py-spy record --pid PID` with the pid of a worker",
    ),
    refused(
        &[
            "enable-metrics",
            "metric",
            "metrics-dir",
            "metrics-dir-restore",
            "metric-dir",
            "metric-dir-restore",
            "metrics-no-cores",
        ],
        "count in the app with a library such as `prometheus_client`",
    ),
    refused(
        &["metric-threshold", "metric-alarm", "alarm-metric"],
        "let Prometheus compare the numbers of the emperor's `--metrics`",
    ),
    refused(
        &[
            "alarm",
            "alarm-cheap",
            "alarm-freq",
            "alarm-fd",
            "alarm-msg-size",
        ],
        EVENTS,
    ),
    refused(
        &["alarm-segfault", "segfault-alarm"],
        "follow `lictor events --follow --json`, which says by which signal a worker died",
    ),
    refused(
        &[
            "alarm-backlog",
            "backlog-alarm",
            "lq-alarm",
            "alarm-lq",
            "alarm-listen-queue",
            "listen-queue-alarm",
        ],
        "let Prometheus look at `uwsgi_listen_queue_length` of the emperor's `--metrics`, and raise `listen` if it fills",
    ),
    refused(
        &[
            "carbon",
            "carbon-timeout",
            "carbon-freq",
            "carbon-id",
            "carbon-no-workers",
            "carbon-max-retry",
            "carbon-retry-delay",
            "carbon-root",
            "carbon-hostname-dots",
            "carbon-name-resolve",
            "carbon-resolve-names",
            "carbon-idle-avg",
            "carbon-use-metrics",
        ],
        "let a collector such as collectd or Telegraf send the numbers of `stats` to Carbon",
    ),
    refused(
        &["rrdtool", "rrdtool-freq", "rrdtool-lib"],
        "let a collector such as collectd write the numbers of `stats` into RRD files",
    ),
    refused(
        &["snmp", "snmp-community"],
        "let the SNMP agent run `lictor status --json`, with `extend` in snmpd.conf",
    ),
];

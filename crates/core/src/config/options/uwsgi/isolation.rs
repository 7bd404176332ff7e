//! As whom and in which surroundings a vassal runs.

use super::{Foreign, off, on, refused};

const UNIT: &str = "run the emperor in a container, or restrict its systemd unit";
const HOOK: &str = "do it in the app's own module";
const ROOT_HOOK: &str = "do it in the emperor's service file with `ExecStartPre=`; nothing that a vassal file names runs as root";
const MOUNT: &str = "mount it with a systemd mount unit, before the emperor starts";
const WAIT: &str = "order the emperor's service after it, with `After=` or `RequiresMountsFor=`";

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["add-gid"],
        "make the user a member of the group (`usermod -aG GROUP USER`); the vassal has all groups of its user",
    ),
    off(
        &["no-initgroups"],
        "a vassal has all groups that its user is a member of",
    ),
    off(
        &["master-as-root", "drop-after-init", "drop-after-apps"],
        "a vassal gives up root before anything of its own is read or loaded",
    ),
    refused(
        &["chroot", "pivot-root"],
        "use `RootDirectory=` in the emperor's systemd unit, or run the emperor in a container",
    ),
    refused(
        &[
            "unshare",
            "unshare2",
            "namespace",
            "ns",
            "namespace-keep-mount",
        ],
        UNIT,
    ),
    refused(
        &["namespace-net", "ns-net"],
        "run the emperor in a container with a network of its own, or use `PrivateNetwork=` in its systemd unit",
    ),
    refused(
        &[
            "setns-socket",
            "setns-socket-skip",
            "setns-skip",
            "setns",
            "setns-preopen",
        ],
        "start the emperor inside the namespace, with `nsenter` or `JoinsNamespaceOf=`",
    ),
    refused(
        &[
            "refork",
            "re-fork",
            "refork-as-root",
            "re-fork-as-root",
            "refork-post-jail",
            "re-fork-post-jail",
            "jailed",
        ],
        "remove it; a vassal is in its final surroundings before its first process is forked",
    ),
    refused(
        &["cgroup", "cgroup-opt", "cgroup-dir-mode"],
        "set limits such as `MemoryMax=` in the emperor's systemd unit, or `reload-on-rss` for a worker",
    ),
    refused(
        &["cpu-affinity"],
        "use `CPUAffinity=` in the emperor's service file; the kernel spreads the workers",
    ),
    refused(&["ksm"], "use `MemoryKSM=` in the emperor's systemd unit"),
    refused(
        &["never-swap"],
        "use `MemorySwapMax=0` in the emperor's systemd unit",
    ),
    refused(
        &[
            "hook-asap",
            "hook-pre-jail",
            "hook-post-jail",
            "hook-in-jail",
            "hook-as-root",
        ],
        ROOT_HOOK,
    ),
    refused(
        &[
            "exec-asap",
            "exec-pre-jail",
            "exec-post-jail",
            "exec-in-jail",
            "exec-as-root",
        ],
        ROOT_HOOK,
    ),
    refused(
        &[
            "call-asap",
            "call-pre-jail",
            "call-post-jail",
            "call-in-jail",
            "call-as-root",
        ],
        "call the function in the app's own module; nothing that a vassal file names runs as root",
    ),
    refused(
        &[
            "hook-as-user",
            "hook-pre-app",
            "exec-as-user",
            "exec-pre-app",
            "call-as-user",
            "call-pre-app",
        ],
        "do it at the top of the app's own module, which the vassal's user imports",
    ),
    refused(
        &["hook-post-app", "exec-post-app", "call-post-app"],
        "do it at the end of the app's own module",
    ),
    refused(
        &[
            "hook-as-user-atexit",
            "exec-as-user-atexit",
            "call-as-user-atexit",
        ],
        "register it with `atexit` in the app's own module",
    ),
    refused(
        &["hook-post-fork"],
        "use `os.register_at_fork(after_in_child=…)` in the app's own module",
    ),
    refused(
        &[
            "hook-accepting",
            "hook-accepting1",
            "hook-accepting-once",
            "hook-accepting1-once",
            "hook-master-start",
        ],
        "follow `lictor events --follow --json`, which says when a generation serves",
    ),
    refused(
        &["hook-touch", "touch-exec"],
        "use a systemd path unit (`PathChanged=`) to run something when a file changes",
    ),
    refused(
        &["hook-as-gateway"],
        "remove it; there is no router process that it could run in",
    ),
    refused(&["after-request-hook", "after-request-call"], HOOK),
    refused(
        &[
            "mount-asap",
            "mount-pre-jail",
            "mount-post-jail",
            "mount-in-jail",
            "mount-as-root",
        ],
        MOUNT,
    ),
    refused(
        &[
            "umount-asap",
            "umount-pre-jail",
            "umount-post-jail",
            "umount-in-jail",
            "umount-as-root",
        ],
        "leave it out of the emperor's sight with `InaccessiblePaths=` in its systemd unit",
    ),
    refused(
        &[
            "wait-for-interface",
            "wait-for-interface-timeout",
            "wait-interface",
            "wait-interface-timeout",
            "wait-for-iface",
            "wait-for-iface-timeout",
            "wait-iface",
            "wait-iface-timeout",
        ],
        "order the emperor's service after `network-online.target`",
    ),
    refused(
        &[
            "wait-for-fs",
            "wait-for-file",
            "wait-for-dir",
            "wait-for-mountpoint",
            "wait-for-fs-timeout",
        ],
        WAIT,
    ),
    refused(
        &["wait-for-socket", "wait-for-socket-timeout"],
        "let the app connect again when the other server is not there yet",
    ),
    refused(
        &[
            "check-mountpoint",
            "mountpoint-check",
            "check-mount",
            "mount-check",
        ],
        "use `BindsTo=` with the mount unit in the emperor's service file",
    ),
    refused(
        &["file-write"],
        "write the file before the emperor starts, with tmpfiles.d or `ExecStartPre=`",
    ),
    refused(
        &["binsh"],
        "remove it; no command of a vassal file is run by a shell",
    ),
    refused(
        &[
            "privileged-binary-patch",
            "unprivileged-binary-patch",
            "privileged-binary-patch-arg",
            "unprivileged-binary-patch-arg",
        ],
        "run the other program as a service of its own",
    ),
    refused(
        &["binary-path"],
        "remove it; `lictor upgrade` takes the program that is now on disk",
    ),
    refused(
        &["envdir", "early-envdir"],
        "write the variables into a file of `KEY=VALUE` lines, and name it in `env-file`",
    ),
    refused(
        &["force-cwd"],
        "use `chdir`, which holds while the app is loaded and after, or `chdir2` for what comes after",
    ),
    refused(
        &["safe-fd", "fd-safe"],
        "remove it; descriptors are not handed to vassals, but for their sockets",
    ),
    on(
        &["skip-zero"],
        "standard input is always closed, whatever the emperor's own is",
    ),
];

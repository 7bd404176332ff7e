#!/bin/sh
# After the files of a package are in place: what a `postinst` does, as Debian calls it with
# `configure` and, if this is an upgrade, the version before (deb-postinst(5)).
#
# The package must neither stop the service before an upgrade nor restart it afterwards; with
# debhelper: dh_installsystemd --no-stop-on-upgrade --no-restart-after-upgrade.
set -eu

[ "${1:-}" = configure ] || exit 0
before=${2:-}

systemd-tmpfiles --create lictor.conf || true
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload

if [ -z "$before" ]; then
    systemctl enable --now lictor.service
    exit 0
fi

# The running emperor becomes the new program; its vassals serve on, untouched.
code=0
lictor upgrade || code=$?
case $code in
0) ;;
69) ;; # No emperor runs, so there is nothing to upgrade.
*)
    # The old emperor goes on, and so do the sites: no reason to fail the package.
    echo "lictor: the emperor still runs version $before; \`lictor upgrade\` tries again" >&2
    ;;
esac

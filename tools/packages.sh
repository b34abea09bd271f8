#!/bin/sh
# packages.sh PACKAGE...: install the Debian packages that are missing; silent if none is.
set -eu
missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "This needs Debian's packages$missing, and there is no apt-get here: use Debian 12 or 13." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Missing Debian packages: become root, or run: sudo apt-get install$missing" >&2
    exit 1
fi
step=$(dirname "$0")/step.sh
export DEBIAN_FRONTEND=noninteractive
# Without its service: our containerd is our own, and a package must not start a second one.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
"$step" "Updating Debian's package lists" apt-get -q update
# Word splitting is wanted: one word for each package.
# shellcheck disable=SC2086
"$step" "Installing$missing" apt-get -q -y --no-install-recommends install $missing

#!/bin/bash
# Install the servers the integration tests talk to. Safe to run again: what is there already is left alone.
#
# Nothing is started: no daemon from a package's post-install script (policy-rc.d answers 101), no default PostgreSQL
# cluster. The tests start their own processes on free loopback ports. Needs root and Debian 12 or a sibling.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

here="$(cd "$(dirname "$0")" && pwd)"
mapfile -t packages < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' "$here/packages.txt" | grep .)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -eq 0 ]; then
  echo "servers: all ${#packages[@]} packages are installed"
  exit 0
fi

# Leave the machine's own answers as they were.
undo=()
cleanup() { for file in "${undo[@]}"; do rm -f "$file"; done; }
trap cleanup EXIT
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod +x /usr/sbin/policy-rc.d
  undo+=(/usr/sbin/policy-rc.d)
fi
if [ ! -e /etc/dpkg/dpkg.cfg.d/aiops-unsafe-io ]; then
  echo force-unsafe-io > /etc/dpkg/dpkg.cfg.d/aiops-unsafe-io
  undo+=(/etc/dpkg/dpkg.cfg.d/aiops-unsafe-io)
fi
# No default cluster: the tests run initdb themselves.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
fi

log="$(mktemp)"
options=(-y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300)
apt-get update -qq -o Acquire::Retries=5 -o Acquire::Languages=none
if ! apt-get install "${options[@]}" "${missing[@]}" > "$log" 2>&1; then
  tail -40 "$log" >&2
  exit 1
fi
rm -f "$log"
echo "servers: installed ${missing[*]}"

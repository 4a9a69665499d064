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

# Request Tracker and Redmine make an empty SQLite database as they are installed; the tests work on copies of it.
if printf '%s\n' "${missing[@]}" | grep -qE '^(request-tracker5|redmine)$'; then
  debconf-set-selections <<'ANSWERS'
request-tracker5 request-tracker5/rtname string tests.example
request-tracker5 request-tracker5/organization string tests.example
request-tracker5 request-tracker5/correspondaddress string rt@tests.example
request-tracker5 request-tracker5/commentaddress string rt-comment@tests.example
request-tracker5 request-tracker5/webbaseurl string http://127.0.0.1
request-tracker5 request-tracker5/webpath string
request-tracker5 request-tracker5/handle-siteconfig-permissions boolean true
request-tracker5 request-tracker5/initial-root-password password only-for-tests
request-tracker5 request-tracker5/initial-root-password-confirm password only-for-tests
request-tracker5 request-tracker5/dbconfig-install boolean true
request-tracker5 request-tracker5/database-type select sqlite3
redmine redmine/instances/default/dbconfig-install boolean true
redmine redmine/instances/default/database-type select sqlite3
redmine redmine/instances/default/default-language select en
redmine redmine/current-instances string default
ANSWERS
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

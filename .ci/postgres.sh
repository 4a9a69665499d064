#!/usr/bin/env bash
# A throw-away PostgreSQL on loopback for tests, from the binaries of this machine. Safe to run again.
#
#   .ci/postgres.sh start    start it unless it runs; the last line is its URL
#   .ci/postgres.sh stop     stop it and remove its files
#   .ci/postgres.sh url      where it answers
#
# AIOPS_TEST_POSTGRES_PORT (15432) and AIOPS_TEST_POSTGRES_HOME (/tmp/aiops-postgres-PORT) say where. Root is not allowed
# to run PostgreSQL: started by root, it runs as the user postgres.
set -euo pipefail
export LC_ALL=C.UTF-8

port="${AIOPS_TEST_POSTGRES_PORT:-15432}"
home="${AIOPS_TEST_POSTGRES_HOME:-/tmp/aiops-postgres-$port}"
password=ci-pass
url="postgresql://postgres:$password@127.0.0.1:$port/postgres"

binaries() {
  local found
  for found in "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
    [ -x "$found/initdb" ] && [ -x "$found/pg_ctl" ] && { echo "$found"; return; }
  done
  found="$(command -v initdb || true)"
  [ -n "$found" ] && { dirname "$(readlink -f "$found")"; return; }
  echo "postgres: no initdb on this machine" >&2
  return 1
}
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
is_ready() { PGPASSWORD=$password PGCONNECT_TIMEOUT=5 "$bin/psql" -h 127.0.0.1 -p "$port" -U postgres -d postgres -Atqc 'select 1' >/dev/null 2>&1; }

start() {
  exec 9>"/tmp/aiops-postgres-$port.lock"
  flock 9                                       # two test sessions may ask at once
  if is_ready; then echo "$url"; return; fi
  if [ -s "$home/data/postmaster.pid" ]; then as_postgres "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1 || true; fi
  rm -rf "$home"
  mkdir -m 700 "$home"
  printf '%s' "$password" > "$home/password"
  [ "$(id -u)" != 0 ] || chown -R postgres "$home"
  as_postgres "$bin/initdb" -D "$home/data" -A scram-sha-256 -U postgres --pwfile="$home/password" --no-sync \
    -E UTF8 --locale=C.UTF-8 > "$home/initdb.log"
  # Fast rather than durable: nothing here survives the tests. Many connections: several processes, several tests.
  as_postgres tee -a "$home/data/postgresql.conf" > /dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$home'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 128MB
max_connections = 200
CONF
  if ! as_postgres "$bin/pg_ctl" -D "$home/data" -w -t 60 -l "$home/server.log" start > /dev/null 9>&-; then
    tail -20 "$home/server.log" >&2
    return 1
  fi
  is_ready || { echo "postgres: port $port is taken by another server" >&2; return 1; }
  echo "$url"
}

stop() {
  if [ -d "$home/data" ]; then as_postgres "$bin/pg_ctl" -D "$home/data" -m immediate -w stop > /dev/null 2>&1 || true; fi
  rm -rf "$home"
}

bin="$(binaries)"
case "${1:-start}" in
  start) start ;;
  stop) stop ;;
  url) echo "$url" ;;
  *) echo "usage: $0 start|stop|url" >&2; exit 2 ;;
esac

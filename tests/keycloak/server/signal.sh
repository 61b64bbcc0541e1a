#!/usr/bin/env bash
# Sends a signal (STOP, CONT, KILL …) to the Keycloak that start.sh started on KC_PORT, and to nothing else. None there: nothing to do.
set -euo pipefail
port=${KC_PORT:-18080}
cache=${KC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kc-tests}
run=$cache/run-$port
signal=${1:?which signal?}
[ -s "$run/pid" ] || exit 0
pid=$(cat "$run/pid")
ours() {
  kill -0 "$pid" 2>/dev/null || return 1
  [ ! -r "/proc/$pid/cmdline" ] || tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "--http-port=$port"
}
ours || exit 0
children=$(ps -o pid= --ppid "$pid" 2>/dev/null || true) # kc.sh waits for its java
kill -s "$signal" $children "$pid"
[ "$signal" = KILL ] || exit 0
for ((i = 0; i < 100; i++)); do
  alive=
  for p in $children "$pid"; do if kill -0 "$p" 2>/dev/null; then alive=$p; fi; done
  [ -n "$alive" ] || { rm -f "$run/pid"; exit 0; }
  sleep 0.1
done
echo "keycloak: pid $alive did not die" >&2
exit 1

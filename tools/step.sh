#!/bin/sh
# step.sh NAME COMMAND...: run a command quietly, show how long it takes, and what it said if it fails.
set -u
name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
began=$(date +%s)
"$@" >"$log" 2>&1 &
child=$!
trap 'kill "$child" 2>/dev/null' INT TERM
[ -t 1 ] || echo "$name ..."
while kill -0 "$child" 2>/dev/null; do
    [ -t 1 ] && printf '\r%s ... %s s' "$name" "$(($(date +%s) - began))"
    sleep 0.2
done
wait "$child"
code=$?
[ -t 1 ] && printf '\r\033[K'
if [ "$code" -eq 0 ]; then
    echo "$name: done ($(($(date +%s) - began)) s)"
else
    echo "$name: failed" >&2
    tail -n 20 "$log" >&2
fi
exit "$code"

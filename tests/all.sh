#!/usr/bin/env bash
# Every test, on two cores: those of neural models, which mostly compute, beside all others.
# Usage: tests/all.sh PYTHON
set -uo pipefail
cd "$(dirname "$0")/.."
python=$1
neural=tests/engine/neural
log=$(mktemp)
nothing_to_test=5 # pytest's own, where torch is not installed

OMP_NUM_THREADS=1 "$python" -m pytest "$neural" >"$log" 2>&1 &
computing=$!
trap 'kill "$computing" 2>/dev/null; rm -f "$log"' EXIT
"$python" -m pytest --ignore "$neural"
others=$?
wait "$computing"
computed=$?
cat "$log"
((others == 0 && (computed == 0 || computed == nothing_to_test)))

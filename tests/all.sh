#!/usr/bin/env bash
# Every test, on two cores: most of those of neural models, which mostly compute, beside all others.
# Usage: tests/all.sh PYTHON
set -uo pipefail
cd "$(dirname "$0")/.."
python=$1
neural=tests/engine/neural
own=("$neural/multifoley" "$neural/training") # of our own model: about what the others take less
log=$(mktemp)
nothing_to_test=5 # pytest's own, where torch is not installed

OMP_NUM_THREADS=1 "$python" -m pytest "$neural" "${own[@]/#/--ignore=}" >"$log" 2>&1 &
computing=$!
trap 'kill "$computing" 2>/dev/null; rm -f "$log"' EXIT
"$python" -m pytest --ignore "$neural"
others=$?
OMP_NUM_THREADS=1 "$python" -m pytest "${own[@]}"
ours=$?
wait "$computing"
computed=$?
cat "$log"
well() { (($1 == 0 || $1 == nothing_to_test)); }
((others == 0)) && well "$ours" && well "$computed"

#!/usr/bin/env bash
# `make bench`: decisions in this process, then whole gangs through a real API server. JSON lines on stdout.
# Times are of this machine at this moment: compare runs of one machine, and only quiet ones.
set -euo pipefail
BIN=${BIN:-.venv/bin}
NODES=${NODES:-1000}

echo "==> decisions of the core" >&2
"$BIN/crosstree" bench placement -o json

gangs=$((NODES / 16))  # as many as fit at once, one to a leaf
gangs=$((gangs > 60 ? 60 : gangs))

echo "==> gangs on a local control plane with $NODES simulated nodes" >&2
name=bench-$$
trap '"$BIN/python" -m localcluster down --name "$name" >&2 || true' EXIT
KUBECONFIG=$("$BIN/python" -m localcluster up --name "$name" --nodes "$NODES" \
  --fleet h100-uniform --feature in-tree-gang | tail -n 1)
export KUBECONFIG
"$BIN/crosstree" bench cluster --operator --compare in-tree -o json \
  --gangs "$gangs" --workers 16 --per-worker 8 --level leaf

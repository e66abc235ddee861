#!/usr/bin/env bash
# `make bench`: every figure of the suite that one machine can take. JSON lines on stdout; at the end, on stderr, a
# table of the figures that have a bar. FIGURES=file keeps the lines there, too. About ten minutes.
# Times are of this machine at this moment: compare runs of one machine, and only quiet ones.
set -uo pipefail
BIN=${BIN:-.venv/bin}
NODES=${NODES:-1000}
OTHERS=${OTHERS:-10000}  # pods of others on the real API server of S14
FIGURES=${FIGURES:-$(mktemp)}
: > "$FIGURES"

missed=0
figures() {  # run a bench; one that fails is told and does not keep the others from running
  "$@" -o json | tee -a "$FIGURES" || { echo "bench: failed: $*" >&2; missed=1; }
}

cluster=
up() {  # start a control plane of its own for the benches that follow
  down
  cluster=bench-$$
  KUBECONFIG=$("$BIN/python" -m localcluster up --name "$cluster" --nodes "$NODES" --fleet h100-uniform "$@" |
    tail -n 1) || return
  export KUBECONFIG
}
down() {
  [ -z "$cluster" ] || "$BIN/python" -m localcluster down --name "$cluster" >&2 || true
  cluster=
}
trap down EXIT

echo "==> decisions of the core" >&2
figures "$BIN/crosstree" bench placement
figures "$BIN/python" -m bench gap

gangs=$((NODES / 16))  # as many as fit at once, one to a leaf
gangs=$((gangs > 60 ? 60 : gangs))

echo "==> gangs on a local control plane with $NODES simulated nodes" >&2
if up --feature in-tree-gang; then
  figures "$BIN/crosstree" bench cluster --operator --compare in-tree \
    --gangs "$gangs" --workers 16 --per-worker 8 --level leaf \
    --case gangs --case single-gang-512 --case singles-200
  echo "==> a gang of 128 broken in five ways" >&2
  figures "$BIN/python" -m bench recovery
  echo "==> a leader killed, and one told to stop" >&2
  figures "$BIN/python" -m bench handover
else
  missed=1
fi

echo "==> an operator with nothing to do, and one that comes back to $OTHERS pods of others" >&2
# Batches of the audit log are written every 30 s by default, long after what they tell of.
if up --audit --arg kube-apiserver=--audit-log-batch-max-wait=1s; then
  log=$(dirname "$KUBECONFIG")/audit.log
  figures "$BIN/python" -m bench standing --gangs "$gangs" --others "$OTHERS" --audit-log "$log"
else
  missed=1
fi

# More gangs than half the nodes have room for two of, or than fill them all, would wait instead of run.
echo "==> an operator that comes back to 1,000 gangs, and 2,000 jobs that wait in 50 queues" >&2
if up --audit --arg kube-apiserver=--audit-log-batch-max-wait=1s; then
  log=$(dirname "$KUBECONFIG")/audit.log
  figures "$BIN/python" -m bench restart --gangs "$NODES" --audit-log "$log"
  figures "$BIN/python" -m bench queues --gangs $((NODES / 4)) --audit-log "$log"
else
  missed=1
fi
down

echo "==> a start on recorded lists of 12,500 nodes and 100,000 pods" >&2
figures "$BIN/python" -m bench start

echo "==> replays of recorded traces; with FULL=1 all of Philly, every load and hint, and a week: hours" >&2
if [ -n "${FULL:-}" ]; then
  figures "$BIN/python" -m bench simulate
else
  figures "$BIN/python" -m bench simulate --trace helios --load 0.9 --hints exact --jobs 10000 --days 1
fi

echo "==> a million operations at random against what must never happen; an hour" >&2
figures "$BIN/python" -m bench invariants --operations "${OPERATIONS:-1000000}"

"$BIN/python" -m bench verdict "$FIGURES" >&2
exit "$missed"

#!/usr/bin/env bash
# Runs every example offline and checks what it prints. Uses the binary in $AUTOOS, or builds one.
set -euo pipefail
cd "$(dirname "$0")/.."
export AUTOOS_OFFLINE=1
if [ -z "${AUTOOS:-}" ]; then
    cargo build --release --locked
    AUTOOS=${CARGO_TARGET_DIR:-target}/release/autoos
fi
AUTOOS_DATA_DIR=$(mktemp -d)
export AUTOOS_DATA_DIR
work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null || true; rm -rf "$AUTOOS_DATA_DIR" "$work"' EXIT

# expect TEXT COMMAND…: the command succeeds and prints TEXT.
expect() {
    local wanted=$1 out
    shift
    out=$("$@") || { echo "failed: $*"; echo "$out"; exit 1; }
    grep -qF -- "$wanted" <<<"$out" || { echo "no \"$wanted\" from: $*"; echo "$out"; exit 1; }
    echo "ok: $(basename "$1") ${*:2:3}"
}

data=examples/data
expect "confidence  " "$AUTOOS" run "Analyze the system logs and identify errors" --context log=@$data/system.log
expect "audit       autoos audit show" "$AUTOOS" run "Find the errors in both logs and say which had more" \
    --context system=@$data/system.log --context gateway=@$data/gateway.log
expect "workflow    wf-" "$AUTOOS" run "How many rows are in sales.csv?" --context sales=@$data/sales.csv
expect "nothing was spent" "$AUTOOS" plan "Analyze the log" --context log=@$data/system.log
for plan in examples/plans/*.toml; do
    expect "workflow    wf-" "$AUTOOS" apply "$plan" --context log=@$data/system.log --context sales=@$data/sales.csv
done
expect "completed" "$AUTOOS" workflow list
expect "logs.analyze" "$AUTOOS" tool list

# The Rust programs, against a node of their own.
cargo build --locked --quiet -p autoos-examples --bins
bin=${CARGO_TARGET_DIR:-target}/debug
mkfifo "$work/said"
"$AUTOOS" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/said" &
node=$!
exec 3<"$work/said"
read -r first <&3
cat <&3 >/dev/null &
url=$(grep -o 'http://127\.0\.0\.1:[0-9]*' <<<"$first")
expect "2 distinct kinds" "$bin/submit_and_watch" "$url"
expect "17" "$bin/plan_by_hand" "$url"
expect "disk full" "$bin/rest_client" "$url"
expect '70.7' "$bin/own_tool"
expect "3 of 3 ended" "$AUTOOS" --data-dir "$work/data" top --count 1

# Three scripted vendors, of which one is wrong, and a mail server.
expect "what the mail server got: 2 mails" env AUTOOS="$AUTOOS" bash examples/weekly_report/run.sh

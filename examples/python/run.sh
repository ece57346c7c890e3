#!/usr/bin/env bash
# Runs the Python client against a node of its own. Uses the binary in $AUTOOS, or builds one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export AUTOOS_OFFLINE=1
if [ -z "${AUTOOS:-}" ]; then
    cargo build --release --locked
    AUTOOS=${CARGO_TARGET_DIR:-target}/release/autoos
fi
work=$(mktemp -d)
node=
trap '[ -z "$node" ] || kill "$node" 2>/dev/null || true; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r examples/python/requirements.txt

mkfifo "$work/said"
"$AUTOOS" serve --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/said" &
node=$!
exec 3<"$work/said"
read -r first <&3
cat <&3 >/dev/null &
address=$(grep -o '127\.0\.0\.1:[0-9]*' <<<"$first")

"$work/venv/bin/python" examples/python/client.py "$address" >"$work/out"
grep -q completed "$work/out" || { cat "$work/out"; exit 1; }
echo "ok: examples/python/client.py against $address"

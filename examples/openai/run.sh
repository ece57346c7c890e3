#!/usr/bin/env bash
# OpenAI's own libraries for Python and Node.js against a node, over vendors that answer by rule.
# Uses the binary in $AUTOOS, or builds one.
set -euo pipefail
cd "$(dirname "$0")/../.."
export AUTOOS_OFFLINE=1 UPSTREAM_KEY=upstream-key
if [ -z "${AUTOOS:-}" ]; then
    cargo build --release --locked
    AUTOOS=${CARGO_TARGET_DIR:-target}/release/autoos
fi
here=examples/openai
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -r $here/requirements.txt

# Starts something and gives its first line as $said.
begin() {
    mkfifo "$work/said"
    "$@" >"$work/said" &
    pids+=($!)
    exec 3<"$work/said"
    read -r said <&3
    cat <&3 >/dev/null &
    exec 3<&-
    rm "$work/said"
}

begin python3 $here/upstream.py
vendor=$said
begin python3 $here/upstream.py --fail
sed "s/PORT/$vendor/; s/BROKEN/$said/" $here/autoos.toml >"$work/autoos.toml"
key=$("$AUTOOS" key create check --data-dir "$work/data" --output json | python3 -c \
    'import json, sys; print(json.load(sys.stdin)["secret"])')
begin "$AUTOOS" serve --listen 127.0.0.1:0 --data-dir "$work/data" --config "$work/autoos.toml"
node=$(grep -o '127\.0\.0\.1:[0-9]*' <<<"$said")

"$work/venv/bin/python" $here/check.py "$node" "$key" "$vendor"

cp $here/package.json $here/package-lock.json $here/check.mjs "$work/"
(cd "$work" && npm ci --silent --no-audit --no-fund && node check.mjs "$node" "$key")

# Read whole before they are searched: whoever prints must not meet a closed pipe.
calls=$("$AUTOOS" call list --data-dir "$work/data" --limit 50)
grep -q answered <<<"$calls"
bill=$("$AUTOOS" cost --data-dir "$work/data")
grep -q good/small <<<"$bill"

#!/usr/bin/env bash
# Sends the weekly report twice, offline: the first time a wrong draft is found and replaced, the
# second time drafts are verified more strictly from the start. Uses the binary in $AUTOOS, or builds
# one.
set -euo pipefail
[ -z "${AUTOOS:-}" ] || AUTOOS=$(realpath "$AUTOOS")
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
export AUTOOS_OFFLINE=1
if [ -z "${AUTOOS:-}" ]; then
    cargo build --locked --manifest-path "$root/Cargo.toml" -p autoos
    AUTOOS=$target/debug/autoos
fi
cargo build --locked --quiet --manifest-path "$root/Cargo.toml" -p autoos-examples --bin mailbox

work=$(mktemp -d)
mailbox=
trap '[ -z "$mailbox" ] || { kill "$mailbox" && wait "$mailbox"; } 2>/dev/null || true; rm -rf "$work"' EXIT
mkfifo "$work/said" "$work/held"
"$target/debug/mailbox" <"$work/held" >"$work/said" &
mailbox=$!
exec 3<>"$work/held" 4<"$work/said"
read -r _ port <&4
cat <&4 >"$work/mails" &

sed "s/^port = .*/port = $port/" autoos.toml >"$work/autoos.toml"
autoos() {
    "$AUTOOS" --config "$work/autoos.toml" --data-dir "$work/data" "$@"
}
for report in first second; do
    echo "--- the $report report"
    autoos run "Send weekly sales report email" --context sales=@sales.csv --risk high | tee "$work/$report"
done
echo "--- what was learned"
autoos lesson list
echo "--- why the second came out as it did"
autoos why "$(grep -o 'wf-[0-9a-f-]*' "$work/second" | head -1)"
echo "--- what the mail server got: $(grep -c '^mail ' "$work/mails") mails"
cat "$work/mails"

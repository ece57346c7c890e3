#!/usr/bin/env bash
# Draws examples/heal.svg, which the README shows: the scene of `autoos demo heal` in which a step
# fails for good and the plan is made anew around it. `make picture` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
AUTOOS=${AUTOOS:-${CARGO_TARGET_DIR:-target}/release/autoos}
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
export AUTOOS_OFFLINE=1
# A folder that is not there yet is made by the demo.
"$AUTOOS" demo heal --keep "$kept/demo" >"$kept/said"
export AUTOOS_DATA_DIR="$kept/demo/data"
for id in $(grep -o 'wf-[0-9a-f-]*' "$kept/said" | awk '!seen[$0]++'); do
    "$AUTOOS" workflow show "$id" --svg "$kept/picture.svg" >/dev/null
    if grep -q 'new plan after' "$kept/picture.svg"; then
        cp "$kept/picture.svg" examples/heal.svg
        echo "examples/heal.svg shows $id"
        exit 0
    fi
done
echo "no workflow of the demo was planned anew" >&2
exit 1

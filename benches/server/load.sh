#!/usr/bin/env bash
# The server's rate under wrk over loopback beside the raw rate of `cliplet bench`, in turn, on one
# machine. Prints a Markdown table.
#   load.sh CLIPLET PICTURE [MODEL]      SECONDS_EACH=20 ROUNDS=3 CLIENTS="8 32 64"
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cliplet=$1 picture=$2
[ -z "${3:-}" ] || export CLIPLET_MODEL=$3
command -v wrk >/dev/null || { echo "load.sh: wrk is missing (apt-get install wrk)" >&2; exit 1; }
work=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -r "$work"' EXIT

printf '{"input_data": {"columns": ["image", "text"], "data": [["%s", "cat, dog, car, tree, red circle"]]}}' \
  "$(base64 -w0 "$picture")" >"$work/body.json"
RUST_LOG=warn "$cliplet" serve --port 0 >"$work/address" &
server=$!
until grep -q http "$work/address"; do sleep 0.2; done
url=$(sed -n 's/.*\(http.*\)/\1score/p' "$work/address")

median() { sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
raw() { "$cliplet" bench --batch 32 --repeat 5 --format csv | awk -F, '$1 == "image" { print $5 }'; }

echo "| clients | pictures a second | of the raw rate | p50 | p90 | p99 |"
echo "|---|---|---|---|---|---|"
for clients in ${CLIENTS:-8 32 64}; do
  : >"$work/rates"; : >"$work/raw"
  for _ in $(seq "${ROUNDS:-3}"); do
    raw >>"$work/raw"
    BODY="$work/body.json" wrk -t 1 -c "$clients" -d "${SECONDS_EACH:-20}" --timeout 60 --latency -s "$here/post.lua" "$url" >"$work/wrk"
    ! grep -E 'Non-2xx|Socket errors' "$work/wrk" >&2 || exit 1
    awk '/Requests\/sec/ { print $2 }' "$work/wrk" >>"$work/rates"
  done
  raw >>"$work/raw"
  awk -v clients="$clients" -v rate="$(median <"$work/rates")" -v raw="$(median <"$work/raw")" '
    $1 == "50%" { p50 = $2 } $1 == "90%" { p90 = $2 } $1 == "99%" { p99 = $2 }
    END { printf "| %d | %.1f | %.0f %% of %.1f | %s | %s | %s |\n", clients, rate, 100 * rate / raw, raw, p50, p90, p99 }' "$work/wrk"
done

#!/usr/bin/env bash
# The server's rate under wrk over loopback beside the raw rate of `cliplet bench`, in turn, on one
# machine. Prints a Markdown table; how it is getting on goes to standard error.
#   load.sh CLIPLET PICTURE [MODEL]      SECONDS_EACH=20 ROUNDS=3 CLIENTS="8 32 64"
# With the defaults it takes six minutes, the first row two.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cliplet=$1 picture=$2
[ -z "${3:-}" ] || export CLIPLET_MODEL=$3
say() { echo "load.sh: $*" >&2; }
command -v wrk >/dev/null || { say "wrk is missing (apt-get install wrk)"; exit 1; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -r "$work"' EXIT

printf '{"input_data": {"columns": ["image", "text"], "data": [["%s", "cat, dog, car, tree, red circle"]]}}' \
  "$(base64 -w0 "$picture")" >"$work/body.json"
: >"$work/address"
RUST_LOG=warn "$cliplet" serve --port 0 >"$work/address" &
server=$!
until grep -q http "$work/address"; do
  kill -0 "$server" 2>/dev/null || { say "the server did not start"; exit 1; }
  sleep 0.2
done
url=$(sed -n 's/.*\(http.*\)/\1score/p' "$work/address")
say "$(nproc) processors; a request has $(wc -c <"$work/body.json") bytes"

raw() { "$cliplet" bench --batch 32 --repeat 5 --format csv | awk -F, '$1 == "image" { print $5 }'; }
# column N: the median of a column of the rounds.
column() { awk -v n="$1" '{ print $n }' "$work/rounds" | sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

echo "| clients | pictures a second | raw | of the raw rate | p50 | p90 | p99 |"
echo "|---|---|---|---|---|---|---|"
before=$(raw)
for clients in ${CLIENTS:-8 32 64}; do
  : >"$work/rounds"
  for round in $(seq "${ROUNDS:-3}"); do
    BODY="$work/body.json" wrk -t 1 -c "$clients" -d "${SECONDS_EACH:-20}" --timeout 60 --latency -s "$here/post.lua" "$url" >"$work/wrk"
    ! grep -E 'Non-2xx|Socket errors' "$work/wrk" >&2 || exit 1
    after=$(raw)
    # A round is held against the raw rates on both its sides: a machine's speed drifts.
    awk -v before="$before" -v after="$after" '
      function ms(time) { return time ~ /us$/ ? time / 1000 : time ~ /ms$/ ? time + 0 : time * 1000 }
      /Requests\/sec/ { rate = $2 } $1 == "50%" { p50 = ms($2) } $1 == "90%" { p90 = ms($2) } $1 == "99%" { p99 = ms($2) }
      END { raw = (before + after) / 2; print rate, raw, 100 * rate / raw, p50, p90, p99 }' "$work/wrk" >>"$work/rounds"
    say "$clients clients, round $round: $(tail -n 1 "$work/rounds" | awk '{ printf "%.1f a second of %.1f", $1, $2 }')"
    before=$after
  done
  printf '| %d | %.1f | %.1f | %.0f %% | %.0f ms | %.0f ms | %.0f ms |\n' "$clients" $(for n in 1 2 3 4 5 6; do column "$n"; done)
done

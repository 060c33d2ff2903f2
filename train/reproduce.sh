#!/bin/sh
# Trains, exports and measures the small model.  usage: reproduce.sh DATA WORK [HOURS]
# DATA holds the photo zips and the class names; WORK gets caches, checkpoints and the snapshot.
# Run again with more HOURS to go on from where an earlier run was.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
data=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
hours=${3:-3}
cd "$(dirname "$0")"
python=${PYTHON:-python3}
[ -f "$work/teacher.done" ] || { "$python" teacher.py --data "$data" --work "$work" && touch "$work/teacher.done"; }
"$python" train.py --data "$data" --work "$work" --hours "$hours"
"$python" export.py "$work/final.pt" "$work/tokenizer.json" "$work/snapshot"
"$python" evaluate.py "$work/snapshot" --data "$data" --sets "$work/eval"

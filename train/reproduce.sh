#!/bin/sh
# Makes the included model.  usage: reproduce.sh DATA WORK
# DATA holds the photo zips and class names; WORK gets caches, checkpoints, evaluation sets and the snapshot.
# Files of an earlier run in WORK are used again. QUICK=1 tries every step out with a few images, to no good model.
set -eu
if [ $# -ne 2 ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
data=$(cd "$1" && pwd)
mkdir -p "$2"
work=$(cd "$2" && pwd)
cd "$(dirname "$0")"
python=${PYTHON:-python3}
few_images='' few_batches='' few_rounds=''
if [ -n "${QUICK:-}" ]; then
    few_images='--share 0.02' few_batches='--steps 10' few_rounds='--steps 50 --rounds 1'
fi
npm install --silent --ignore-scripts --prefix "$work" @fontsource/noto-emoji@5.3.2 @iconify-json/openmoji@1.2.29 \
    @iconify-json/fluent-emoji-high-contrast@1.2.6 @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/twemoji@1.2.5
"$python" targets.py --work "$work"
"$python" features.py --data "$data" --work "$work" --npm "$work/node_modules" $few_images
[ -f "$work/text.pt" ] || "$python" distill.py --work "$work" $few_batches
[ -f "$work/backbone.pt" ] || "$python" rounding.py --data "$data" --work "$work"
[ -f "$work/head.pt" ] || "$python" fit.py --work "$work" $few_rounds
"$python" evaluate.py "$work/cliplet-everyday" --data "$data" --sets "$work/sets"

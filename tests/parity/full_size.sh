#!/usr/bin/env bash
# Full-size checkpoints with random weights against transformers' figures for them: relative errors of
# float32 embeddings and logits, and size and cosines of every quantization.
#   tests/parity/full_size.sh [SEED...]
# MAKER is a make_checkpoint.py that writes a snapshot with reference.safetensors beside it, PYTHON one
# with torch and transformers. Takes 1.2 GB of /tmp a seed while it runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
maker=${MAKER:-../shared/clip-vit-base-patch32/make_checkpoint.py}
[ -f "$maker" ] || { echo "there is no $maker: name one by MAKER" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for seed in "${@:-1}"; do
  for patch in 32 16; do
    snapshot="$folder/vit-b$patch-seed$seed"
    "${PYTHON:-python3}" "$maker" "$snapshot" --seed "$seed" --patch "$patch" >/dev/null
    CLIPLET_SNAPSHOT="$snapshot" cargo test --quiet --test parity --test quantized -- --nocapture environment |
      grep -E 'differs|bytes|FAILED|panicked'
    rm -rf "$snapshot"
  done
done

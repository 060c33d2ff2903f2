# shellcheck shell=bash
# Measures cliplet beside its peers. Sourced by build.sh.

# bench_python: prints a Python that has what benches/web/peer.py imports.
bench_python() {
  [ -z "${PYTHON:-}" ] || { echo "$PYTHON"; return; }
  echo "$(python_env bench "PyTorch, ONNX and LiteRT make the peer's model files" torch transformers safetensors onnx onnxruntime sympy litert-torch faster-clip)/bin/python"
}

bench() {
  local maker=../shared/clip-vit-base-patch32/make_checkpoint.py work="$TARGET/bench" python results
  python=$(bench_python)
  local snapshot=${SNAPSHOT:-$work/snapshot}
  if [ -z "${SNAPSHOT:-}" ] && [ ! -f "$snapshot/model.safetensors" ]; then
    [ -f "$maker" ] || die "SNAPSHOT must name a directory with a ViT-B/32 as Hugging Face publishes it"
    say "Making a checkpoint with random weights"
    "$python" "$maker" "$snapshot" --seed 11
  fi
  say "Making the peer's model files"
  [ -f "$work/peer/vision.onnx" ] || "$python" -W ignore benches/web/peer.py "$snapshot" "$work/peer"
  [ -f "$work/peer/text.tflite" ] || "$python" -W ignore benches/web/litert.py "$snapshot" "$work/peer"
  cargo run --release -- convert "$snapshot" -o "$work/model.gguf" --quant q8
  (cd benches/web && { [ -d node_modules/@litertjs ] || npm ci --silent --ignore-scripts; })
  results=$(node benches/web/bench.mjs dist "$work/model.gguf" "$work/peer" benches/results | tee /dev/stderr | tail -1)
  "$python" -W ignore benches/native/bench.py "$TARGET/release/cliplet" "$snapshot" "$work/native" "$results"
}

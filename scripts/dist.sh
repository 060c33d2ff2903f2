# shellcheck shell=bash
# Builds the WebAssembly modules and the page into dist/. Sourced by build.sh.

# wasm_env THREADS: sets what cargo needs for a wasm build with or without threads.
wasm_env() {
  local flags=(--cfg 'getrandom_backend="wasm_js"' ${WASM_LINKER[@]+"${WASM_LINKER[@]}"})
  if [ "$1" = threads ]; then
    flags+=(-C target-feature=+simd128,+atomics,+bulk-memory,+mutable-globals
      -C link-arg=--shared-memory -C link-arg=--max-memory=4294967296 -C link-arg=--import-memory
      -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size
      -C link-arg=--export=__tls_align -C link-arg=--export=__tls_base)
    export CARGO_TARGET_DIR="$TARGET/wasm-threads"
  else
    flags+=(-C target-feature=+simd128)
    export CARGO_TARGET_DIR="$TARGET/wasm"
  fi
  # -Z build-std wants RUSTC_BOOTSTRAP on a stable compiler; nothing else unstable is used.
  export RUSTC_BOOTSTRAP=1 RUSTFLAGS="${flags[*]}"
}

# build_variant NAME THREADS FEATURES: one wasm module and its JavaScript into dist/cliplet/wasm/NAME.
# The kernels' loads stay where the source has them: LLVM would hoist them all and spill the sums.
build_variant() (
  wasm_env "$2"
  say "Building the $1 variant"
  cargo rustc --profile wasm --package cliplet-wasm --lib --crate-type cdylib --target "$WASM" --features "$3" "${BUILD_STD[@]}" -- -C llvm-args=-pre-RA-sched=source
  wasm-bindgen --target web --no-typescript --remove-name-section --out-name cliplet --out-dir "dist/cliplet/wasm/$1" "$CARGO_TARGET_DIR/$WASM/wasm/cliplet_wasm.wasm"
  # Threads start by our own script, which needs no blob: worker and survives bundlers.
  find "dist/cliplet/wasm/$1" -name 'workerHelpers.no-bundler.js' | while read -r starter; do
    printf 'import { startPool } from "../../../../../pool.js";\n\nexport const startWorkers = (...given) => startPool("%s", ...given);\n' "$1" >"$starter"
  done
)

# build_module VARIANT: one of the four modules.
build_module() {
  case $1 in
    simd) build_variant simd single "" ;;
    relaxed) build_variant relaxed single relaxed-simd ;;
    simd-threads) build_variant simd-threads threads threads ;;
    relaxed-threads) build_variant relaxed-threads threads threads,relaxed-simd ;;
    *) die "no module '$1'" ;;
  esac
}

# assemble_page: everything of dist/ but the modules, which are there already.
assemble_page() {
  mkdir -p dist/cliplet/models
  cp -R www/. dist/ && rm -rf dist/tools
  cp models/*.gguf dist/cliplet/models/ && cp LICENSE dist/cliplet/
  (cd www/tools && npm install --silent --no-save --no-audit --no-fund)
  node www/tools/bundle.mjs dist
  node www/tools/types.mjs dist
  node www/tools/precache.mjs dist
}

# build_dist [VARIANT...]: dist/ with these modules; with all four where none is named.
build_dist() {
  local variant
  [ $# -gt 0 ] || set -- simd relaxed simd-threads relaxed-threads
  rm -rf dist
  for variant in "$@"; do build_module "$variant"; done
  assemble_page
  say "Built dist/: plain static files for any host"
}

# need_whole_dist: builds dist/ unless it is there with all four modules.
need_whole_dist() {
  local variant
  for variant in simd relaxed simd-threads relaxed-threads; do
    [ -f "dist/cliplet/wasm/$variant/cliplet_bg.wasm" ] || { build_dist; return; }
  done
  [ -f dist/precache.json ] || build_dist
}

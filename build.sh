#!/usr/bin/env bash
# Sets up what is missing, builds the page and serves it; or tests everything.
#   ./build.sh             build dist/ and serve it on loopback
#   ./build.sh dist        only build dist/
#   ./build.sh test        every test: native, wasm in a headless browser, the page end to end
#   ./build.sh test PART   one of: lint, native, wasm, page
#   ./build.sh setup       only install what building and testing need
#   ./build.sh bench       cliplet beside ONNX Runtime Web; SNAPSHOT names a ViT-B/32 to compare on
# PORT=8080 chooses the port. What is installed beside system packages lies in ~/.cache/cliplet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly MIN_RUST=1.89
readonly WASM_BINDGEN=0.2.130 # as pinned in Cargo.toml
readonly WASM_PACK=0.15.1
readonly TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/cliplet"
readonly TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
readonly WASM=wasm32-unknown-unknown
readonly BUILD_STD=(-Z build-std=std,panic_abort)
export PATH="$TOOLS/bin:$PATH"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# ---- what the machine needs ---------------------------------------------------------------------

# apt_need WHY PACKAGE...: installs Debian or Ubuntu packages, saying what and why first.
apt_need() {
  local why=$1; shift
  have apt-get || die "please install $* ($why): this system has no apt-get to do it with"
  say "Installing $* ($why)"
  [ -n "${APT_FRESH:-}" ] || as_root apt-get update -qq
  APT_FRESH=1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
# usable_rust BIN_DIR: a compiler new enough whose sysroot holds the standard library's source.
usable_rust() {
  [ -x "$1/rustc" ] && [ -x "$1/cargo" ] || return 1
  at_least "$("$1/rustc" --version 2>/dev/null | cut -d' ' -f2)" "$MIN_RUST" || return 1
  [ -d "$("$1/rustc" --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

setup_rust() {
  local dir how=""
  for dir in "$(dirname "$(command -v rustc 2>/dev/null || echo /none/rustc)")" "$HOME/.cargo/bin" /usr/bin; do
    usable_rust "$dir" && { how="as found in $dir"; break; }
  done
  if [ -z "$how" ] && have rustup; then
    say "Adding rust-src by rustup (the wasm variants build their own standard library)"
    if timeout 120 rustup component add rust-src >/dev/null 2>&1; then
      dir=$(dirname "$(command -v rustc)"); usable_rust "$dir" && how="by rustup"
    fi
  fi
  if [ -z "$how" ] && have apt-get; then
    as_root apt-get update -qq; APT_FRESH=1
    if at_least "$(apt-cache policy rustc-web 2>/dev/null | awk '/Candidate/{print $2}')" "$MIN_RUST"; then
      apt_need "Rust for WebAssembly, with the standard library's source" rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld
      dir=/usr/bin; how="Debian's rustc-web"
    elif apt-cache policy rustup 2>/dev/null | grep -q 'Candidate: [0-9]'; then
      apt_need "Rust's installer" rustup
      rustup default stable >/dev/null && rustup component add rust-src >/dev/null
      dir=$(dirname "$(command -v rustc)"); how="rustup from the distribution"
    fi
    usable_rust "$dir" || how=""
  fi
  [ -n "$how" ] || die "no Rust $MIN_RUST or newer with rust-src could be set up: install rustup (https://rustup.rs) and run again"
  export PATH="$dir:$PATH"
  say "Rust $(rustc --version | cut -d' ' -f2), $how"
  have cc || apt_need "a linker and C headers for Rust" gcc libc6-dev
  if have rust-lld || [ -x "$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld" ]; then
    WASM_LINKER=()
  else
    have wasm-ld || apt_need "the WebAssembly linker" lld
    WASM_LINKER=(-C linker=wasm-ld)
  fi
}

# cargo_tool COMMAND CRATE VERSION: a cargo-installed tool of exactly that version.
cargo_tool() {
  "$1" --version 2>/dev/null | grep -qF " $3" && return
  say "Building $2 $3 (kept in $TOOLS)"
  CARGO_TARGET_DIR="$TARGET/tools" cargo install --quiet "$2" --version "$3" --root "$TOOLS"
}

setup_node() {
  have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] ||
    apt_need "Node.js serves the page and drives its tests" nodejs npm
}

setup_build() { setup_rust; setup_node; cargo_tool wasm-bindgen wasm-bindgen-cli "$WASM_BINDGEN"; }

setup_test() {
  setup_build
  cargo_tool wasm-pack wasm-pack "$WASM_PACK"
  have chromium && have chromedriver || apt_need "a browser to test in" chromium chromium-driver
  fc-list 2>/dev/null | grep -q 'Noto Color Emoji' || apt_need "emoji for the page's tests" fontconfig fonts-noto-color-emoji
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    { have rustup && rustup component add rustfmt clippy; } || apt_need "Rust's linters" rust-web-clippy rustfmt-web
  # wasm-pack looks for the target's folder before it builds; the library itself comes from -Z build-std.
  local lib; lib="$(rustc --print sysroot)/lib/rustlib/$WASM/lib"
  [ -d "$lib" ] || mkdir -p "$lib" 2>/dev/null || as_root mkdir -p "$lib"
}

# ---- building -----------------------------------------------------------------------------------

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
build_variant() (
  wasm_env "$2"
  say "Building the $1 variant"
  cargo rustc --release --lib --crate-type cdylib --target "$WASM" --features "$3" "${BUILD_STD[@]}"
  local wasm="$CARGO_TARGET_DIR/$WASM/release/cliplet.wasm" kept="$CARGO_TARGET_DIR/$1.wasm"
  if ! cmp -s "$wasm" "$kept" || [ ! -f "dist/cliplet/wasm/$1/cliplet_bg.wasm" ]; then
    wasm-bindgen --target web --no-typescript --remove-name-section --out-name cliplet --out-dir "dist/cliplet/wasm/$1" "$wasm"
    # wasm-bindgen-rayon starts its workers by a form of the call that wasm-bindgen warns of.
    find "dist/cliplet/wasm/$1" -name 'workerHelpers.no-bundler.js' -exec \
      sed -i 's/pkg\.default(data\.module, data\.memory)/pkg.default({ module_or_path: data.module, memory: data.memory })/' {} +
    cp "$wasm" "$kept"
  fi
)

build_dist() {
  mkdir -p dist/cliplet/models
  build_variant simd single ""
  build_variant relaxed single relaxed-simd
  build_variant simd-threads threads threads
  build_variant relaxed-threads threads threads,relaxed-simd
  cp -R www/. dist/ && rm -rf dist/tools
  cp models/*.gguf dist/cliplet/models/
  node www/tools/precache.mjs dist
  say "Built dist/: plain static files for any host"
}

# ---- testing ------------------------------------------------------------------------------------

test_lint() {
  cargo fmt --check
  cargo clippy --all-targets --quiet -- -D warnings
}

test_native() { cargo test --quiet; }

test_wasm() {
  local features
  for features in "" relaxed-simd; do
    say "wasm tests in headless Chromium (features: ${features:-none})"
    (
      wasm_env single
      # A folder of its own: two builds of the standard library in one do not get along.
      export CARGO_TARGET_DIR="$TARGET/wasm-test"
      wasm-pack test --headless --chrome --chromedriver "$(command -v chromedriver)" --release --mode no-install \
        -- "${BUILD_STD[@]}" --features "$features" --test kernels --test wasm_golden --test web --config 'profile.release.lto="off"' --config 'profile.release.codegen-units=16'
    )
  done
}

test_page() {
  build_dist
  (cd tests/e2e && { [ -d node_modules ] || npm ci --silent; } && npm test)
}

# ---- measuring ----------------------------------------------------------------------------------

# bench_python: prints a Python that has what benches/web/peer.py imports.
bench_python() {
  [ -z "${PYTHON:-}" ] || { echo "$PYTHON"; return; }
  local venv="$TOOLS/bench-venv"
  if [ ! -f "$venv/ready" ]; then
    say "Installing PyTorch and ONNX into $venv (they make the peer's model files)"
    python3 -m venv "$venv" 2>/dev/null || { apt_need "the peer's model files" python3-venv; python3 -m venv "$venv"; }
    "$venv/bin/pip" install --quiet torch transformers safetensors onnx onnxruntime sympy && touch "$venv/ready"
  fi
  echo "$venv/bin/python"
}

bench() {
  local maker=../shared/clip-vit-base-patch32/make_checkpoint.py work="$TARGET/bench" python
  python=$(bench_python)
  local snapshot=${SNAPSHOT:-$work/snapshot}
  if [ -z "${SNAPSHOT:-}" ] && [ ! -f "$snapshot/model.safetensors" ]; then
    [ -f "$maker" ] || die "SNAPSHOT must name a directory with a ViT-B/32 as Hugging Face publishes it"
    say "Making a checkpoint with random weights"
    "$python" "$maker" "$snapshot" --seed 11
  fi
  say "Making the peer's model files"
  [ -f "$work/peer/vision.onnx" ] || "$python" -W ignore benches/web/peer.py "$snapshot" "$work/peer"
  cargo run --release -- convert "$snapshot" -o "$work/model.gguf" --quant q8
  (cd benches/web && { [ -d node_modules ] || npm ci --silent --ignore-scripts; } &&
    node bench.mjs ../../dist "$work/model.gguf" "$work/peer" ../RESULTS.md)
}

# ---- commands -----------------------------------------------------------------------------------

case "${1:-serve}" in
  serve) setup_build; build_dist; exec node www/tools/serve.mjs dist "${PORT:-8080}" ;;
  dist) setup_build; build_dist ;;
  setup) setup_test ;;
  bench) setup_test; build_dist; bench ;;
  test)
    setup_test
    for part in ${2:-lint native wasm page}; do
      declare -F "test_$part" >/dev/null || die "no test part '$part': lint, native, wasm or page"
      say "== $part"; SECONDS=0; "test_$part"; say "== $part passed in ${SECONDS} s"
    done ;;
  -h | --help | help) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
  *) die "unknown command '$1': see ./build.sh --help" ;;
esac

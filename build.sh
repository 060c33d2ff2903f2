#!/usr/bin/env bash
# Sets up what is missing, builds the page and serves it; or tests everything.
#   ./build.sh             build dist/ and serve it on loopback
#   ./build.sh dist        only build dist/
#   ./build.sh test        every test: native, wasm in a headless browser, the page end to end
#   ./build.sh test PART   one of: lint, native, wasm, page, engines
#   ./build.sh setup       only install what building and testing need
#   ./build.sh check-deploy the Spark example on a cluster of processes, the Kubernetes manifests by schema
#   ./build.sh check-cuda  compile the CUDA build without a CUDA install, and start it; test it where there is a GPU
#                          (the first time a 1.2 GB download and fifteen minutes of processor time)
#   ./build.sh check-cuda flash-attn  the same with fused attention: an hour of processor time
#   ./build.sh check-api   schemathesis, and Triton's and OpenAI's clients, against the server
#   ./build.sh check-processors  the kernels' tests on emulated processors: 64-bit Arm and x86-64, new and old
#   ./build.sh bench       cliplet beside ONNX Runtime and PyTorch; SNAPSHOT names a ViT-B/32 to compare on
# PORT=8080 chooses the port. What is installed beside system packages lies in ~/.cache/cliplet.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly MIN_RUST=1.89
readonly WASM_BINDGEN=0.2.130 # as pinned in Cargo.toml
readonly WASM_PACK=0.15.1
readonly GECKODRIVER=0.37.1
readonly TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/cliplet"
readonly TARGET="${CARGO_TARGET_DIR:-$PWD/target}"
readonly WASM=wasm32-unknown-unknown
readonly BUILD_STD=(-Z build-std=std,panic_abort)
export PATH="$TOOLS/bin:$PATH"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# prints PATTERN COMMAND...: whether a command prints what fits. (Piped into grep -q it would be ended early, which
# pipefail takes for its failure.)
prints() { local said; said=$("${@:2}" 2>/dev/null) || true; grep -q -- "$1" <<<"$said"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# ---- what the machine needs ---------------------------------------------------------------------

# apt_fresh: brings the lists of packages up to date, once.
apt_fresh() {
  [ -n "${APT_FRESH:-}" ] || as_root apt-get update -qq
  APT_FRESH=1
}

# packaged NAME: whether the distribution has a package of that name.
packaged() { have apt-get && apt_fresh && prints "Candidate: [0-9]" apt-cache policy "$1"; }

# apt_need WHY PACKAGE...: installs Debian or Ubuntu packages, saying what and why first.
apt_need() {
  local why=$1; shift
  have apt-get || die "please install $* ($why): this system has no apt-get to do it with"
  say "Installing $* ($why)"
  apt_fresh
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
    apt_fresh
    if at_least "$(apt-cache policy rustc-web 2>/dev/null | awk '/Candidate/{print $2}')" "$MIN_RUST"; then
      apt_need "Rust for WebAssembly, with the standard library's source" rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld
      dir=/usr/bin; how="Debian's rustc-web"
    elif packaged rustup; then
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
  prints " ${3//./[.]}" "$1" --version && return
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
  have curl || apt_need "the server's documentation is run as written" curl
  prints "Noto Color Emoji" fc-list || apt_need "emoji for the page's tests" fontconfig fonts-noto-color-emoji
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    { have rustup && rustup component add rustfmt clippy; } || apt_need "Rust's linters" rust-web-clippy rustfmt-web
  # wasm-pack looks for the target's folder before it builds; the library itself comes from -Z build-std.
  local lib; lib="$(rustc --print sysroot)/lib/rustlib/$WASM/lib"
  [ -d "$lib" ] || mkdir -p "$lib" 2>/dev/null || as_root mkdir -p "$lib"
}

# python_env NAME WHY PACKAGE...: prints the folder of a Python environment that holds these packages.
python_env() {
  local venv="$TOOLS/$1-venv" why=$2; shift 2
  if [ ! -f "$venv/ready" ]; then
    say "Installing Python packages into $venv ($why)"
    python3 -m venv "$venv" 2>/dev/null || { apt_need "$why" python3-venv; python3 -m venv "$venv"; }
    "$venv/bin/pip" install --quiet "$@" && touch "$venv/ready"
  fi
  echo "$venv"
}

# setup_engines: the other two engines that the page is tested in; ENGINES names those that are there.
setup_engines() {
  ENGINES=chromium
  if have firefox-esr || packaged firefox-esr; then
    have firefox-esr || apt_need "the page's tests in Firefox" firefox-esr
    cargo_tool geckodriver geckodriver "$GECKODRIVER"
    ENGINES+=,firefox
  else
    say "No firefox-esr package here: the page is not tested in Firefox"
  fi
  if have WebKitWebDriver || packaged webkit2gtk-driver; then
    have WebKitWebDriver && have Xvfb || apt_need "the page's tests in WebKitGTK" webkit2gtk-driver xvfb
    ENGINES+=,webkit
  else
    say "No webkit2gtk-driver package here: the page is not tested in WebKitGTK"
  fi
  export ENGINES
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
# The kernels' loads stay where the source has them: LLVM would hoist them all and spill the sums.
build_variant() (
  wasm_env "$2"
  say "Building the $1 variant"
  cargo rustc --release --package cliplet-wasm --lib --crate-type cdylib --target "$WASM" --features "$3" "${BUILD_STD[@]}" -- -C llvm-args=-pre-RA-sched=source
  wasm-bindgen --target web --no-typescript --remove-name-section --out-name cliplet --out-dir "dist/cliplet/wasm/$1" "$CARGO_TARGET_DIR/$WASM/release/cliplet_wasm.wasm"
  # Threads start by our own script, which needs no blob: worker and survives bundlers.
  find "dist/cliplet/wasm/$1" -name 'workerHelpers.no-bundler.js' | while read -r starter; do
    printf 'import { startPool } from "../../../../../pool.js";\n\nexport const startWorkers = (...given) => startPool("%s", ...given);\n' "$1" >"$starter"
  done
)

build_dist() {
  mkdir -p dist/cliplet/models
  build_variant simd single ""
  build_variant relaxed single relaxed-simd
  build_variant simd-threads threads threads
  build_variant relaxed-threads threads threads,relaxed-simd
  cp -R www/. dist/ && rm -rf dist/tools
  cp models/*.gguf dist/cliplet/models/ && cp LICENSE dist/cliplet/
  (cd www/tools && npm install --silent --no-save --no-audit --no-fund)
  node www/tools/bundle.mjs dist
  node www/tools/types.mjs dist
  node www/tools/precache.mjs dist
  say "Built dist/: plain static files for any host"
}

# ---- testing ------------------------------------------------------------------------------------

test_lint() {
  cargo fmt --check
  cargo clippy --workspace --exclude cliplet-wasm --all-targets --quiet -- -D warnings
}

test_native() { cargo test --quiet; }

# wasm_test FEATURES CRATE TEST: one test file of a crate, in headless Chromium.
wasm_test() (
  wasm_env single
  # A folder of its own: two builds of the standard library in one do not get along.
  export CARGO_TARGET_DIR="$TARGET/wasm-test"
  wasm-pack test --headless --chrome --chromedriver "$(command -v chromedriver)" --release --mode no-install "$2" \
    -- "${BUILD_STD[@]}" --features "$1" --test "$3" --config 'profile.release.lto="off"' --config 'profile.release.codegen-units=16'
)

test_wasm() {
  local features
  for features in "" relaxed-simd; do
    say "wasm tests in headless Chromium (features: ${features:-none})"
    wasm_test "$features" crates/kernels kernels
    wasm_test "$features" crates/kernels convolutions
    wasm_test "$features" crates/wasm web
  done
  wasm_test "" . wasm_golden
}

# e2e_packages: what the page's tests import. Not by npm ci, which wants every system's optional packages in the lock.
e2e_packages() { (cd tests/e2e && npm install --silent --no-save --no-audit --no-fund); }

test_page() {
  build_dist
  e2e_packages
  (cd tests/e2e && npm test)
}

test_engines() {
  setup_engines
  [ -f dist/precache.json ] || build_dist
  e2e_packages
  say "The page's journeys in $ENGINES"
  (cd tests/e2e && npm run --silent engines)
  case $ENGINES in *firefox*)
    say "The page's tests in Firefox"
    (cd tests/e2e && npm run --silent firefox) ;;
  esac
}

check_deploy() {
  local venv test
  have java || apt_need "Spark runs on Java" default-jre-headless
  venv=$(python_env deploy "Spark and the schemas of Kubernetes" 'pyspark==4.3.*' 'pandas<3' pyarrow kubernetes-validate pyyaml)
  # Its schemas alone: what its client needs is not.
  "$venv/bin/pip" install --quiet --no-deps kserve
  cargo build --quiet
  for test in manifests spark; do CLIPLET="$TARGET/debug/cliplet" "$venv/bin/python" "tests/deploy/${test}_test.py"; done
}

check_api() {
  local venv
  venv=$(python_env api "schemathesis and the clients of other servers" 'schemathesis==4.32.*' 'tritonclient[http]' openai)
  cargo build --quiet
  "$venv/bin/python" tests/server/api/check.py "$TARGET/debug/cliplet"
}

# check_on PROCESSOR RUNNER [OPTIONS]: the kernels' tests, run by an emulator.
check_on() {
  say "== $1"
  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=$2 CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=$2 \
    cargo test --quiet "${@:3}" --package cliplet-kernels --package cliplet --lib --test kernels --test convolutions --test parity --test quantized
}

check_processors() (
  [ "$(uname -m)" = x86_64 ] || die "the emulated processors are checked on an x86-64 machine"
  have qemu-aarch64 && have qemu-x86_64 || apt_need "an emulator of processors" qemu-user
  have aarch64-linux-gnu-gcc || apt_need "a linker for 64-bit Arm" gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  check_on "x86-64 with AVX2" "qemu-x86_64 -cpu max"
  check_on "x86-64 without" "qemu-x86_64 -cpu qemu64"
  # The standard library is built along, as for WebAssembly: few machines have it for another processor.
  export RUSTC_BOOTSTRAP=1 CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
  export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
  local cpu
  for cpu in max cortex-a72; do
    check_on "64-bit Arm ($cpu)" "qemu-aarch64 -cpu $cpu -L /usr/aarch64-linux-gnu" \
      --target aarch64-unknown-linux-gnu -Z build-std=std,panic_abort,test
  done
)

# ---- CUDA ---------------------------------------------------------------------------------------

# The 13.0 line: a driver of the 13.0 series refuses what a newer compiler makes.
readonly CUDA_PACKAGES=(nvidia-{cuda-nvcc,nvvm,cuda-crt,cuda-runtime,cuda-cccl,cublas,cuda-nvrtc}'==13.0.*' nvidia-curand)

# cuda_env: sets what cargo needs to build with CUDA, from packages where no toolkit is installed.
cuda_env() {
  local venv cap lib
  venv=$(python_env cuda "the CUDA compiler and its libraries" "${CUDA_PACKAGES[@]}")
  CUDA_HOME=$(echo "$venv"/lib/python3*/site-packages/nvidia/cu13)
  have g++ || apt_need "the CUDA compiler's host compiler" g++
  # The linker asks for names without versions.
  for lib in "$CUDA_HOME"/lib/lib*.so.[0-9]*; do ln -sf "$(basename "$lib")" "${lib%%.so.*}.so"; done
  cap=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d . || true)
  export CUDA_HOME CUDA_PATH=$CUDA_HOME CUDA_ROOT=$CUDA_HOME CUDA_TOOLKIT_ROOT_DIR=$CUDA_HOME
  export CUDA_COMPUTE_CAP=${cap:-90} PATH="$CUDA_HOME/bin:$PATH" CARGO_TARGET_DIR="$TARGET/cuda"
  # candle's kernels compile on half of the cores unless told. Where no GPU will run them, nvcc need not
  # optimise them: each of the ten files of quantized products then takes a fifth of the time.
  export CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-$(nproc)}
  [ -n "$cap" ] || export NVCC_APPEND_FLAGS="${NVCC_APPEND_FLAGS:-} -Ofc=max"
  export RUSTFLAGS="-L native=$CUDA_HOME/lib -L native=$CARGO_TARGET_DIR/stub"
  export LD_LIBRARY_PATH="$CUDA_HOME/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
}

# cuda_stub: a driver to link against and to start with where there is none. It has every function that is
# called, and each says CUDA_ERROR_STUB_LIBRARY.
cuda_stub() {
  local stub="$CARGO_TARGET_DIR/stub"
  mkdir -p "$stub"
  {
    nm -u "$CARGO_TARGET_DIR"/debug/deps/lib{cudarc,candle}*.rlib 2>/dev/null | awk '$2 ~ /^cu[A-Z]/ {print $2}' | sort -u
    nm -D --defined-only "$CUDA_HOME"/lib/lib{cublas,cublasLt,curand,nvrtc,cudart}.so | awk 'NF == 3 {print $3}' | sed 's/@.*//' | sort -u | sed 'p'
  } | sort | uniq -u | sed 's/.*/int &(void) { return 34; }/' >"$stub/cuda.c"
  cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$stub/libcuda.so.1" "$stub/cuda.c"
  ln -sf libcuda.so.1 "$stub/libcuda.so"
}

# The commit of CUTLASS that candle-flash-attn's build looks for, and the version that it is.
readonly CUTLASS_COMMIT=7d49e6c7e2f8896c47f586706e67e1fb215529dc CUTLASS_VERSION=3.5.0

# flash_env: sets what the feature flash-attn needs besides. Its build fetches CUTLASS's headers from GitHub; where
# that is out of reach they come from PyPI, into a folder of our own that passes for the checkout.
flash_env() {
  local name="git/checkouts/cutlass-${CUTLASS_COMMIT:0:16}" source="$TOOLS/cutlass/cutlass_library/source" without
  # Without the kernels for what CLIP's attention has not, in a tenth of the time. Of the others max would make
  # more to assemble than it saves.
  local flags=${NVCC_APPEND_FLAGS:-}
  flags=${flags/-Ofc=max/-Ofc=mid}
  for without in DROPOUT ALIBI SOFTCAP LOCAL; do flags+=" -DFLASHATTENTION_DISABLE_$without"; done
  export NVCC_APPEND_FLAGS=$flags
  [ -d "${CUDAFORGE_HOME:-$HOME/.cudaforge}/$name/include" ] && return
  timeout 30 git ls-remote -q https://github.com/NVIDIA/cutlass.git HEAD >/dev/null 2>&1 && return
  export CUDAFORGE_HOME="$TOOLS/cudaforge"
  [ -d "$CUDAFORGE_HOME/$name" ] && return
  say "GitHub is out of reach: CUTLASS $CUTLASS_VERSION from PyPI"
  "$TOOLS/cuda-venv/bin/pip" install --quiet --no-deps --upgrade --target "$TOOLS/cutlass" "nvidia-cutlass==$CUTLASS_VERSION"
  git init --quiet "$source"
  echo "$CUTLASS_COMMIT" >"$source/.git/HEAD"
  mkdir -p "$CUDAFORGE_HOME/${name%/*}"
  mv "$source" "$CUDAFORGE_HOME/$name"
}

# check_cuda [FEATURE]: cuda or flash-attn.
check_cuda() (
  local feature=${1:-cuda} said
  cuda_env
  [ "$feature" = cuda ] || flash_env
  say "Compiling with the feature $feature (compute capability $CUDA_COMPUTE_CAP)"
  cargo build --lib --features "$feature"
  cuda_stub
  cargo build --features "$feature"
  say "Built $CARGO_TARGET_DIR/debug/cliplet"
  if nvidia-smi -L >/dev/null 2>&1; then
    cargo test --features "$feature" --test devices -- --nocapture
  else
    said=$(LD_LIBRARY_PATH="$LD_LIBRARY_PATH:$CARGO_TARGET_DIR/stub" "$CARGO_TARGET_DIR/debug/cliplet" embed --device cuda --text a 2>&1) &&
      die "it computed on a GPU that is not there"
    say "It starts, and says: $said"
    [[ $said == *"the GPU cannot be used"* ]] || die "that is not what is wrong"
    say "skipped: the numeric suite on a GPU; this machine has none"
  fi
)

# ---- measuring ----------------------------------------------------------------------------------

# bench_python: prints a Python that has what benches/web/peer.py imports.
bench_python() {
  [ -z "${PYTHON:-}" ] || { echo "$PYTHON"; return; }
  echo "$(python_env bench "PyTorch and ONNX make the peer's model files" torch transformers safetensors onnx onnxruntime sympy)/bin/python"
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
  "$python" -W ignore benches/native/bench.py "$TARGET/release/cliplet" "$snapshot" "$work/native" benches/RESULTS.md
}

# ---- commands -----------------------------------------------------------------------------------

case "${1:-serve}" in
  serve) setup_build; build_dist; exec node www/tools/serve.mjs dist "${PORT:-8080}" ;;
  dist) setup_build; build_dist ;;
  setup) setup_test ;;
  check-cuda) setup_rust; check_cuda "${@:2}" ;;
  check-deploy) setup_rust; check_deploy ;;
  check-api) setup_rust; check_api ;;
  check-processors) setup_rust; check_processors ;;
  bench) setup_test; build_dist; bench ;;
  test)
    setup_test
    for part in ${2:-lint native wasm page engines}; do
      declare -F "test_$part" >/dev/null || die "no test part '$part': lint, native, wasm, page or engines"
      say "== $part"; SECONDS=0; "test_$part"; say "== $part passed in ${SECONDS} s"
    done ;;
  -h | --help | help) sed -n '2,15s/^# \{0,1\}//p' "$0" ;;
  *) die "unknown command '$1': see ./build.sh --help" ;;
esac

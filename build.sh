#!/usr/bin/env bash
# Sets up what is missing, builds the page and serves it; or tests everything.
#   ./build.sh             build the page with the modules for browsers with and without relaxed SIMD, and serve it on loopback
#   ./build.sh dist        build dist/ with all four modules, for any host
#   ./build.sh test        every test: native, wasm in a headless browser, the page end to end
#   ./build.sh test PART   one of: lint, native, wasm, page, engines
#   ./build.sh setup       only install what building and testing need
#   ./build.sh check-deploy the Spark example on a cluster of processes, the Kubernetes manifests by schema
#   ./build.sh check-cuda  compile the CUDA build without a CUDA install, and start it; test it where there is a GPU
#                          (the first time a 1.2 GB download and fifteen minutes of processor time)
#   ./build.sh check-cuda flash-attn  the same with fused attention: an hour of processor time
#   ./build.sh check-api   schemathesis, and Triton's and OpenAI's clients, against the server
#   ./build.sh check-attack  attacks a started server and kills batches, with a table of figures
#   ./build.sh fuzz [TARGET] [SECONDS]  fuzzes what reads untrusted bytes, each target for a minute by default
#   ./build.sh soak MINUTES  mixed load on a server: every answer compared, memory flat
#   ./build.sh check-processors  the kernels' tests on emulated processors: 64-bit Arm and x86-64, new and old
#   ./build.sh check-bundlers  the npm package in pages built by Vite, webpack, Rollup, esbuild, Parcel, Next.js and SvelteKit,
#                          and in Node, Deno and Bun
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

# shellcheck source=/dev/null
for part in setup dist test cuda bench; do source "scripts/$part.sh"; done

case "${1:-serve}" in
  serve) setup_build; build_dist simd-threads relaxed-threads; exec node www/tools/serve.mjs dist "${PORT:-8080}" ;;
  dist) setup_build; build_dist ;;
  setup) setup_test ;;
  check-cuda) setup_rust; check_cuda "${@:2}" ;;
  check-deploy) setup_rust; check_deploy ;;
  check-api) setup_rust; check_api ;;
  check-processors) setup_rust; check_processors ;;
  check-attack) setup_rust; cargo build --release --package cliplet-cli; python3 scripts/check-attack.py "$TARGET/release/cliplet" "${@:2}" ;;
  fuzz) setup_rust; scripts/fuzz.sh "${@:2}" ;;
  soak) setup_rust; cargo build --release --package cliplet-cli; python3 scripts/soak.py "$TARGET/release/cliplet" "${2:-10}" ;;
  check-bundlers) setup_test; need_whole_dist; exec scripts/check-bundlers.sh "${@:2}" ;;
  bench) setup_test; build_dist; bench ;;
  test)
    setup_test
    for part in ${2:-lint native wasm page engines}; do
      declare -F "test_$part" >/dev/null || die "no test part '$part': lint, native, wasm, page or engines"
      say "== $part"; SECONDS=0; "test_$part"; say "== $part passed in ${SECONDS} s"
    done ;;
  -h | --help | help) sed -n '2,/^set /s/^# \{0,1\}//p' "$0" ;;
  *) die "unknown command '$1': see ./build.sh --help" ;;
esac

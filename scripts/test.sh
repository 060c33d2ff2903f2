# shellcheck shell=bash
# The parts of `./build.sh test`, and the checks beside them. Sourced by build.sh.

test_lint() {
  cargo fmt --check
  (cd www/tools && npm install --silent --no-save --no-audit --no-fund && npm run --silent lint:js)
  cargo clippy --workspace --exclude cliplet-wasm --all-targets --quiet -- -D warnings
  # The fuzz targets are a workspace of their own. Nothing is linked, so the fuzzer itself need not be compiled.
  cp Cargo.lock fuzz/Cargo.lock
  CUSTOM_LIBFUZZER_PATH=/dev/null cargo clippy --manifest-path fuzz/Cargo.toml --target-dir "$TARGET" --quiet -- -D warnings
  RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --quiet
}

test_native() { cargo test --quiet; }

# wasm_test FEATURES FOLDER TEST: one test file of the package in a folder, in headless Chromium.
wasm_test() (
  wasm_env single
  # A folder of its own: two builds of the standard library in one do not get along.
  export CARGO_TARGET_DIR="$TARGET/wasm-test"
  cd "$2"
  wasm-pack test --headless --chrome --chromedriver "$(command -v chromedriver)" --release --mode no-install \
    -- "${BUILD_STD[@]}" --package "$(cargo pkgid)" --features "$1" --test "$3" --config 'profile.release.lto="off"' --config 'profile.release.codegen-units=16'
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
  need_whole_dist
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

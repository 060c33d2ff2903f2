# shellcheck shell=bash
# Finds or installs what building and testing need: Rust, Node.js, browsers, tools. Sourced by build.sh.

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

#!/usr/bin/env bash
# Fuzzes what reads untrusted bytes: ./build.sh fuzz [TARGET] [SECONDS]. Without a target every one runs in turn, a
# minute each by default. Inputs that fail are written to fuzz/artifacts/TARGET, inputs that reach new code to
# fuzz/corpus/TARGET, where the next run begins with them. `keep` makes that minimal and puts its smallest inputs into
# fuzz/inputs/, which is part of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_FUZZ=0.13.2
readonly TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/cliplet"
export PATH="$TOOLS/bin:$PATH"
# The sanitizers' flags want a compiler that takes unstable ones; a stable one does with RUSTC_BOOTSTRAP.
export RUSTC_BOOTSTRAP=1

cargo fuzz --version 2>/dev/null | grep -q -F "$CARGO_FUZZ" ||
  cargo install --quiet cargo-fuzz --version "$CARGO_FUZZ" --root "$TOOLS"

# The dependencies of the command itself, in the very versions.
cp Cargo.lock fuzz/Cargo.lock

# Leaks of dependencies that are known, and too small to harm.
export LSAN_OPTIONS="suppressions=$PWD/fuzz/leaks.txt:print_suppressions=0"

targets=$(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^cliplet-fuzz$')
# Keeps the smallest inputs of a minimal corpus.
keep() {
  local target
  for target in $targets; do
    [ -d "fuzz/corpus/$target" ] || continue
    cargo fuzz cmin --sanitizer "${SANITIZER:-address}" "$target"
    python3 scripts/fuzz_inputs.py pack "$target" "fuzz/corpus/$target"
  done
}

seconds=${2:-60}
case "${1:-all}" in
  all) ;;
  keep) keep; exit ;;
  list) echo "$targets"; exit ;;
  [0-9]*) seconds=$1 ;;
  *) grep -q -x -- "$1" <<<"$targets" || { echo "fuzz.sh: no target '$1': one of" $targets >&2; exit 1; }; targets=$1 ;;
esac

failed=()
for target in $targets; do
  mkdir -p "fuzz/corpus/$target"
  python3 scripts/fuzz_seeds.py "$target" "fuzz/corpus/$target"
  python3 scripts/fuzz_inputs.py unpack "$target" "fuzz/corpus/$target"
  # The time limit for an input finds what never ends; bounds are asserted by the targets, in processor time.
  options=(-max_total_time="$seconds" -timeout=300 -report_slow_units=300 -rss_limit_mb=4096 -max_len=65536 -len_control=0 -print_final_stats=1 -verbosity=0)
  [ ! -f "fuzz/dictionaries/$target.dict" ] || options+=(-dict="fuzz/dictionaries/$target.dict")
  echo "== $target, $seconds s"
  cargo fuzz run --sanitizer "${SANITIZER:-address}" "$target" -- "${options[@]}" 2>&1 |
    grep -E 'number_of_executed_units|new_units_added|panicked|assert|over Bound|ERROR|SUMMARY|Test unit written' ||
    [ "${PIPESTATUS[0]}" = 0 ] || true
  # Inputs that fail are written to files. The way a run ends says too little, since a target may end itself.
  ! compgen -G "fuzz/artifacts/$target/*" >/dev/null || failed+=("$target")
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]} (inputs in fuzz/artifacts/)" >&2; exit 1; }
echo "no target found anything"

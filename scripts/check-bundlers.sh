#!/usr/bin/env bash
# Builds every example from the packed package with its bundler, and has each page classify a picture in Chromium.
# Then it has the package imported, and used where it works, in Node.js, Deno and Bun.
#   scripts/check-bundlers.sh            all of them
#   scripts/check-bundlers.sh NAME...    some: vite@7, vite@8, webpack, rollup, esbuild, parcel, nextjs, sveltekit
# It wants dist/ (./build.sh dist) and installs the bundlers from npm into a temporary folder: about 1 GB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -f dist/cliplet/index.d.ts ] || { echo "check-bundlers: build dist first: ./build.sh dist" >&2; exit 1; }
(cd tests/e2e && npm install --silent --no-save --no-audit --no-fund)
node tests/e2e/bundlers.mjs "$@"
[ $# -gt 0 ] || node tests/e2e/runtimes.mjs

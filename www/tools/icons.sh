#!/usr/bin/env bash
# Draws icons/*.png from icon.svg with Chromium, for what does not take an SVG: home screens and
# installed apps. The maskable ones fill their square, since systems cut their own shape out of it.
#   www/tools/icons.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
inner=$(sed '1d;$d' icon.svg)
draw() { # NAME SIZE SVG
  printf '<!doctype html><style>*{margin:0}svg{display:block;width:%spx;height:%spx}</style>%s' "$2" "$2" "$3" >"$work/$1.html"
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
    --default-background-color=00000000 --window-size="$2,$2" --screenshot="icons/$1.png" "file://$work/$1.html" 2>/dev/null
}
svg() { printf '<svg xmlns="http://www.w3.org/2000/svg" viewBox="%s">%s</svg>' "$1" "$2"; }
square='<rect x="-16" y="-16" width="96" height="96" fill="#1f5f5b"/>'
for size in 192 512; do
  draw "$size" "$size" "$(svg '0 0 64 64' "$inner")"
  draw "maskable-$size" "$size" "$(svg '-8 -8 80 80' "$square$inner")"
done
draw 180 180 "$(svg '-4 -4 72 72' "$square$inner")"

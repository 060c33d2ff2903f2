"""Emoji and symbols: glyphs of free fonts and icon sets with their Unicode names.

Every glyph is rendered once as color and coverage (RGBA). For training it is put on a
plain, shaded or noisy background, in its own colors, in one ink or as a line drawing.
One font, Symbola, is never trained on: it measures whether the model knows the thing
or the font.
"""

import argparse
import io
import json
import unicodedata
import zipfile
from pathlib import Path

import emoji
import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from drawings import write_png

SIDE = 128
ROOT = Path("/usr/share/fonts")
# Fonts of Debian's packages and the size that each is rendered at.
FONTS = {
    "truetype/noto/NotoColorEmoji.ttf": 109,
    "truetype/noto/NotoSansSymbols2-Regular.ttf": 120,
    "opentype/unifont/unifont_upper.otf": 128,
    "opentype/unifont/unifont.otf": 128,
    "truetype/dejavu/DejaVuSans.ttf": 120,
    "truetype/freefont/FreeSerif.ttf": 120,
}
# npm packages: Noto's monochrome emoji, and icon sets as SVG.
NPM_FONT = "@fontsource/noto-emoji"
NPM_ICONS = ("@iconify-json/openmoji", "@iconify-json/fluent-emoji-high-contrast", "@iconify-json/fluent-emoji-flat",
             "@iconify-json/twemoji")
HELD_OUT_FONT = ("truetype/ancient-scripts/Symbola_hint.ttf", 120)
COLOR_FONT = "truetype/noto/NotoColorEmoji.ttf"
SKIP = ("regional indicator", "emoji modifier", "emoji component", "cjk", "katakana", "negative squared", "squared ",
        "keycap", "input symbol", "fitzpatrick", "-thirty", "ideograph", "with leftwards arrow above",
        "with rightwards arrow above", "small square", "medium square", "open circle arrows", "circled latin")
SAY = {
    "aubergine": ["aubergine", "eggplant"], "automobile": ["automobile", "car"], "hocho": ["kitchen knife"],
    "extraterrestrial alien": ["alien"], "pile of poo": ["pile of poo", "poop"], "heavy black heart": ["red heart", "heart"],
    "father christmas": ["father christmas", "santa claus"], "electric light bulb": ["light bulb"],
    "ear of maize": ["ear of corn", "corn"], "slice of pizza": ["slice of pizza", "pizza"],
    "lady beetle": ["ladybug", "lady beetle"], "honeybee": ["bee", "honeybee"], "wrapped present": ["wrapped gift", "present"],
    "white medium star": ["star"], "black telephone": ["telephone"], "hot beverage": ["cup of coffee", "hot beverage"],
    "black sun with rays": ["sun", "sun with rays"], "beer mug": ["mug of beer", "beer mug"], "closed lock with key": ["locked padlock with key"],
    "steam locomotive": ["steam locomotive", "steam train"], "airplane": ["airplane", "plane"], "lock": ["padlock", "lock"],
    "personal computer": ["laptop", "personal computer"], "high voltage sign": ["lightning bolt", "high voltage sign"],
    "ice hockey stick and puck": ["ice hockey"], "smiling face with smiling eyes": ["smiling face"], "mobile phone": ["mobile phone", "smartphone"],
    "black scissors": ["scissors"], "eyeglasses": ["glasses", "eyeglasses"], "t-shirt": ["t-shirt", "shirt"], "mans shoe": ["shoe"],
    "womans sandal": ["sandal"], "womans hat": ["hat"], "womans boots": ["boot"], "money bag": ["money bag", "bag of money"],
    "red apple": ["apple", "red apple"], "cat face": ["cat face", "cat"], "dog face": ["dog face", "dog"], "frog face": ["frog face", "frog"],
    "doughnut": ["doughnut", "donut"], "hamburger": ["hamburger", "burger"], "fire": ["fire", "flame"], "droplet": ["droplet", "drop of water"],
    "basketball and hoop": ["basketball"], "soccer ball": ["football", "soccer ball"], "tennis racquet and ball": ["tennis racket and ball", "tennis"],
}
EVALUATION = [
    "slice of pizza", "cat face", "dog face", "airplane", "automobile", "umbrella", "snowman", "sun with rays",
    "crescent moon", "snowflake", "scissors", "envelope", "telephone", "anchor", "hamburger", "banana", "cherries",
    "strawberry", "mushroom", "tulip", "palm tree", "cactus", "elephant", "snail", "fish", "penguin", "turtle",
    "spider", "octopus", "whale", "snake", "birthday cake", "wine glass", "ice cream", "guitar", "trumpet", "bicycle",
    "bus", "sailboat", "rocket", "key", "hammer", "bomb", "skull", "ghost", "crown", "eyeglasses", "open book", "camera",
    "light bulb",
]


def spoken(codepoint):
    """The names to say of a code point, best first, or none where it has no telling name."""
    name = unicodedata.name(chr(codepoint), "").lower()
    if not name or any(part in name for part in SKIP):
        return []
    if name in SAY:
        return SAY[name]
    clean = name
    if not any(w in name for w in ("heart", "circle", "square", "flag", "diamond", "triangle", "flower")):
        for prefix in ("heavy ", "black ", "white "):
            clean = clean.removeprefix(prefix)
    for suffix in (" sign", " symbol"):
        if len(clean.split()) > 2 or suffix == " symbol":
            clean = clean.removesuffix(suffix)
    return [clean.strip()]


def cldr_name(codepoint):
    """The name that emoji keyboards show, "" where there is none."""
    entry = emoji.EMOJI_DATA.get(chr(codepoint)) or emoji.EMOJI_DATA.get(chr(codepoint) + "\ufe0f") or {"en": ""}
    return entry["en"].strip(":").replace("_", " ").replace("’", "'").lower()


def all_names(codepoint):
    """Every name to say of a code point: Unicode's, plainest first, then CLDR's."""
    return list(dict.fromkeys([*spoken(codepoint), *filter(None, [cldr_name(codepoint)])]))


def _fit(canvas):
    """The drawn part of an RGBA image, scaled into the middle of SIDE x SIDE; None where there is next to none."""
    box = canvas.getchannel("A").getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < canvas.width // 36:
        return None
    glyph = canvas.crop(box)
    scale = SIDE * 58 / 64 / max(glyph.size)
    glyph = glyph.resize([max(1, round(v * scale)) for v in glyph.size], Image.LANCZOS)
    out = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    out.paste(glyph, ((SIDE - glyph.width) // 2, (SIDE - glyph.height) // 2))
    return out


def render(font_path, size, codepoint):
    """A font's glyph as RGBA, or None where the font draws nothing."""
    font = ImageFont.truetype(str(font_path), size)
    canvas = Image.new("RGBA", (size * 3, size * 3), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((size, size // 2), chr(codepoint), font=font, fill=(0, 0, 0, 255), embedded_color=True)
    return _fit(canvas)


def render_icon(icon, width, height):
    """An Iconify icon as RGBA."""
    import resvg_py

    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
           f'viewBox="0 0 {icon.get("width", width)} {icon.get("height", height)}">{icon["body"]}</svg>')
    png = resvg_py.svg_to_bytes(svg_string=svg.replace("currentColor", "#000"), width=2 * SIDE, height=2 * SIDE)
    return _fit(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def codepoints():
    """Code points of the color emoji font that have a telling name."""
    return [c for c in sorted(TTFont(ROOT / COLOR_FONT).getBestCmap()) if c > 0x2100 and spoken(c)]


def _sources(npm):
    """Yields (style name, colored, {codepoint: function that renders it}) of every training source."""
    for font, size in FONTS.items():
        if not (ROOT / font).is_file():
            raise FileNotFoundError(f"font {ROOT / font} is missing: see train/README.md for the packages")
        has = TTFont(ROOT / font).getBestCmap()
        yield font, font == COLOR_FONT, {c: lambda c, f=ROOT / font, s=size: render(f, s, c) for c in has}
    mono = {}
    for path in sorted((npm / NPM_FONT / "files").glob("noto-emoji-*-400-normal.woff2")):
        font = TTFont(path)
        font.flavor = None
        plain = path.with_suffix(".ttf")
        font.save(plain)
        mono |= {c: lambda c, f=plain: render(f, 120, c) for c in font.getBestCmap()}
    yield NPM_FONT, False, mono
    for package in NPM_ICONS:
        icons = json.loads((npm / package / "icons.json").read_text())
        chars = json.loads((npm / package / "chars.json").read_text())
        sides = icons.get("width", 16), icons.get("height", 16)
        of = {}
        for code, name in chars.items():
            points = [int(p, 16) for p in code.split("-") if p != "fe0f"]
            if len(points) == 1 and name in icons["icons"]:
                of[points[0]] = lambda c, i=icons["icons"][name], s=sides: render_icon(i, *s)
        yield package, "high-contrast" not in package, of


class Glyphs:
    """All training glyphs: `rgba` (N, SIDE, SIDE, 4), `point` (N,) index into `names`, `colored` (N,)."""

    def __init__(self, npm, cache):
        if not cache.exists():
            _render_all(npm, cache)
        stored = np.load(cache)
        self.rgba, self.point, self.colored = stored["rgba"], stored["point"], stored["colored"]
        self.codepoints = stored["codepoints"].tolist()

    def compose(self, i, rng, side):
        """Glyph `i` on a random background, a Pillow image of `side` pixels."""
        glyph = Image.fromarray(self.rgba[i])
        scale = 1 / rng.uniform(0.95, 1.6)
        size = max(8, round(SIDE * scale * rng.uniform(0.9, 1.1))), max(8, round(SIDE * scale))
        glyph = glyph.rotate(rng.uniform(-12, 12), Image.BICUBIC).resize(size, Image.LANCZOS)
        layer = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
        layer.paste(glyph, tuple(round(rng.uniform(*sorted((0, SIDE - s)))) for s in size))
        color, cover = np.asarray(layer, np.float32)[..., :3] / 255, np.asarray(layer, np.float32)[..., 3:] / 255

        ground = _ground(rng)
        light = ground.mean() > 0.5
        ink = rng.uniform(0, 0.4, 3) if rng.random() < 0.5 else np.zeros(3)
        ink = ink if light else 1 - ink
        way = rng.random()
        if not self.colored[i] or way < 0.2:
            if self.colored[i]:
                color = ink + (1 - ink) * color.mean(2, keepdims=True) * light
            else:
                color = np.broadcast_to(ink, color.shape)
        elif way < 0.5:
            cover, color = _line_drawing(color, cover), np.broadcast_to(ink, color.shape)
        pixels = ground * (1 - cover) + color * cover
        image = Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))
        return image.resize((side, side), Image.LANCZOS)


def _ground(rng):
    """A plain, shaded or noisy background (SIDE, SIDE, 3), white and black among the plain ones."""
    kind = rng.random()
    plain = np.ones(3) if kind < 0.45 else np.zeros(3) if kind < 0.57 else rng.random(3)
    ground = np.broadcast_to(plain, (SIDE, SIDE, 3)).astype(np.float32)
    if rng.random() < 0.3:
        ground = ground + np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None, None] * rng.uniform(-0.2, 0.2, 3)
    return ground.clip(0, 1)


def _line_drawing(color, cover):
    """Coverage of an ink drawing of a colored glyph: its outline and the edges within."""
    stacked = np.concatenate([color * cover + (1 - cover), cover], 2)
    edge = np.zeros(cover.shape[:2], np.float32)
    for channel in np.moveaxis(stacked, 2, 0):
        image = Image.fromarray((channel * 255).astype(np.uint8))
        high, low = image.filter(ImageFilter.MaxFilter(5)), image.filter(ImageFilter.MinFilter(5))
        edge = np.maximum(edge, np.asarray(high, np.float32) - np.asarray(low, np.float32))
    return ((edge / 255 - 0.15) * 4).clip(0, 1)[..., None]


def _render_all(npm, cache):
    points = codepoints()
    index = {c: i for i, c in enumerate(points)}
    rgba, point, colored = [], [], []
    for _, color, of in _sources(npm):
        for codepoint in sorted(index.keys() & of.keys()):
            glyph = of[codepoint](codepoint)
            if glyph is not None:
                rgba.append(np.asarray(glyph))
                point.append(index[codepoint])
                colored.append(color)
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.savez(cache, rgba=np.stack(rgba), point=np.array(point), colored=np.array(colored), codepoints=np.array(points))


def evaluation_set(folder):
    """Fifty glyphs of the held-out font, black on white and white on black, with names."""
    folder = Path(folder)
    font, size = ROOT / HELD_OUT_FONT[0], HELD_OUT_FONT[1]
    has = TTFont(font).getBestCmap()
    by_name = {}
    for codepoint in codepoints():
        for name in spoken(codepoint):
            by_name.setdefault(name, codepoint)
    names = {}
    with zipfile.ZipFile(folder / "emoji.zip", "w") as archive:
        for name in EVALUATION:
            if by_name.get(name) not in has:
                raise ValueError(f"the held-out font has no {name!r}")
            glyph = np.asarray(render(font, size, by_name[name]).resize((64, 64), Image.LANCZOS), np.float32)
            cover = glyph[..., 3:] / 255
            key = name.replace(" ", "-")
            names[key] = name
            for i, (ground, ink) in enumerate([((255,) * 3, (0,) * 3), ((20, 24, 40), (245,) * 3), ((255, 236, 150), (60, 20, 20))]):
                picture = np.array(ground) * (1 - cover) + np.array(ink) * cover
                write_png(archive, f"{key}/{i}.png", picture.round().astype(np.uint8))
    (folder / "emoji-names.json").write_text(json.dumps(names, indent=1))


def main():
    parser = argparse.ArgumentParser(description="write the evaluation set of the held-out font")
    parser.add_argument("folder")
    evaluation_set(parser.parse_args().folder)


if __name__ == "__main__":
    main()

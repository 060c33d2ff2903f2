"""Emoji and symbols: glyphs of Debian's font packages with their Unicode names.

Every glyph is rendered once as colour and coverage (RGBA, 64 x 64). In training it is
put on a plain, shaded or photographic background, in its own colours or as a flat
drawing. One font, Symbola, is never trained on: it measures whether the model knows
the thing or the font.
"""

import argparse
import json
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from drawings import write_png

SIZE = 64
ROOT = Path("/usr/share/fonts")
TRAIN_FONTS = {
    "truetype/noto/NotoColorEmoji.ttf": 109,
    "truetype/noto/NotoSansSymbols2-Regular.ttf": 120,
    "opentype/unifont/unifont_upper.otf": 128,
    "opentype/unifont/unifont.otf": 128,
    "truetype/dejavu/DejaVuSans.ttf": 120,
    "truetype/freefont/FreeSerif.ttf": 120,
}
HELD_OUT_FONT = ("truetype/ancient-scripts/Symbola_hint.ttf", 120)
COLOUR_FONT = "truetype/noto/NotoColorEmoji.ttf"
TEMPLATES = ["{}", "{}", "{}", "{a}", "{a}", "{a}", "an emoji of {a}", "the {} emoji", "a {} emoji", "a symbol of {a}",
             "a drawing of {a}", "a picture of {a}", "a photo of {a}", "an icon of {a}", "the {} symbol",
             "a {} icon", "a photo of a {}", "a black and white drawing of {a}", "an emoji of a {}"]
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


def say(name, rng):
    """A random caption of a glyph's name."""
    article = "an " if name[0] in "aeiou" else "a "
    plain = name.endswith("s") and not name.endswith(("ss", "us")) and " " not in name
    return TEMPLATES[rng.integers(len(TEMPLATES))].replace("{a}", name if plain else article + name).replace("{}", name)


def render(font_path, size, codepoint):
    """The glyph in the middle of a 64 x 64 RGBA array, or None where the font draws nothing."""
    font = ImageFont.truetype(str(font_path), size)
    canvas = Image.new("RGBA", (size * 3, size * 3), (0, 0, 0, 0))
    ImageDraw.Draw(canvas).text((size, size // 2), chr(codepoint), font=font, fill=(0, 0, 0, 255), embedded_color=True)
    box = canvas.getchannel("A").getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < size // 12:
        return None
    glyph = canvas.crop(box)
    scale = 58 / max(glyph.size)
    glyph = glyph.resize([max(1, round(v * scale)) for v in glyph.size], Image.LANCZOS)
    out = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    out.paste(glyph, ((SIZE - glyph.width) // 2, (SIZE - glyph.height) // 2))
    return np.asarray(out)


def codepoints():
    """Code points of the colour emoji font that have a telling name."""
    return [c for c in sorted(TTFont(ROOT / COLOUR_FONT).getBestCmap()) if c > 0x2100 and spoken(c)]


class Glyphs:
    """All training glyphs: `rgba` (N, 64, 64, 4), `point` (N,) index into `names`, `coloured` (N,)."""

    def __init__(self, cache_dir):
        path = Path(cache_dir) / "glyphs.npz"
        if not path.exists():
            _render_all(path)
        stored = np.load(path)
        self.rgba, self.point, self.coloured = stored["rgba"], stored["point"], stored["coloured"]
        self.names = [spoken(c) for c in stored["codepoints"].tolist()]
        self.pictures = torch.from_numpy(self.rgba).permute(0, 3, 1, 2)
        self.of = [np.flatnonzero(self.point == p) for p in range(len(self.names))]
        fonts = np.array([len(of) for of in self.of])
        self.known = np.flatnonzero(fonts)
        # What several fonts draw shows how the thing differs from one font's way of drawing it.
        weight = np.where(fonts > 1, fonts, 0.3)[self.known]
        self.chance = weight / weight.sum()

    def batch(self, count, photos, rng, torch_rng, size=SIZE):
        """`count` composed pictures: (images (count, 3, size, size) in 0..1, points (count,)).

        `photos` are some pictures (count, 3, S, S) that may serve as backgrounds.
        """
        point = rng.choice(self.known, size=count, p=self.chance)
        pick = np.array([rng.choice(self.of[p]) for p in point])
        glyphs = self.pictures[torch.from_numpy(pick)].float() / 255
        flat = torch.from_numpy((rng.random(count) < 0.45) | ~self.coloured[pick])
        sketch = torch.from_numpy(rng.random(count) < 0.5)

        def uniform(low, high, *shape):
            return torch.rand(*shape, generator=torch_rng) * (high - low) + low

        ground = uniform(0, 1, count, 3, 1, 1)
        plain = torch.rand(count, generator=torch_rng)
        ground = torch.where((plain < 0.45).view(-1, 1, 1, 1), torch.ones(1), ground)
        ground = torch.where((plain > 0.88).view(-1, 1, 1, 1), torch.zeros(1), ground)
        slope = torch.linspace(-1, 1, SIZE).view(1, 1, 1, SIZE) * uniform(-0.2, 0.2, count, 3, 1, 1)
        shaded = torch.rand(count, generator=torch_rng) < 0.4
        background = ground + slope * shaded.view(-1, 1, 1, 1)
        pictured = (torch.rand(count, generator=torch_rng) < 0.12).view(-1, 1, 1, 1)
        background = torch.where(pictured, photos, background.expand(-1, -1, SIZE, SIZE)).clamp(0, 1)

        light = (background.mean((1, 2, 3)) > 0.5).float().view(-1, 1, 1, 1)
        ink = uniform(0, 0.45, count, 3, 1, 1)
        ink = torch.where(light > 0, ink, 1 - ink)
        ink = torch.where((torch.rand(count, generator=torch_rng) < 0.5).view(-1, 1, 1, 1), 1 - light, ink)
        colour, cover = glyphs[:, :3], glyphs[:, 3:]
        drawn = _line_drawing(colour, cover)
        own = torch.from_numpy(self.coloured[pick])
        cover = torch.where((flat & own & sketch).view(-1, 1, 1, 1), drawn, cover)
        shade = ink + (1 - ink) * colour.mean(1, keepdim=True) * light
        toned = torch.where((own & ~sketch).view(-1, 1, 1, 1), shade, ink.expand(-1, -1, SIZE, SIZE))
        colour = torch.where(flat.view(-1, 1, 1, 1), toned, colour)

        scale, turn = uniform(0.95, 1.7, count), uniform(-0.2, 0.2, count)
        stretch = uniform(0.9, 1.1, count)
        reach = (scale - 0.95).clamp(min=0)
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 0, 1] = scale * turn.cos() * stretch, -scale * turn.sin()
        theta[:, 1, 0], theta[:, 1, 1] = scale * turn.sin(), scale * turn.cos() / stretch
        theta[:, :, 2] = uniform(-1, 1, count, 2) * reach[:, None]
        grid = F.affine_grid(theta, (count, 4, size, size), align_corners=False)
        layer = torch.cat([colour * cover, cover], 1)
        layer = F.grid_sample(layer, grid, mode="bilinear", align_corners=False)
        if size != SIZE:
            background = F.interpolate(background, size=(size, size), mode="bilinear", antialias=True)
        return (background * (1 - layer[:, 3:]) + layer[:, :3]).clamp(0, 1), point


def _line_drawing(colour, cover):
    """Coverage of an ink drawing of a coloured glyph: its outline and the edges within."""
    picture = colour * cover + (1 - cover)
    stacked = torch.cat([picture, cover], 1)
    high = F.max_pool2d(stacked, 3, 1, 1)
    low = -F.max_pool2d(-stacked, 3, 1, 1)
    edge = (high - low).amax(1, keepdim=True)
    return ((edge - 0.15) * 4).clamp(0, 1)


def _render_all(path):
    points = codepoints()
    rgba, point, coloured = [], [], []
    for font, size in TRAIN_FONTS.items():
        if not (ROOT / font).is_file():
            raise FileNotFoundError(f"font {ROOT / font} is missing: see train/README.md for the packages")
        has = TTFont(ROOT / font).getBestCmap()
        for i, codepoint in enumerate(points):
            glyph = render(ROOT / font, size, codepoint) if codepoint in has else None
            if glyph is not None:
                rgba.append(glyph)
                point.append(i)
                coloured.append(font == COLOUR_FONT)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, rgba=np.stack(rgba), point=np.array(point), coloured=np.array(coloured),
             codepoints=np.array(points))


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
            glyph = render(font, size, by_name[name]).astype(np.float32)
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

"""Drawn pictures: shapes with a color, size, count, texture, place and background.

A picture is a row of seven attribute values; a caption is a row of seven bit masks,
the values that it allows. So "is this caption true of that picture" is one
vectorised comparison, and a caption that happens to be true of another picture of
the batch is never taken for its negative.
"""

import argparse
import json
import math
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from english import article, plural

SIZE = 64
COLORS = {
    "red": (214, 30, 36), "green": (34, 150, 50), "blue": (32, 70, 220), "yellow": (250, 220, 30),
    "orange": (250, 140, 20), "purple": (130, 40, 170), "pink": (250, 140, 190), "brown": (120, 72, 32),
    "black": (16, 16, 18), "white": (250, 250, 250), "grey": (128, 128, 130), "cyan": (40, 210, 220),
}
SHAPES = ["circle", "square", "triangle", "star", "heart", "cross", "diamond", "rectangle", "ellipse",
          "pentagon", "hexagon", "ring", "crescent", "arrow"]
SIZES = ["small", "medium-sized", "large"]
NUMBERS = ["one", "two", "three", "four", "five"]
TEXTURES = ["solid", "outlined", "striped", "dotted", "checkered"]
PLACES = ["centre", "left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right"]
COLOR, SHAPE, EXTENT, COUNT, TEXTURE, PLACE, GROUND = range(7)
ATTRIBUTES = {"color": 0, "shape": 1, "extent": 2, "count": 3, "texture": 4, "place": 5, "ground": 6}
ANY = (1 << 16) - 1
NAMES = list(COLORS)


def outline(shape, radius):
    """The polygon of a shape about the origin, as a list of points."""
    def ring(corners, turn=-90.0, inner=None):
        step = 360 / corners / (1 if inner is None else 2)
        radii = [radius, radius if inner is None else radius * inner]
        count = corners * (1 if inner is None else 2)
        return [(radii[i % 2] * math.cos(math.radians(turn + i * step)),
                 radii[i % 2] * math.sin(math.radians(turn + i * step))) for i in range(count)]

    r = radius
    if shape in ("circle", "ring"):
        return ring(40)
    if shape == "ellipse":
        return [(x, y * 0.55) for x, y in ring(40)]
    if shape == "square":
        return [(-0.8 * r, -0.8 * r), (0.8 * r, -0.8 * r), (0.8 * r, 0.8 * r), (-0.8 * r, 0.8 * r)]
    if shape == "rectangle":
        return [(-r, -0.5 * r), (r, -0.5 * r), (r, 0.5 * r), (-r, 0.5 * r)]
    if shape == "diamond":
        return [(0, -r), (0.65 * r, 0), (0, r), (-0.65 * r, 0)]
    if shape == "star":
        return ring(5, inner=0.42)
    if shape == "cross":
        a = 0.33 * r
        return [(-a, -r), (a, -r), (a, -a), (r, -a), (r, a), (a, a), (a, r), (-a, r), (-a, a), (-r, a),
                (-r, -a), (-a, -a)]
    if shape == "arrow":
        return [(-r, -0.3 * r), (0.1 * r, -0.3 * r), (0.1 * r, -0.8 * r), (r, 0), (0.1 * r, 0.8 * r),
                (0.1 * r, 0.3 * r), (-r, 0.3 * r)]
    if shape == "heart":
        points = []
        for i in range(48):
            t = 2 * math.pi * i / 48
            points.append((r / 16 * 16 * math.sin(t) ** 3,
                           -r / 16 * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))))
        return points
    if shape == "crescent":
        outer = [(r * math.cos(math.radians(a)), r * math.sin(math.radians(a))) for a in range(50, 311, 8)]
        inner = [(0.45 * r + 0.8 * r * math.cos(math.radians(a)), 0.8 * r * math.sin(math.radians(a)))
                 for a in range(295, 64, -8)]
        return outer + inner
    return ring({"triangle": 3, "pentagon": 5, "hexagon": 6}[shape])


def _place(place, radius, side, rng):
    """A centre such that the shape lies in the named part of the picture."""
    low, high, third = radius * 1.02, side - radius * 1.02, side / 3
    spans = {"low": (low, max(low, third * 0.95)), "mid": (side * 0.44, side * 0.56),
             "high": (min(high, side - third * 0.95), high)}
    across = "low" if "left" in place else "high" if "right" in place else "mid"
    down = "low" if "top" in place else "high" if "bottom" in place else "mid"
    return rng.uniform(*spans[across]), rng.uniform(*spans[down])


def _shade(name, rng):
    base = np.array(COLORS[name], float)
    return tuple(int(v) for v in np.clip(base + rng.normal(0, 9, 3), 0, 255))


def sample(rng, plain=False):
    """Random attributes that can be drawn: (7,) integers. PLACE and EXTENT only matter for one shape.

    `plain` asks for a single solid shape in the middle.
    """
    color, ground = rng.choice(len(NAMES), 2, replace=False)
    while {NAMES[color], NAMES[ground]} in ({"red", "orange"}, {"cyan", "blue"}, {"yellow", "orange"}, {"brown", "red"}):
        ground = rng.choice([i for i in range(len(NAMES)) if i != color])
    if rng.random() < 0.4:
        ground = NAMES.index("black" if NAMES[color] == "white" else "white")
    if plain:
        return np.array([color, rng.integers(len(SHAPES)), rng.integers(3), 0, 0, 0, ground])
    count = 0 if rng.random() < 0.6 else rng.integers(1, 5)
    place = rng.integers(len(PLACES)) if count == 0 and rng.random() < 0.6 else 0
    extent = rng.integers(2) if place else rng.integers(3)
    if count:
        extent = 0 if rng.random() < 0.6 or count > 2 else 1
    texture = 0 if rng.random() < 0.55 else rng.integers(1, len(TEXTURES))
    return np.array([color, rng.integers(len(SHAPES)), extent, count, texture, place, ground])


def draw(values, rng, side=SIZE):
    """The image of a row of attributes, (side, side, 3) uint8."""
    pixels, side = side, 192 if side <= 96 else 2 * side
    ground, color = _shade(NAMES[values[GROUND]], rng), _shade(NAMES[values[COLOR]], rng)
    picture = Image.new("RGB", (side, side), ground)
    shape, count = SHAPES[values[SHAPE]], int(values[COUNT]) + 1
    low, high = [(0.10, 0.15), (0.20, 0.27), (0.33, 0.44)][values[EXTENT]]
    centres = []
    while len(centres) < count:
        radius = rng.uniform(low, high) * side
        if count == 1:
            x, y = _place(PLACES[values[PLACE]], radius, side, rng)
        else:
            for _ in range(60):
                x, y = rng.uniform(radius * 1.05, side - radius * 1.05, 2)
                if all(math.hypot(x - a, y - b) > (radius + r) * 1.05 for a, b, r in centres):
                    break
            else:
                centres, low, high = [], low * 0.9, high * 0.9
                continue
        centres.append((x, y, radius))
    for x, y, radius in centres:
        turn = math.radians(rng.normal(0, 7))
        points = [(x + a * math.cos(turn) - b * math.sin(turn), y + a * math.sin(turn) + b * math.cos(turn))
                  for a, b in outline(shape, radius)]
        _fill(picture, points, shape, TEXTURES[values[TEXTURE]], color, ground, (x, y, radius), rng)
    return np.asarray(picture.resize((pixels, pixels), Image.LANCZOS))


def _fill(picture, points, shape, texture, color, ground, where, rng):
    x, y, radius = where
    mask = Image.new("L", picture.size, 0)
    pen = ImageDraw.Draw(mask)
    pen.polygon(points, fill=255)
    if shape == "ring":
        inner = radius * 0.55
        pen.ellipse((x - inner, y - inner, x + inner, y + inner), fill=0)
    elif texture == "outlined":
        shrunk = [(x + (a - x) * 0.72, y + (b - y) * 0.72) for a, b in points]
        pen.polygon(shrunk, fill=0)
    if texture in ("striped", "dotted", "checkered"):
        step = max(9, radius * rng.uniform(0.38, 0.5))
        grid_y, grid_x = np.mgrid[0 : picture.size[1], 0 : picture.size[0]]
        u, v = (grid_x - x + 500 * step) / step, (grid_y - y + 500 * step) / step
        if texture == "striped":
            keep = ((u if rng.random() < 0.5 else v) % 1) < 0.55
        elif texture == "checkered":
            keep = (np.floor(u) + np.floor(v)) % 2 < 1
        else:
            keep = np.hypot(u % 1 - 0.5, v % 1 - 0.5) > 0.28
        mask = Image.fromarray((np.asarray(mask) * keep).astype(np.uint8))
    picture.paste(Image.new("RGB", picture.size, color), mask=mask)


def captions():
    """Captions of drawn images with what each allows: (texts, masks (N, 7)). The first are every "a COLOR SHAPE"."""
    made = []

    def add(text, **said):
        masks = np.full(7, ANY)
        for name, value in said.items():
            masks[ATTRIBUTES[name]] = 1 << value
        made.append((text, masks))

    nouns = [*enumerate(SHAPES)]
    for c, color in enumerate(NAMES):
        for s, shape in nouns:
            add(article(f"{color} {shape}"), color=c, shape=s, count=0)
    for c, color in enumerate(NAMES):
        add(f"something {color}", color=c)
        for s, shape in nouns:
            add(f"{article(shape)} on {article(color)} background", ground=c, shape=s, count=0)
            for n, number in enumerate(NUMBERS[1:], 1):
                add(f"{number} {color} {plural(shape)}", color=c, shape=s, count=n)
    for s, shape in nouns:
        add(article(shape), shape=s)
        for kind, words in (("extent", SIZES), ("texture", TEXTURES)):
            for i, word in enumerate(words):
                add(article(f"{word} {shape}"), shape=s, **{kind: i})
        for i, place in enumerate(PLACES):
            add(f"{article(shape)} in the {place}", shape=s, place=i, count=0)
        for n, number in enumerate(NUMBERS[1:], 1):
            add(f"{number} {plural(shape)}", shape=s, count=n)
    return [t for t, _ in made], np.stack([m for _, m in made])


def truth(values, masks):
    """(pictures, captions) booleans: every attribute's value is allowed by the caption's mask."""
    return (((masks[None] >> values[:, None]) & 1) == 1).all(2)


def evaluation_set(folder, per_class=4, seed=7):
    """Class folders of "a COLOR SHAPE" pictures, as `drawn.zip` and `drawn-names.json`."""
    rng = np.random.default_rng(seed)
    folder = Path(folder)
    names = {}
    with zipfile.ZipFile(folder / "drawn.zip", "w") as archive:
        for c, color in enumerate(NAMES[:8]):
            for s, shape in enumerate(SHAPES[:8]):
                names[f"{color}-{shape}"] = f"{color} {shape}"
                for i in range(per_class):
                    values = np.array([c, s, 1 + i % 2, 0, 0, 0, NAMES.index(["white", "black", "grey"][i % 3])])
                    write_png(archive, f"{color}-{shape}/{i}.png", draw(values, rng))
    (folder / "drawn-names.json").write_text(json.dumps(names, indent=1))


def write_png(archive, name, pixels):
    """Adds a picture to an open zip archive."""
    with archive.open(name, "w") as file:
        Image.fromarray(pixels).save(file, "PNG")


def main():
    parser = argparse.ArgumentParser(description="write the evaluation set of drawn pictures")
    parser.add_argument("folder")
    evaluation_set(parser.parse_args().folder)


if __name__ == "__main__":
    main()

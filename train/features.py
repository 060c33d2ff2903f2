"""Features of every image set, worked out once and left in WORK/features.

A set is an .npz file with `features` (N, 1376) float16 and whatever says what the
images show: `labels` and `folders` of photos, `values` of drawn shapes, `colors` of sheets of one color, `points` of glyphs.
"""

import argparse
import io
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import drawings
import sheets
from backbone import Extractor
from glyphs import Glyphs
from sets import write_sets

# Photos of each class that train, and whether each is seen mirrored too.
TRAINING = {"cifar10-train": 3000, "tiny-imagenet-200-train": 100}
DRAWN, SHEETS, GLYPHS = 24000, 1200, 16000


def photo_set(path, extract, per_class=None, seed=0):
    """Features of a zip of class folders; of `per_class` images a class, every second one mirrored."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(n for n in archive.namelist() if not n.endswith("/"))
        folders = sorted({n.split("/")[0] for n in names})
        labels = np.array([folders.index(n.split("/")[0]) for n in names])
        chosen = np.arange(len(names))
        if per_class:
            rng = np.random.default_rng(seed)
            of_class = [np.flatnonzero(labels == c) for c in range(len(folders))]
            chosen = np.sort(np.concatenate([rng.permutation(of)[:per_class] for of in of_class]))

        def images():
            for i in chosen:
                image = Image.open(io.BytesIO(archive.read(names[i]))).convert("RGB")
                yield ImageOps.mirror(image) if per_class and i % 2 else image

        return {"features": extract(images()), "labels": labels[chosen], "folders": np.array(folders)}


def drawn_set(extract, count=DRAWN, seed=11):
    """Features of drawn shapes with their attributes; half of them are one plain shape."""
    rng = np.random.default_rng(seed)
    values = np.stack([drawings.sample(rng, plain=i % 2 == 0) for i in range(count)])
    images = (Image.fromarray(drawings.draw(v, rng, side=(64, 224)[i % 2])) for i, v in enumerate(values))
    return {"features": extract(images), "values": values}


def sheet_set(extract, count=SHEETS, seed=12):
    """Features of sheets of one color with the index of the color."""
    images, colors = sheets.images(count, np.random.default_rng(seed))
    return {"features": extract(images), "colors": colors}


def glyph_set(npm, cache, extract, count=GLYPHS, seed=5):
    """Features of composed glyphs with the index of their code points."""
    glyphs = Glyphs(npm, cache)
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([rng.permutation(len(glyphs.point)) for _ in range(-(-count // len(glyphs.point)))])[:count]
    images = (glyphs.compose(i, rng, side=(64, 224)[n % 2]) for n, i in enumerate(chosen))
    return {"features": extract(images), "points": glyphs.point[chosen], "codepoints": np.array(glyphs.codepoints)}


def write(path, make):
    """Makes a set unless an earlier run did."""
    if path.exists():
        return
    start = time.time()
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path.with_suffix(".part.npz"), **made)
    path.with_suffix(".part.npz").rename(path)
    print(f"{path.stem}: {len(made['features'])} images, {time.time() - start:.0f} s", flush=True)


def load(work, name):
    """A set as a dictionary of arrays."""
    with np.load(Path(work) / "features" / f"{name}.npz") as stored:
        return dict(stored)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, type=Path, help="folder of the photo zips")
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--npm", required=True, type=Path, help="the node_modules folder of the icon sets")
    parser.add_argument("--share", type=float, default=1, help="of the training images, for a try-out")
    args = parser.parse_args()
    out = args.work / "features"
    exact = Extractor("f32")
    for name, (path, *_) in write_sets(args.data, args.work / "sets").items():
        write(out / f"{name}.npz", lambda: photo_set(path, exact))
    fast = Extractor()

    def some(count):
        return max(1, round(count * args.share))

    write(out / "drawn-train.npz", lambda: drawn_set(fast, some(DRAWN)))
    write(out / "sheets-train.npz", lambda: sheet_set(fast, some(SHEETS)))
    write(out / "glyphs-train.npz", lambda: glyph_set(args.npm, args.work / "glyphs.npz", fast, some(GLYPHS)))
    for name, per_class in TRAINING.items():
        write(out / f"{name}.npz", lambda: photo_set(args.data / f"{name}.zip", fast, some(per_class)))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes what `tests/image_golden.rs` and `tests/tokenizer_golden.rs` compare with: small files and
what Hugging Face's CLIP processors make of them.

    pip install transformers pillow tokenizers numpy
    python tests/golden/make_golden.py [path/to/clip-vit-base-patch32]

`images/` holds the pictures, `expected/` the cropped squares that stand behind `pixel_values`
(their values normalise to exactly those, which this script checks), `images.json` and `texts.json`
the lists. The directory named on the command line is a CLIP snapshot: with it, the ids of the full
tokenizer are written too, without it those written earlier are kept.
"""

import io
import json
import pathlib
import sys

import numpy as np
import tokenizers
import transformers
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import pictures
import texts

HERE = pathlib.Path(__file__).parent
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]

CONFIGS = {
    # As published with ViT-B/32.
    "224": {
        "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": MEAN, "image_std": STD, "resample": 3,
        "size": 224,
    },
    # As newer versions of transformers write it.
    "48": {
        "crop_size": {"height": 48, "width": 48}, "do_center_crop": True, "do_convert_rgb": True,
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": MEAN,
        "image_processor_type": "CLIPImageProcessor", "image_std": STD, "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 48},
    },
    "24": {"crop_size": 24, "image_mean": MEAN, "image_std": STD, "size": {"shortest_edge": 24}},
    "squeezed": {
        "do_center_crop": False, "image_mean": 0.5, "image_std": 0.25, "resample": 2, "size": {"height": 40, "width": 40},
    },
    "padded": {"crop_size": 40, "size": {"shortest_edge": 29}, "image_mean": MEAN, "image_std": STD, "resample": 1},
    "unscaled": {"crop_size": 24, "do_resize": False, "do_normalize": False, "do_rescale": False},
    "box": {"crop_size": 32, "size": 33, "resample": 4, "do_normalize": False},
    "hamming": {"crop_size": 32, "size": 33, "resample": 5, "do_normalize": False},
    "nearest": {"crop_size": 32, "size": 33, "resample": 0, "do_normalize": False},
}


def processor(config):
    """Hugging Face's processor of `config`, lists where its numpy code wants them."""
    config = dict(config)
    for key in ("image_mean", "image_std"):
        if isinstance(config.get(key), float):
            config[key] = [config[key]] * 3
    return CLIPImageProcessorPil(**config)


def normalised(config, levels):
    """The value of each byte in each channel, in numpy's steps: 3 x 256."""
    table = levels.astype(np.float32)
    if config.get("do_rescale", True):
        table = (levels.astype(np.float64) * config.get("rescale_factor", 1 / 255)).astype(np.float32)
    table = np.stack([table] * 3)
    if config.get("do_normalize", True):
        mean, std = (np.broadcast_to(np.float32(config[k]), 3)[:, None] for k in ("image_mean", "image_std"))
        table = (table - mean) / std
    return table


def square(config, picture):
    """The uint8 square whose normalised values are Hugging Face's `pixel_values` of `picture`."""
    values = np.asarray(processor(config)(picture, return_tensors="np")["pixel_values"][0], dtype=np.float32)
    table = normalised(config, np.arange(256))
    # The nearest byte of each value, then the proof that it stands for exactly that value.
    square = np.stack([np.abs(values[c][..., None] - table[c]).argmin(-1) for c in range(3)], -1).astype(np.uint8)
    for c in range(3):
        assert np.array_equal(table[c][square[..., c]], values[c]), "pixel_values are not normalised bytes"
    return square


def write_images():
    for directory in ("images", "expected"):
        (HERE / directory).mkdir(exist_ok=True)
        for old in (HERE / directory).iterdir():
            old.unlink()
    cases = []
    for name, config, kind, data in pictures.cases():
        (HERE / "images" / name).write_bytes(data)
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        expected = f"{name}.{config}.png"
        Image.fromarray(square(CONFIGS[config], picture)).save(HERE / "expected" / expected, optimize=True)
        cases.append({"file": name, "config": config, "kind": kind, "expected": expected})
    # Too large to be stored: the test draws it by the same formula.
    large = Image.fromarray(pictures.ramp(8000, 6000))
    Image.fromarray(square(CONFIGS["48"], large)).save(HERE / "expected" / "ramp-8000x6000.48.png", optimize=True)
    levels = np.array([0, 1, 127, 255])
    values = {name: normalised(config, levels).T.astype(float).tolist() for name, config in CONFIGS.items()}
    write_list(sorted({case["file"] for case in cases}), sorted(p.name for p in (HERE / "expected").iterdir()))
    write_json("images.json", {
        "made_with": versions(), "configs": CONFIGS, "levels": levels.tolist(), "values_of_levels": values, "cases": cases,
    })


def write_list(*kinds):
    """The files as bytes within the test, since a browser's test has no disk."""
    text = "// Written by make_golden.py.\n"
    for directory, names in zip(("images", "expected"), kinds):
        text += f"pub const {directory.upper()}: &[(&str, &[u8])] = &[\n"
        text += "".join(f'    ("{name}", include_bytes!("{directory}/{name}")),\n' for name in names)
        text += "];\n"
    (HERE / "files.rs").write_text(text)


def versions():
    return {m.__name__: m.__version__ for m in (transformers, tokenizers)} | {"pillow": Image.__version__}


def write_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    write_images()
    texts.write(HERE, sys.argv[1] if len(sys.argv) > 1 else None)

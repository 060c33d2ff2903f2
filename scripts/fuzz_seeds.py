"""Writes a fuzz target's first inputs, made from the files of the tests.

    fuzz_seeds.py TARGET FOLDER
"""

import json
import pathlib
import sys

import attack_inputs as inputs

ROOT = pathlib.Path(__file__).resolve().parents[1]
TINY = ROOT / "tests/parity/tiny"
# libFuzzer takes inputs up to this length.
LONGEST = 65536


def images(*kinds: str) -> dict[str, bytes]:
    """The small images of the tests of some kinds, by name."""
    files = [path for path in (ROOT / "tests/golden/images").iterdir() if path.suffix[1:].lower() in kinds]
    return {path.name: path.read_bytes() for path in sorted(files)}


def of_image_target(target: str) -> dict[str, bytes]:
    kinds = {"png": ["png"], "jpeg": ["jpg", "jpeg"], "gif": ["gif"], "webp": ["webp"], "bmp": ["bmp", "dib"],
             "tiff": ["tif", "tiff"], "ico": ["ico", "cur"], "pnm": ["pbm", "pgm", "ppm", "pam", "pfm"], "tga": ["tga"],
             "qoi": ["qoi"], "avif": ["avif"]}
    every = [kind for names in kinds.values() for kind in names]
    made = {
        "png": {"claim.png": inputs.png_header(3000, 300)},
        "jpeg": {"scans.jpg": inputs.scan_bomb(64, 64, 20)},
        "gif": {"claim.gif": inputs.gif(300, 300, 2)},
        "webp": {"claim.webp": inputs.webp_with_exif_claim(), "header.webp": inputs.webp_header(300, 300)},
        "bmp": {"red.bmp": inputs.bitmap(225, 20, 20, 4)},
    }
    if target == "image_any":
        return images(*every) | {name: file for files in made.values() for name, file in files.items()}
    return images(*kinds[target]) | made.get(target, {})


def exif() -> dict[str, bytes]:
    """Orientations in both byte orders, in each of the places that the target tries."""
    seeds = {}
    for place in range(3):
        for order, mark in [("little", b"II*\0"), ("big", b"MM\0*")]:
            number = lambda value, size: value.to_bytes(size, order)
            entry = number(0x112, 2) + number(3, 2) + number(1, 4) + number(6, 2) + bytes(2)
            seeds[f"{place}{order}"] = bytes([place]) + mark + number(8, 4) + number(1, 2) + entry + bytes(4)
    return seeds


def http() -> dict[str, dict[str, bytes]]:
    frame = lambda *data: json.dumps({"input_data": {"columns": ["image", "text"], "index": [0], "data": data}}).encode()
    tensor = lambda name, *data: {"name": name, "datatype": "BYTES", "shape": [len(data)], "data": data}
    return {
        "http_score": {"rows": frame(["aGk=", "a, b"], ["data:image/png;base64,aGk"]), "texts": frame(["", "a"], [None, "b"])},
        "http_embeddings": {"texts": b'{"input": ["a", {"image": "aGk="}], "encoding_format": "base64"}',
                            "part": b'{"input": {"type": "image_url", "image_url": {"url": "data:;base64,aGk="}}}'},
        "http_infer": {"json": json.dumps({"id": "7", "inputs": [tensor("image", "aGk="), tensor("labels", "a", "b")],
                                           "outputs": [{"name": "probs", "parameters": {"binary_data": True}}]}).encode(),
                       "binary": b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":6}}]}\0\2\0\0\0hi'},
    }


def rows() -> dict[str, dict[str, bytes]]:
    parquet = {path.name: path.read_bytes() for path in (ROOT / "tests").rglob("*.parquet")}
    return {
        "rows_csv": {"rows": b'id,image,text\n1,a.png,"cat, dog"\n2,"b ""c"".png",\n', "tabs": b"image;text\na;b\n"},
        "rows_jsonl": {"rows": b'{"id": 1, "image": "a.png", "text": "cat, dog"}\n{"image": "data:image/png;base64,aGk="}\n'},
        "rows_parquet": parquet,
        "journal": {"header": b'{"cliplet": 1}\n{"row":0,"id":"a","probs":[1.0],"labels":["a"]}\n{"row":1,"er'},
    }


def seeds(target: str) -> dict[str, bytes]:
    text = {name: (TINY / name).read_bytes() for name in ["config.json", "tokenizer.json", "preprocessor_config.json"]}
    small = {"tiny.gguf": (ROOT / "tests/parity/tiny-q8.gguf").read_bytes()}
    weights = (TINY / "model.safetensors").read_bytes()
    pickle = (ROOT / "tests/parity/models/pytorch-bin/pytorch_model.bin").read_bytes()
    if target in ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ico", "pnm", "tga", "qoi", "avif", "image_any"):
        return of_image_target(target)
    return {
        "gguf_stream": small, "gguf_file": small,
        "safetensors": {"tiny": weights, "pickle": pickle},
        "snapshot_files": {"tiny": b"\0" + weights, "pickle": b"\1" + pickle, "index": b'\2{"weight_map": {"a": "model.safetensors"}}'},
        "tokenizer_json": {"tiny": text["tokenizer.json"]},
        "config_json": {"tiny": text["config.json"]},
        "preprocessor_json": {"tiny": text["preprocessor_config.json"],
                              "size": b'{"size": {"shortest_edge": 9}, "crop_size": 8, "resample": 2, "image_mean": [0.5, 0.5, 0.5]}'},
        "exif": exif(),
        "labels": {"list": b"cat, dog,\nred circle", "template": b"a photo of a {}"},
        "data_uri": {"uri": b"data:image/png;base64,aGk=", "bare": b"aGk"},
        **http(), **rows(),
    }.get(target, {})


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[2])
    for name, data in seeds(sys.argv[1]).items():
        if len(data) <= LONGEST or sys.argv[1] in ("gguf_stream", "gguf_file", "safetensors", "snapshot_files"):
            (folder / f"seed-{name}").write_bytes(data[: 4 * LONGEST])

"""Milliseconds of one image and one text: cliplet in q8 beside ONNX Runtime with dynamic 8 bits, for models of several
families with random weights. Writes benches/results/models.csv, which the table of docs/models.md shows.

    models.py CLIPLET TOKENIZER WORK [NAME...]      from the repository's root

CLIPLET is the command, TOKENIZER a folder with CLIP's tokenizer.json, WORK a folder for models of some gigabytes. With
names, only those rows are measured anew. Matrices are quantized for ONNX Runtime, convolutions are not: those it runs
slower in 8 bits. `CLIPLET_UPDATE_TABLE=1 cargo test --test model_table` then writes the table.

Needs: pip install torch transformers open_clip_torch onnx onnxruntime
"""
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import onnxruntime
import open_clip
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import save_file
from timm.utils import reparameterize_model
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benches/results/models.csv"
COLUMNS = ["model", "image", "text", "onnx_image", "onnx_text"]
THREADS, REPEATS = 2, 15
# A prompt as `cliplet bench` embeds it, where texts are not padded.
TOKENS = 10


class Tower(torch.nn.Module):
    """One tower's way from inputs to embeddings."""

    def __init__(self, model, method):
        super().__init__()
        self.model, self.method = model, method

    def forward(self, inputs):
        embedded = getattr(self.model, self.method)(inputs)
        return embedded if isinstance(embedded, torch.Tensor) else embedded.pooler_output


def of_transformers(model, size, tokens):
    def make(folder, tokenizer):
        made = model().eval()
        made.save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(
            size=dict(height=size, width=size), crop_size=size, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3)))
        for file in tokenizer.iterdir():
            shutil.copy(file, folder)
        return Tower(made, "get_image_features"), Tower(made, "get_text_features"), size, tokens
    return make


def clip(text, vision, patch, dimension=512):
    def sizes(width, layers, heads):
        return dict(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=heads)
    config = CLIPConfig(text_config=sizes(*text) | dict(eos_token_id=2), vision_config=sizes(*vision) | dict(patch_size=patch),
                        projection_dim=dimension, attn_implementation="eager")
    return of_transformers(lambda: CLIPModel(config), 224, TOKENS)


def siglip(vocabulary):
    config = SiglipConfig(text_config=dict(vocab_size=vocabulary), attn_implementation="eager")
    return of_transformers(lambda: SiglipModel(config), 224, 64)


def mobileclip(name):
    def make(folder, tokenizer):
        made = open_clip.create_model(name).eval()
        config = open_clip.get_model_config(name)
        size = config["vision_cfg"]["image_size"]
        images = dict(mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear", resize_mode="shortest", size=size)
        (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=config, preprocess_cfg=images)))
        tensors = {k: v.contiguous() for k, v in made.state_dict().items() if k != "attn_mask"}
        save_file(tensors, folder / "open_clip_model.safetensors")
        for file in tokenizer.iterdir():
            shutil.copy(file, folder)
        made.visual.trunk = reparameterize_model(made.visual.trunk)
        return Tower(made, "encode_image"), Tower(made, "encode_text"), size, 77
    return make


SIGLIP_TOKENIZER = ROOT / "tests/parity/models/siglip"
MODELS = {
    "TinyCLIP ViT-8M/16": clip((256, 3, 4), (256, 10, 4), 16),
    "ViT-B/32": clip((512, 12, 8), (768, 12, 12), 32),
    "ViT-B/16": clip((512, 12, 8), (768, 12, 12), 16),
    "MobileCLIP 2 S0": mobileclip("MobileCLIP2-S0"),
    "MobileCLIP S2, 2 S2": mobileclip("MobileCLIP-S2"),
    "SigLIP B/16": siglip(32_000),
}


def folder_of(name):
    return re.sub("[^A-Za-z0-9]+", "-", name)


def median(call):
    call()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def export(tower, example, path, kind=QuantType.QInt8):
    """Writes a tower with its matrices in 8 bits."""
    exact = path.with_suffix(".f32.onnx")
    with torch.no_grad():
        torch.onnx.export(tower, (example,), str(exact), input_names=["inputs"], output_names=["embeds"], opset_version=17,
                          dynamo=False)
    quantize_dynamic(str(exact), str(path), weight_type=kind, op_types_to_quantize=["MatMul", "Gemm"])
    exact.unlink()


def onnx(tower, example, path):
    """Milliseconds of an exported tower."""
    export(tower, example, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return median(lambda: session.run(None, {"inputs": example.numpy()}))


def convert(cliplet, snapshot, file):
    subprocess.run([cliplet, "convert", snapshot, "-o", file, "--quant", "q8"], check=True, stderr=subprocess.DEVNULL)


def ours(cliplet, snapshot, file):
    """Milliseconds of an image and of a text by the command."""
    convert(cliplet, snapshot, file)
    command = [cliplet, "bench", "--model", file, "--batch", "1", "--repeat", str(REPEATS), "--format", "json"]
    environment = os.environ | dict(RAYON_NUM_THREADS=str(THREADS))
    lines = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.splitlines()
    figures = {row["what"]: row["median_ms"] for row in map(json.loads, lines)}
    return figures["image"], figures["text"]


def make(name, tokenizer, folder):
    """Makes the snapshot of a model in a new folder, and gives its towers, the side of its images and the tokens of a text."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tokenizer").mkdir(parents=True)
    small = SIGLIP_TOKENIZER if name.startswith("SigLIP") else tokenizer
    for file in ["tokenizer.json", "spiece.model", "tokenizer_config.json"]:
        if (small / file).exists():
            shutil.copy(small / file, folder / "tokenizer")
    torch.manual_seed(3)
    (folder / "snapshot").mkdir()
    return MODELS[name](folder / "snapshot", folder / "tokenizer")


def measure(name, cliplet, tokenizer, work):
    folder = work / folder_of(name)
    image, text, size, tokens = make(name, tokenizer, folder)
    row = [*ours(cliplet, folder / "snapshot", folder / "model.gguf"),
           onnx(image, torch.rand(1, 3, size, size), folder / "image.onnx"),
           onnx(text, torch.randint(1, 500, (1, tokens)), folder / "text.onnx")]
    shutil.rmtree(folder)
    return [name, *(f"{value:.0f}" if value >= 10 else f"{value:.1f}" for value in row)]


def main():
    # Its fused attention has no counterpart in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    cliplet, tokenizer, work, *names = sys.argv[1:]
    with open(RESULTS, newline="") as file:
        rows = {row[0]: row for row in csv.reader(file, delimiter=";")}
    for name in names or MODELS:
        rows[name] = measure(name, cliplet, Path(tokenizer), Path(work))
        print("; ".join(rows[name]), flush=True)
    order = [COLUMNS[0], *MODELS]
    with open(RESULTS, "w", newline="") as file:
        csv.writer(file, delimiter=";", lineterminator="\n").writerows(rows[name] for name in order if name in rows)


if __name__ == "__main__":
    main()

"""cliplet's native binary beside PyTorch transformers in float32 and ONNX Runtime's dynamic int8, on the same
pixels and the same threads, in turn.

    bench.py CLIPLET SNAPSHOT WORK RESULTS.md

SNAPSHOT is a ViT-B/32 as Hugging Face publishes it; ViT-B/16 and ViT-L/14 are made beside it in WORK, with its
tokenizer and random weights. The table is appended to RESULTS.md.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType
from transformers import CLIPConfig, CLIPModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))
from peer import Vision, export  # noqa: E402

THREADS = 2
ROUNDS = 3
BATCHES = (1, 16)
# openai/clip-vit-base-patch16 and openai/clip-vit-large-patch14, config.json
SHAPES = {
    "ViT-B/32": None,
    "ViT-B/16": {"projection_dim": 512, "vision": {"patch_size": 16}, "text": {}},
    "ViT-L/14": {
        "projection_dim": 768,
        "vision": {"patch_size": 14, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
                   "num_attention_heads": 16, "projection_dim": 768},
        "text": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "projection_dim": 768},
    },
}


def make(base, shape, out):
    """A snapshot of another shape with random weights of a trained model's order."""
    torch.manual_seed(3)
    config = json.loads((base / "config.json").read_text())
    for tower in ("vision", "text"):
        config[f"{tower}_config"].update(shape[tower])
    keep = ("text_config", "vision_config", "logit_scale_init_value")
    model = CLIPModel(CLIPConfig(projection_dim=shape["projection_dim"], **{k: config[k] for k in keep}))
    model.save_pretrained(out)
    for name in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        if (base / name).exists():
            shutil.copy(base / name, out)


def timed(work, repeats):
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("cliplet", "snapshot", "work", "results"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    rows = []
    for name, shape in SHAPES.items():
        folder = args.work / name.replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        snapshot = args.snapshot
        if shape:
            snapshot = folder / "snapshot"
            if not (snapshot / "tokenizer.json").exists():
                print(f"{name}: making a checkpoint", file=sys.stderr)
                make(args.snapshot, shape, snapshot)
        gguf, onnx = folder / "model.gguf", folder / "vision.onnx"
        if not gguf.exists():
            subprocess.run([args.cliplet, "convert", snapshot, "-o", gguf, "--quant", "q8"], check=True)
        vision = Vision(CLIPModel.from_pretrained(snapshot, attn_implementation="sdpa").eval())
        if not onnx.exists():
            print(f"{name}: quantizing for ONNX Runtime", file=sys.stderr)
            eager = CLIPModel.from_pretrained(snapshot, attn_implementation="eager").eval()
            export(Vision(eager), torch.zeros(2, 3, 224, 224), "vision", {0: "batch"}, QuantType.QUInt8, folder)
        session = onnxruntime.InferenceSession(str(onnx), options)
        times = {(who, batch): [] for who in ("cliplet", "torch", "ort") for batch in BATCHES}
        for turn in range(ROUNDS):
            print(f"{name}: round {turn + 1} of {ROUNDS}", file=sys.stderr)
            for batch in BATCHES:
                repeats = 7 if batch == 1 else 3
                command = [args.cliplet, "bench", "--model", gguf, "--batch", str(batch), "--repeat", str(repeats), "--format", "jsonl"]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                images = next(row for row in map(json.loads, said.splitlines()) if row["what"] == "image")
                times["cliplet", batch].append(images["median_ms"])
                pixels = torch.randn(batch, 3, 224, 224)
                with torch.inference_mode():
                    times["torch", batch] += timed(lambda: vision(pixels), repeats)
                values = {"vision": pixels.numpy().astype(np.float32)}
                times["ort", batch] += timed(lambda: session.run(None, values), repeats)
        for batch in BATCHES:
            ours, torch_ms, ort_ms = (statistics.median(times[who, batch]) / batch for who in ("cliplet", "torch", "ort"))
            rows.append(f"| {name}, batch of {batch} | {ours:.1f} | {torch_ms:.1f} | {ort_ms:.1f} | {torch_ms / ours:.2f} | {ort_ms / ours:.2f} |")
            print(rows[-1], file=sys.stderr)
    with args.results.open("a") as results:
        results.write(f"""
## The native binary

Milliseconds an image without decoding, {THREADS} threads, medians of {ROUNDS} rounds in turn; PyTorch {torch.__version__} runs transformers in float32
(SDPA), ONNX Runtime {onnxruntime.__version__} its dynamic int8 of the same weights.

| what | cliplet q8 | PyTorch float32 | ONNX Runtime int8 | times PyTorch | times ONNX Runtime |
|---|---|---|---|---|---|
{chr(10).join(rows)}
""")


if __name__ == "__main__":
    main()

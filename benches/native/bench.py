"""cliplet's native binary beside PyTorch transformers in float32, the dynamic int8 of ONNX Runtime and of LiteRT, and
faster-clip, on the same number of threads, in turn.

    bench.py CLIPLET SNAPSHOT WORK RESULTS

SNAPSHOT is a ViT-B/32 as Hugging Face publishes it; ViT-B/16 and ViT-L/14 are made beside it in WORK, with its
tokenizer and random weights. cliplet is measured with the machine's best kernel and with the `avx2` one. The table is
appended to the file RESULTS.
"""
import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from ai_edge_litert.interpreter import Interpreter
from onnxruntime.quantization import QuantType
from PIL import Image
from transformers import CLIPConfig, CLIPModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))
from litert import convert  # noqa: E402
from peer import Vision, export  # noqa: E402

THREADS = 2
ROUNDS = 3
BATCHES = (1, 16)
# Column titles of the engines; LiteRT and faster-clip embed a batch one by one.
ENGINES = {"best": "cliplet q8", "avx2": "cliplet q8, `avx2`", "torch": "PyTorch float32", "ort": "ONNX Runtime int8",
           "litert": "LiteRT int8", "faster": "faster-clip"}
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


def gmacs(vision, projection):
    """Multiply-accumulates, in 10⁹, of the products with weights that cliplet computes for one image: of the last block,
    keys and values of all tokens, and the rest of the class token alone."""
    width, tokens = vision["hidden_size"], (vision["image_size"] // vision["patch_size"]) ** 2
    patches = tokens * width * 3 * vision["patch_size"] ** 2
    token = 4 * width * width + 2 * width * vision["intermediate_size"]
    blocks = (vision["num_hidden_layers"] - 1) * (tokens + 1) * token
    last = 2 * (tokens + 1) * width * width + token - 2 * width * width
    return (patches + blocks + last + width * projection) / 1e9


def run_cliplet(command, gguf, batch, repeats, kernel):
    """The figures of `cliplet bench` for images."""
    environment = os.environ | ({"CLIPLET_KERNEL": kernel} if kernel else {})
    options = ["--model", gguf, "--batch", str(batch), "--repeat", str(repeats), "--format", "jsonl"]
    out = subprocess.run([command, "bench", *options], check=True, capture_output=True, text=True, env=environment).stdout
    return next(row for row in map(json.loads, out.splitlines()) if row["what"] == "image")


def load_litert(model, file):
    """A function that runs the image tower in LiteRT on one image."""
    if not file.exists():
        print(f"{file}: converting for LiteRT", file=sys.stderr)
        convert(Vision(model), (torch.zeros(1, 3, 224, 224),), file)
    interpreter = Interpreter(str(file), num_threads=THREADS)
    interpreter.allocate_tensors()
    target, source = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(pixels):
        for image in pixels:
            interpreter.set_tensor(target, image[None])
            interpreter.invoke()
            interpreter.get_tensor(source)

    return run


def load_faster_clip(snapshot, cache):
    """A function that embeds a number of images by faster-clip; it decodes them itself, from 224 x 224 BMP files."""
    weights = cache / "sentence-transformers__clip-ViT-B-32" / "0_CLIPModel" / "model.safetensors"
    weights.parent.mkdir(parents=True, exist_ok=True)
    if not weights.exists():
        weights.symlink_to(snapshot.resolve() / weights.name)
    os.environ["FASTER_CLIP_CACHE"] = str(cache)
    os.environ["RAYON_NUM_THREADS"] = str(THREADS)
    from faster_clip import ClipModel

    model, file = ClipModel(), io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)).save(file, "BMP")
    return lambda count: model.encode_image([file.getvalue()] * count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("cliplet", "snapshot", "work", "results"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(THREADS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    rows, distances = [], []
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
        model = CLIPModel.from_pretrained(snapshot, attn_implementation="sdpa").eval()
        vision = Vision(model)
        if not onnx.exists():
            print(f"{name}: quantizing for ONNX Runtime", file=sys.stderr)
            eager = CLIPModel.from_pretrained(snapshot, attn_implementation="eager").eval()
            # The fastest form: with unsigned weights or convolutions in int8 it takes twice as long with VNNI.
            export(Vision(eager), torch.zeros(2, 3, 224, 224), "vision", {0: "batch"}, QuantType.QInt8, folder, ["MatMul", "Gemm"])
        session = onnxruntime.InferenceSession(str(onnx), options)
        litert = load_litert(model, folder / "vision.tflite")
        faster = None if shape else load_faster_clip(snapshot, args.work / "faster-clip")
        times = {(engine, batch): [] for engine in ENGINES for batch in BATCHES}
        for turn in range(ROUNDS):
            print(f"{name}: round {turn + 1} of {ROUNDS}", file=sys.stderr)
            for batch in BATCHES:
                repeats = 7 if batch == 1 else 3
                pixels = torch.randn(batch, 3, 224, 224)
                values = pixels.numpy().astype(np.float32)
                for engine, kernel in (("best", None), ("avx2", "avx2")):
                    figures = run_cliplet(args.cliplet, gguf, batch, repeats, kernel)
                    times[engine, batch].append(figures["median_ms"])
                    if batch == 1 and turn == 0:
                        bound = 1000 * gmacs(model.config.vision_config.to_dict(), model.config.projection_dim) * 1e9
                        distances.append((name, figures["kernel"], figures["peak_per_thread"], bound / figures["peak_per_thread"] / THREADS, engine))
                with torch.inference_mode():
                    times["torch", batch] += timed(lambda: vision(pixels), repeats)
                times["ort", batch] += timed(lambda: session.run(None, {"vision": values}), repeats)
                times["litert", batch] += timed(lambda: litert(values), repeats)
                if faster:
                    times["faster", batch] += timed(lambda: faster(batch), repeats)
        medians = {key: statistics.median(all) / key[1] for key, all in times.items() if all}
        for batch in BATCHES:
            cells = [f"{medians[engine, batch]:.1f}" if (engine, batch) in medians else "" for engine in ENGINES]
            peers = min(medians[key] for key in medians if key[1] == batch and key[0] in ("ort", "litert", "faster"))
            ratio = peers / medians["best", batch]
            rows.append(f"| {name}, batch of {batch} | {' | '.join(cells)} | {ratio:.2f} |")
            print(rows[-1], file=sys.stderr)
        distances = [d if len(d) == 6 else (*d, medians[d[4], 16]) for d in distances]
    bounds = [f"| {name} | `{kernel}` | {peak / 1e9:.0f} | {bound:.1f} | {reached:.1f} | {100 * bound / reached:.0f} % |"
              for name, kernel, peak, bound, _, reached in distances]
    with args.results.open("a") as results:
        results.write(f"""
## The native binary

Milliseconds an image without decoding (faster-clip decodes a BMP), {THREADS} threads, medians of {ROUNDS} rounds in turn; PyTorch {torch.__version__} runs
transformers in float32 (SDPA), ONNX Runtime {onnxruntime.__version__} and LiteRT {version("ai-edge-litert")} dynamic int8 of the same weights, faster-clip {version("faster-clip")} its own 8-bit weights.
LiteRT and faster-clip embed a batch one by one. *times faster* is the fastest int8 peer over cliplet's best kernel; `avx2`
is what the same binary does where there is no VNNI (the peers use what the machine has).

| what | {' | '.join(ENGINES.values())} | times faster |
|---|---{'|---' * len(ENGINES)}|
{chr(10).join(rows)}

The peak of a kernel's instruction (`Kernel::peak`, one thread, operands in the first-level cache), in 10⁹
multiply-accumulates a second; at that rate two threads would take *bound* ms for the products of an image:

| model | kernel | peak | bound | reached, batch of 16 | share of the peak |
|---|---|---|---|---|---|
{chr(10).join(bounds)}
""")


if __name__ == "__main__":
    main()

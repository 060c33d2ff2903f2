"""cliplet on a GPU beside PyTorch transformers (SDPA) on the same one: pictures and texts a second, in batches
of several sizes, and pictures with decoding from JPEG files.

    gpu.py CLIPLET SNAPSHOT [--device cuda:0] [--dtype f16] [--batches 1,32,256] [--files 2048]

CLIPLET is the binary of that device (for CUDA: cargo build --release --features cuda). Texts are tokenized in the
time of both; pictures without decoding start from their values, and with it from files of 640 x 480, decoded on
every core by both. Both load the model first: with decoding, a run of half the files is taken off.
Prints a Markdown table. `--device cpu --dtype f32` measures the same without a GPU.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))
from peer import Text, Vision  # noqa: E402

REPEATS = 7
TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def photos(folder, count):
    """Smooth pictures with fine noise on them, so that the files are as large as photos are."""
    generator = torch.Generator().manual_seed(5)
    for i in range(count):
        parts = [torch.rand(1, 3, side, side, generator=generator) for side in (5, 40)]
        smooth = sum(F.interpolate(part, size=(480, 640), mode="bicubic") for part in parts) / 2
        pixels = (smooth + 0.04 * torch.randn(1, 3, 480, 640, generator=generator)).clamp(0, 1)[0]
        Image.fromarray((pixels * 255).byte().permute(1, 2, 0).numpy()).save(folder / f"{i:05}.jpg", quality=90)


class Files(torch.utils.data.Dataset):
    """Pictures as the model takes them, decoded where they are asked for."""

    def __init__(self, paths, processor):
        self.paths, self.processor = paths, processor

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as picture:
            return self.processor(picture.convert("RGB"), return_tensors="pt").pixel_values[0]


class Peer:
    """transformers in PyTorch: rates of the same work."""

    def __init__(self, snapshot, device, dtype):
        self.device, self.dtype = torch.device(device), dtype
        model = CLIPModel.from_pretrained(snapshot, attn_implementation="sdpa").eval().to(self.device, dtype)
        self.vision, self.text = Vision(model), Text(model)
        self.size = model.config.vision_config.image_size
        self.tokenizer = CLIPTokenizerFast.from_pretrained(snapshot)
        self.processor = CLIPImageProcessor.from_pretrained(snapshot)

    def embed(self, tower, values):
        """On the device and back: the answer is waited for, as cliplet's is."""
        with torch.inference_mode():
            return tower(values.to(self.device, non_blocking=True)).float().cpu()

    def rate(self, batch, work):
        work()
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return batch / statistics.median(times)

    def images(self, batch):
        pixels = torch.randn(batch, 3, self.size, self.size, dtype=self.dtype)
        return self.rate(batch, lambda: self.embed(self.vision, pixels))

    def texts(self, batch):
        words = [f"a photo of object number {i}" for i in range(batch)]
        tokenized = lambda: self.tokenizer(words, padding=True, return_tensors="pt").input_ids  # noqa: E731
        return self.rate(batch, lambda: self.embed(self.text, tokenized()))

    def files(self, paths, batch):
        """Seconds for all of them."""
        loader = torch.utils.data.DataLoader(Files(paths, self.processor), batch, num_workers=os.cpu_count())
        start = time.perf_counter()
        for pixels in loader:
            self.embed(self.vision, pixels.to(self.dtype))
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cliplet", type=Path)
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dtype", choices=TYPES, default="f16")
    parser.add_argument("--batches", default="1,32,256")
    parser.add_argument("--files", type=int, default=2048)
    args = parser.parse_args()
    batches = [int(batch) for batch in args.batches.split(",")]
    where = ["--model", args.snapshot, "--device", args.device, "--dtype", args.dtype]
    peer = Peer(args.snapshot, args.device, TYPES[args.dtype])

    print("| what | batch | cliplet | PyTorch | times |\n|---|---|---|---|---|")
    row = lambda what, batch, ours, theirs: print(  # noqa: E731
        f"| {what} | {batch} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |", flush=True)
    command = [args.cliplet, "bench", *where, "--repeat", str(REPEATS), "--format", "jsonl", "--batch", args.batches]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for figure in map(json.loads, said.splitlines()):
        theirs = peer.images if figure["what"] == "image" else peer.texts
        row(f"{figure['what']}s a second", figure["batch"], figure["per_second"], theirs(figure["batch"]))

    with tempfile.TemporaryDirectory() as work:
        half, whole = Path(work, "half"), Path(work, "whole")
        half.mkdir()
        whole.mkdir()
        photos(whole, args.files)
        for path in sorted(whole.iterdir())[:args.files // 2]:
            os.link(path, half / path.name)

        def ours(folder, batch):
            command = [args.cliplet, "batch", folder, *where, "--task", "embeddings", "--batch-size", str(batch)]
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return time.perf_counter() - start

        for batch in batches:
            more = args.files - args.files // 2
            rates = [more / (run(whole) - run(half)) for run in (
                lambda folder: ours(folder, batch),
                lambda folder: peer.files(sorted(folder.iterdir()), batch))]
            row("images a second, decoded", batch, *rates)


if __name__ == "__main__":
    main()

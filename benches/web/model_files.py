"""Makes what models.mjs compares: random models of several families as files of cliplet in q8, and their image towers as
dynamically quantized ONNX.

    model_files.py CLIPLET TOKENIZER OUT [NAME...]      from the repository's root

CLIPLET is the command, TOKENIZER a folder with CLIP's tokenizer.json. OUT receives a folder for each model: model.gguf;
image.onnx, its matrices in 8 bits (QUInt8, as the published files of image towers have them) and its convolutions in
float32; image.bin (an image, RGBA); embeds.bin (its embedding in float32); and model.json (name, side, mean, deviation).
With names, only those models are made.

Needs: pip install torch transformers open_clip_torch onnx onnxruntime
"""
import json
import shutil
import sys
from pathlib import Path

import numpy
import torch
from onnxruntime.quantization import QuantType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "native"))
from models import MODELS, convert, export, folder_of, make  # noqa: E402


def drawn(size):
    """An image with parts of several sizes, `[1, 3, size, size]` of whole numbers."""
    parts = [torch.nn.functional.interpolate(torch.rand(1, 3, side, side), size=(size, size), mode="bicubic")
             for side in (4, 15, 60)]
    return (sum(parts) / 3).clamp(0, 1).mul(255).round()


def main():
    # Its fused attention has no counterpart in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    cliplet, tokenizer, out, *names = sys.argv[1:]
    for name in names or MODELS:
        folder = Path(out) / folder_of(name)
        tower, _, size, _ = make(name, Path(tokenizer), folder)
        mean, deviation = (0, 1) if name.startswith("MobileCLIP") else (0.5, 0.5)
        convert(cliplet, folder / "snapshot", folder / "model.gguf")
        image = drawn(size)
        pixels = (image / 255 - mean) / deviation
        rgba = torch.cat([image, torch.full((1, 1, size, size), 255.0)], 1).to(torch.uint8)
        rgba.permute(0, 2, 3, 1).numpy().tofile(folder / "image.bin")
        with torch.no_grad():
            tower(pixels).numpy().astype(numpy.float32).tofile(folder / "embeds.bin")
        export(tower, pixels, folder / "image.onnx", QuantType.QUInt8)
        (folder / "model.json").write_text(json.dumps(dict(name=name, size=size, mean=mean, deviation=deviation)))
        shutil.rmtree(folder / "snapshot")
        shutil.rmtree(folder / "tokenizer")
        print(name, flush=True)


if __name__ == "__main__":
    main()

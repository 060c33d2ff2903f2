"""Makes what the browser bench compares: a snapshot's towers as dynamically quantized ONNX files, pictures,
prompts, and what transformers makes of them in float32.

    peer.py SNAPSHOT OUT

OUT receives vision.onnx (weights QUInt8) and text.onnx (QInt8), the same settings as the published quantized
files of Xenova/clip-vit-base-patch32; images.bin (16 pictures, 224 x 224 RGBA); prompts.json (texts and their
ids, padded to the longest); image_embeds.bin and text_embeds.bin (float32).
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from transformers import CLIPModel, CLIPTokenizerFast

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
COLOURS = "red green blue yellow black white orange purple brown grey".split()
THINGS = ["cat", "dog", "car", "house", "racing bicycle", "cup of coffee", "tree", "boat", "mountain at night", "chair"]


class Vision(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, pixel_values):
        return self.model.visual_projection(self.model.vision_model(pixel_values).pooler_output)


class Text(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model.text_projection(self.model.text_model(input_ids).pooler_output)


def export(module, example, name, axes, kind, out, operators=None):
    """Writes a tower in dynamic int8 with weights of this kind: of all operators that have such a form, or of those named."""
    exact, prepared = out / f"{name}-f32.onnx", out / f"{name}-prepared.onnx"
    torch.onnx.export(module, (example,), str(exact), input_names=[name], output_names=["embeds"],
                      dynamic_axes={name: axes, "embeds": {0: "batch"}}, opset_version=17, dynamo=False)
    quant_pre_process(str(exact), str(prepared), skip_symbolic_shape=True)
    quantize_dynamic(str(prepared), str(out / f"{name}.onnx"), weight_type=kind, op_types_to_quantize=operators)
    exact.unlink()
    prepared.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    model = CLIPModel.from_pretrained(args.snapshot, attn_implementation="eager").eval()
    tokenizer = CLIPTokenizerFast.from_pretrained(args.snapshot)

    smooth = sum(F.interpolate(torch.rand(16, 3, side, side), size=(224, 224), mode="bicubic") for side in (4, 15, 60)) / 3
    pictures = (smooth.clamp(0, 1) * 255).round()
    rgba = torch.cat([pictures, torch.full((16, 1, 224, 224), 255.0)], 1).to(torch.uint8)
    rgba.permute(0, 2, 3, 1).numpy().tofile(args.out / "images.bin")
    prompts = [f"a photo of a {colour} {thing}" for thing in THINGS for colour in COLOURS]
    ids = tokenizer(prompts, padding=True, return_tensors="pt").input_ids
    (args.out / "prompts.json").write_text(json.dumps({
        "template": "a photo of a {}", "labels": [p.removeprefix("a photo of a ") for p in prompts], "ids": ids.tolist(),
        "end": int(ids.max())}))
    with torch.no_grad():
        Vision(model)((pictures / 255 - MEAN) / STD).numpy().astype(np.float32).tofile(args.out / "image_embeds.bin")
        Text(model)(ids).numpy().astype(np.float32).tofile(args.out / "text_embeds.bin")
        export(Vision(model), (pictures[:2] / 255 - MEAN) / STD, "vision", {0: "batch"}, QuantType.QUInt8, args.out)
        export(Text(model), ids[:2], "text", {0: "batch", 1: "tokens"}, QuantType.QInt8, args.out)


if __name__ == "__main__":
    main()

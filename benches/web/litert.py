"""Makes what the bench gives to LiteRT: both towers of a snapshot as .tflite files with dynamic int8 products.

    litert.py SNAPSHOT OUT

OUT is the folder that peer.py wrote. It receives vision.tflite (one image) and text.tflite (all prompts of
prompts.json, padded to the longest). LiteRT compiles a model for fixed shapes.
"""
import argparse
import json
from pathlib import Path

import litert_torch
import torch
from ai_edge_quantizer import quantizer, recipe
from peer import Vision
from transformers import CLIPModel


class Text(torch.nn.Module):
    """The text tower with explicit masks and with the place of the end token given, which LiteRT's converter asks for."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, ends):
        hidden = self.model.text_model(input_ids).last_hidden_state
        return self.model.text_projection(torch.bmm(ends.unsqueeze(1), hidden).squeeze(1))


def convert(module, example, out):
    """Converts in float32, then quantizes the weights to 8 bits a channel; activations are quantized as it runs."""
    exact = out.with_suffix(".f32.tflite")
    litert_torch.convert(module.eval(), example).export(str(exact))
    worker = quantizer.Quantizer(str(exact))
    worker.load_quantization_recipe(recipe.dynamic_wi8_afp32())
    worker.quantize().export_model(str(out), overwrite=True)
    exact.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("snapshot", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    model = CLIPModel.from_pretrained(args.snapshot, attn_implementation="eager").eval()
    ids = torch.tensor(json.loads((args.out / "prompts.json").read_text())["ids"])
    ends = torch.nn.functional.one_hot(ids.argmax(1), ids.shape[1]).float()
    convert(Vision(model), (torch.zeros(1, 3, 224, 224),), args.out / "vision.tflite")
    convert(Text(model), (ids.int(), ends), args.out / "text.tflite")


if __name__ == "__main__":
    main()

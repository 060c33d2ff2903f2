"""Writes a Hugging Face snapshot of a checkpoint and checks it in `transformers` itself."""

import argparse
import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from data import MEAN, STD, SIZE
from model import EMBEDDING, TEXT, VISION, Clip, huggingface_state
from vocabulary import END, START, encode

CARD = """---
license: {license}
language: en
pipeline_tag: zero-shot-image-classification
tags: [clip, vision]
---

# cliplet-small

A small CLIP trained from scratch: 64-pixel pictures, {parameters:.1f} million parameters. It knows 200 everyday
things, colours, shapes and emoji; it is a demonstration, not a substitute for the large trained models.
The model card in `models/README.md` says what it was trained on and what it cannot do.
"""


def config(tokenizer):
    """The CLIPConfig."""
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    shared = {"attention_dropout": 0.0, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
              "initializer_factor": 1.0, "initializer_range": 0.02, "projection_dim": EMBEDDING}
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": EMBEDDING,
        "initializer_factor": 1.0, "logit_scale_init_value": 2.6592, "torch_dtype": "float32",
        "text_config": {**shared, "model_type": "clip_text_model", "vocab_size": tokenizer.get_vocab_size(),
                        "hidden_size": TEXT["width"], "intermediate_size": 4 * TEXT["width"],
                        "num_hidden_layers": TEXT["layers"], "num_attention_heads": TEXT["heads"],
                        "max_position_embeddings": TEXT["context"], "bos_token_id": start, "eos_token_id": end,
                        "pad_token_id": end},
        "vision_config": {**shared, "model_type": "clip_vision_model", "hidden_size": VISION["width"],
                          "intermediate_size": 4 * VISION["width"], "num_hidden_layers": VISION["layers"],
                          "num_attention_heads": VISION["heads"], "num_channels": 3,
                          "image_size": VISION["image"], "patch_size": VISION["patch"]},
    }


def export(clip, tokenizer_path, folder, license="other", state=None):
    """Writes the snapshot beside `folder`, then puts it in its place."""
    folder = Path(folder)
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    size = {"crop_size": {"height": SIZE, "width": SIZE}, "size": {"shortest_edge": SIZE}}
    files = {
        "config.json": config(tokenizer),
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True,
            "do_center_crop": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
            "image_mean": MEAN, "image_std": STD, "resample": 3, **size},
        "tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer", "backend": "tokenizers", "bos_token": START, "eos_token": END,
            "unk_token": END, "pad_token": END, "model_max_length": TEXT["context"]},
    }
    for name, content in files.items():
        (fresh / name).write_text(json.dumps(content, indent=2) + "\n")
    shutil.copyfile(tokenizer_path, fresh / "tokenizer.json")
    save_file(huggingface_state(clip), fresh / "model.safetensors", metadata={"format": "pt"})
    parameters = sum(p.numel() for p in clip.parameters()) / 1e6
    (fresh / "README.md").write_text(CARD.format(license=license, parameters=parameters))
    if state:
        (fresh / "STATE.txt").write_text(state + "\n")
    check(clip, fresh)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


@torch.no_grad()
def check(clip, folder):
    """Loads the snapshot in `transformers`; its embeddings must be those of the training model."""
    from PIL import Image
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(folder).eval(), CLIPProcessor.from_pretrained(folder)
    texts = ["a photo of a golden retriever", "three small red circles on a blue background", "Zürich, 猫!"]
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    inputs = processor(text=texts, images=[Image.fromarray(n) for n in noise], return_tensors="pt", padding=True)
    output = model(**inputs)
    images, _ = clip.embed_images(inputs["pixel_values"])
    ids = encode(Tokenizer.from_file(str(Path(folder) / "tokenizer.json")), texts)
    captions = clip.embed_texts(*map(torch.from_numpy, ids))
    for name, ours, theirs in (("image", images, output.image_embeds), ("text", captions, output.text_embeds)):
        error = (ours - theirs).abs().max().item()
        if not error < 1e-4:
            raise ValueError(f"{name} embeddings of the snapshot differ by {error:.2g} from the training model's")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="final.pt or last.pt of train.py")
    parser.add_argument("tokenizer", help="tokenizer.json of train.py")
    parser.add_argument("folder", help="where the snapshot goes")
    parser.add_argument("--license", default="other")
    parser.add_argument("--state", help="a line for STATE.txt")
    args = parser.parse_args()
    torch.set_num_threads(1)
    kept = torch.load(args.checkpoint, map_location="cpu", weights_only=True)
    clip = Clip(Tokenizer.from_file(args.tokenizer).get_vocab_size())
    clip.load_state_dict(kept["average"])
    export(clip.eval(), args.tokenizer, args.folder, args.license, args.state)


if __name__ == "__main__":
    main()

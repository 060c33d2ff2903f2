#!/usr/bin/env python3
"""Write the tiny CLIP that tests/parity.rs checks, and what Hugging Face transformers makes of it.

    python3 tests/parity/make_golden.py        # from the repository's root

tiny/       a whole snapshot with random float16 weights: QuickGELU, pooled at the largest id, towers of
            different widths, one of them no multiple of 32; reference.safetensors beside it
tiny-gelu/  config.json and reference.safetensors of the same weights with GELU, pooled at the end token

Needs: pip install torch transformers safetensors
"""
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.tokenization_clip import CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["a photo of a cat", "a photo of a dog", "", "naïve café — 北京 🚀 #2", "x " * 30, "a photo of a cat"]
MERGES = [("a", "t</w>"), ("p", "h"), ("o", "t"), ("ph", "ot"), ("phot", "o</w>"), ("o", "f</w>"), ("c", "at</w>")]


def byte_letters():
    """The printable letter that stands for each byte in a byte-level vocabulary, in its order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(rest))]


def tokenizer(folder):
    letters = byte_letters()
    words = letters + [c + "</w>" for c in letters] + [a + b for a, b in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: i for i, word in enumerate(words)}
    made = CLIPTokenizer(vocab=vocab, merges=MERGES, model_max_length=16)
    made.save_pretrained(folder)
    for extra in ("special_tokens_map.json", "tokenizer_config.json"):
        (folder / extra).unlink(missing_ok=True)
    return made, len(words)


def config(vocab, act, eos):
    text = dict(vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                max_position_embeddings=16, hidden_act=act, eos_token_id=eos, bos_token_id=vocab - 2)
    vision = dict(hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=3, image_size=32,
                  patch_size=8, hidden_act=act)
    return dict(model_type="clip", projection_dim=32, text_config=text, vision_config=vision)


def reference(model, ids, pixels):
    with torch.no_grad():
        images = model.visual_projection(model.vision_model(pixels).pooler_output)
        texts = model.text_projection(model.text_model(ids).pooler_output)
        logits = model(input_ids=ids, pixel_values=pixels).logits_per_image
    return dict(image_embeds=images, text_embeds=texts, logits_per_image=logits.contiguous())


def main():
    tiny, gelu = HERE / "tiny", HERE / "tiny-gelu"
    tiny.mkdir(exist_ok=True)
    gelu.mkdir(exist_ok=True)
    tok, vocab = tokenizer(tiny)
    ids = tok(TEXTS, padding="max_length", truncation=True, max_length=16, return_tensors="pt").input_ids
    torch.manual_seed(1)
    quick = config(vocab, "quick_gelu", 2)
    model = CLIPModel(CLIPConfig(**quick)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim >= 2 and "embedding" not in name:
                p.mul_(2.0)
            elif "norm" in name or name.endswith("bias"):
                p.add_(torch.randn_like(p) * 0.1)
        model.logit_scale.fill_(4.6052)
        for p in model.parameters():
            p.copy_(p.half().float())
    state = {k: v.detach().half().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    save_file(state, tiny / "model.safetensors", metadata={"format": "pt"})
    pixels = torch.randn(3, 3, 32, 32).half().float()
    (tiny / "config.json").write_text(json.dumps(quick, indent=1))
    (tiny / "preprocessor_config.json").write_text(json.dumps({"crop_size": 32, "size": 32}))
    (tiny / "README.md").write_text("---\nlicense: mit\n---\nRandom weights for tests; see ../make_golden.py.\n")
    inputs = dict(pixel_values=pixels, input_ids=ids)
    save_file(inputs | reference(model, ids, pixels), tiny / "reference.safetensors", metadata={"texts": json.dumps(TEXTS)})

    other = config(vocab, "gelu", vocab - 1)
    model = CLIPModel(CLIPConfig(**other)).eval()
    model.load_state_dict({k: v.float() for k, v in load_file(tiny / "model.safetensors").items()}, strict=False)
    (gelu / "config.json").write_text(json.dumps(other, indent=1))
    save_file(inputs | reference(model, ids, pixels), gelu / "reference.safetensors")


main()

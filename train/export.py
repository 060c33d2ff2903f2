"""Writes a Hugging-Face-like snapshot: config, weights, tokenizer and image processor."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer

from backbone import CLASSES, EARLY_BLOCK, MEAN, POOLED, RESIZED, SIZE, STD
from head import HIDDEN, TEMPERATURE
from targets import WIDTH
from vocabulary import CONTEXT, END, START


TEXT_FIELDS = ("hidden_size", "intermediate_size", "projection_dim", "num_hidden_layers", "num_attention_heads",
               "max_position_embeddings", "hidden_act", "layer_norm_eps", "bos_token_id", "eos_token_id", "pad_token_id")


def vision_config(backbone):
    """The image tower's sizes, read off the PyTorch model."""
    blocks = [{"kernel_size": b._depthwise_conv.kernel_size[0], "stride": int(b._depthwise_conv.stride[0]),
               "expand_ratio": b._block_args.expand_ratio, "in_channels": b._block_args.input_filters,
               "out_channels": b._block_args.output_filters} for b in backbone._blocks]
    return {"model_type": "efficientnet_lite", "image_size": SIZE, "hidden_act": "relu6", "num_channels": 3,
            "stem_channels": backbone._conv_stem.out_channels, "head_channels": POOLED, "batch_norm_eps": backbone._bn1.eps,
            "blocks": blocks, "projection_dim": WIDTH,
            "head": {"kind": "softmax_mlp", "classes": CLASSES, "temperature": TEMPERATURE, "hidden": HIDDEN,
                     "early_block": EARLY_BLOCK}}


def export(text, head, backbone, tokenizer_path, folder, logit_scale, no_match):
    """Writes the snapshot beside `folder`, then puts it in its place.

    `logit_scale` multiplies cosines; below the cosine `no_match` an image is none of the labels.
    """
    folder = Path(folder)
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    text_config = {k: getattr(text.config, k) for k in TEXT_FIELDS}
    log_scale = torch.tensor(logit_scale).log()
    config = {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": WIDTH, "torch_dtype": "float32",
              "logit_scale_init_value": round(log_scale.item(), 4), "no_match_threshold": round(no_match, 4),
              "text_config": {**text_config, "model_type": "clip_text_model", "vocab_size": tokenizer.get_vocab_size()},
              "vision_config": vision_config(backbone)}
    processor = {"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": True, "do_resize": True,
                 "do_center_crop": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
                 "image_mean": [MEAN] * 3, "image_std": [STD] * 3, "resample": 3,
                 "size": {"shortest_edge": RESIZED}, "crop_size": {"height": SIZE, "width": SIZE}}
    words = {"tokenizer_class": "CLIPTokenizer", "bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END,
             "model_max_length": CONTEXT}
    (fresh / "README.md").write_text("---\nlicense: apache-2.0\nlanguage: en\n---\n")
    for name, content in {"config": config, "preprocessor_config": processor, "tokenizer_config": words}.items():
        (fresh / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    shutil.copyfile(tokenizer_path, fresh / "tokenizer.json")

    tensors = {k: v for k, v in text.state_dict().items() if not k.endswith("position_ids")}
    tensors |= {f"vision_model.{k}": v for k, v in backbone.state_dict().items()
                if not k.startswith("_fc") and not k.endswith("num_batches_tracked")}
    tensors |= head.tensors()
    tensors["logit_scale"] = log_scale
    tensors = {k: v.detach().float().contiguous().clone() for k, v in tensors.items()}
    save_file(tensors, fresh / "model.safetensors", metadata={"format": "pt"})
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(fresh, folder)
    return sum(v.numel() for v in tensors.values())

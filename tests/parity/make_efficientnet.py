#!/usr/bin/env python3
"""Write the tiny EfficientNet-Lite CLIP that the tests check, and what the PyTorch package makes of it.

    python3 tests/parity/make_efficientnet.py        # from the repository's root, after make_golden.py

tiny-efficientnet/  a whole snapshot with random weights: the text tower, tokenizer and texts of tiny/, and an image
                    tower with every kind of block, batch norms as training leaves them; reference.safetensors beside

The image tower is efficientnet_lite_pytorch's own code, told another list of blocks; text embeddings are
transformers'. The reference also holds a linear head, which the tests put in the place of the snapshot's, and its
embeddings.

Needs: pip install torch transformers safetensors efficientnet-lite-pytorch
"""
import json
import pathlib

import torch
from efficientnet_lite_pytorch.model import EfficientNet
from efficientnet_lite_pytorch.utils import BlockArgs, GlobalParams
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

HERE = pathlib.Path(__file__).resolve().parent
SIZE, HEAD, PROJECTION, CLASSES, HIDDEN, TEMPERATURE, EARLY = 38, 48, 32, 10, 24, 0.7, 1
# Kernel, stride, expansion, inputs, outputs: every kind of block, with and without its input added, at even
# and at odd sizes (38 pixels become 19, 19, 10, 10, 5, 3), and channels that are no multiple of a vector.
BLOCKS = [(3, 1, 1, 16, 8), (3, 2, 6, 8, 12), (3, 1, 6, 12, 12), (5, 2, 6, 12, 20), (5, 1, 3, 20, 20), (5, 2, 4, 20, 32)]


def tower():
    """The package's network of these blocks, its weights random but alive through all layers."""
    blocks = [BlockArgs(num_repeat=1, kernel_size=k, stride=s, expand_ratio=e, input_filters=i, output_filters=o,
                        se_ratio=None, id_skip=True) for k, s, e, i, o in BLOCKS]
    params = GlobalParams(width_coefficient=None, depth_coefficient=None, image_size=SIZE, dropout_rate=0.2,
                          num_classes=CLASSES, batch_norm_momentum=0.99, batch_norm_epsilon=1e-3, drop_connect_rate=0.2,
                          depth_divisor=8, min_depth=None, relu_fn="relu6", fix_head_stem=False, local_pooling=False,
                          use_se=False)
    net = EfficientNet(blocks, params)
    # The package sizes stem and head for the published networks.
    net._conv_stem = type(net._conv_stem)(3, BLOCKS[0][3], kernel_size=3, stride=2, image_size=SIZE, bias=False)
    net._bn0 = torch.nn.BatchNorm2d(BLOCKS[0][3], eps=1e-3)
    net._conv_head = type(net._conv_head)(BLOCKS[-1][4], HEAD, kernel_size=1, image_size=SIZE, bias=False)
    net._bn1 = torch.nn.BatchNorm2d(HEAD, eps=1e-3)
    net._fc = torch.nn.Linear(HEAD, CLASSES)
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            fan = module.weight[0].numel()
            module.weight.data.normal_(0, (2 / fan) ** 0.5)
    # Statistics are measured, then scaled and shifted as if learned, so that ReLU6 cuts on both sides.
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.weight.data.uniform_(0.7, 2.5)
            module.bias.data.normal_(0.5, 1.0)
    with torch.no_grad():
        net(torch.randn(32, 3, SIZE, SIZE))
    net.eval()
    for p in [*net.parameters(), *net.buffers()]:
        if p.is_floating_point():
            p.data.copy_(p.half().float())
    return net


def embed(net, weights, pixels):
    """Embeddings by the two kinds of head: the softmax of classes with a perceptron, and one linear map."""
    pooled = {}
    inner = net._blocks[EARLY]._depthwise_conv
    hook = inner.register_forward_pre_hook(lambda _, inputs: pooled.update(early=inputs[0].mean((2, 3))))
    features = net.extract_features(pixels).mean((2, 3))
    hook.remove()
    classes = torch.softmax(net._fc(features) / TEMPERATURE, 1)
    inputs = torch.cat([pooled["early"], features], 1)
    inputs = inputs * weights["visual_mlp.norm.weight"] + weights["visual_mlp.norm.bias"]
    hidden = torch.relu(inputs @ weights["visual_mlp.fc1.weight"].T + weights["visual_mlp.fc1.bias"])
    mlp = hidden @ weights["visual_mlp.fc2.weight"].T + weights["visual_mlp.fc2.bias"]
    return classes @ weights["visual_projection.weight"].T + mlp, features @ weights["linear_projection"].T


def main():
    tiny, folder = HERE / "tiny", HERE / "tiny-efficientnet"
    folder.mkdir(exist_ok=True)
    torch.manual_seed(5)
    net = tower()
    config = json.loads((tiny / "config.json").read_text())
    config["vision_config"] = dict(
        model_type="efficientnet_lite", image_size=SIZE, hidden_act="relu6", stem_channels=BLOCKS[0][3],
        head_channels=HEAD, batch_norm_eps=1e-3, 
        head=dict(kind="softmax_mlp", classes=CLASSES, temperature=TEMPERATURE, hidden=HIDDEN, early_block=EARLY),
        blocks=[dict(kernel_size=k, stride=s, expand_ratio=e, in_channels=i, out_channels=o) for k, s, e, i, o in BLOCKS])
    config["no_match_threshold"] = 0.25
    state = {k: v for k, v in load_file(tiny / "model.safetensors").items()
             if k.startswith(("text_", "logit_scale"))}
    for name, value in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            state["vision_model." + name.replace("_fc.", "classifier.")] = value.half()
    made = lambda *shape: (torch.randn(*shape) / shape[-1] ** 0.5).half()
    early = BLOCKS[EARLY][2] * BLOCKS[EARLY][3]
    state |= {"visual_projection.weight": made(PROJECTION, CLASSES),
              "visual_mlp.norm.weight": torch.logspace(-1, 1, early + HEAD).half(), "visual_mlp.norm.bias": made(early + HEAD),
              "visual_mlp.fc1.weight": made(HIDDEN, early + HEAD), "visual_mlp.fc1.bias": made(HIDDEN),
              "visual_mlp.fc2.weight": made(PROJECTION, HIDDEN), "visual_mlp.fc2.bias": made(PROJECTION)}
    linear = made(PROJECTION, HEAD)
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "preprocessor_config.json").write_text(json.dumps(
        dict(crop_size=SIZE, size=SIZE, image_mean=[127 / 255] * 3, image_std=[128 / 255] * 3)))
    (folder / "tokenizer.json").write_text((tiny / "tokenizer.json").read_text())
    (folder / "README.md").write_text("---\nlicense: mit\n---\nRandom weights for tests; see ../make_efficientnet.py.\n")

    inputs = load_file(tiny / "reference.safetensors")
    pixels = torch.randn(3, 3, SIZE, SIZE).half().float()
    text = CLIPTextModelWithProjection(CLIPTextConfig(**config["text_config"], projection_dim=PROJECTION)).eval()
    text.load_state_dict({k: v.float() for k, v in state.items() if k.startswith("text_")}, strict=False)
    with torch.no_grad():
        texts = text(inputs["input_ids"]).text_embeds
        weights = {k: v.float() for k, v in state.items()} | {"linear_projection": linear.float()}
        images, by_linear_head = embed(net, weights, pixels)
    assert torch.allclose(texts, inputs["text_embeds"], atol=1e-6)
    normed = lambda x: x / x.norm(dim=1, keepdim=True)
    logits = normed(images) @ normed(texts).T * state["logit_scale"].float().exp()
    out = dict(pixel_values=pixels, input_ids=inputs["input_ids"], text_embeds=texts, image_embeds=images,
               logits_per_image=logits, linear_projection=linear, linear_image_embeds=by_linear_head)
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "reference.safetensors")



main()

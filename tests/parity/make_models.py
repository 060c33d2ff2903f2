#!/usr/bin/env python3
"""Write small random models of every layout and family, and what Hugging Face transformers or open_clip makes of them.

    python3 tests/parity/make_models.py [NAME...]        # from the repository's root, after make_golden.py

Each folder of models/ is a snapshot as the library itself saves it, with float16 weights and reference.safetensors
beside: embeddings of random pixels and token ids, logits, and the embedding of one drawn image that went through the
library's own preprocessing. CLIP's share the tokenizer of tiny/, which the tests put beside them.

Needs: pip install torch transformers safetensors open_clip_torch torchvision sentencepiece protobuf
    sentence-transformers; for MobileCLIP S0, the mobileclip of the repository apple/ml-mobileclip on PYTHONPATH
"""
import functools
import io
import json
import pathlib
import re
import shutil
import sys
import tempfile

import numpy
import open_clip
import sentencepiece
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.layers import HybridEmbed
from timm.models.vision_transformer_hybrid import ConvStem
from transformers import (BertTokenizer, ChineseCLIPConfig, ChineseCLIPImageProcessorPil, ChineseCLIPModel, CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection,
                          CLIPVisionConfig, CLIPVisionModelWithProjection, DistilBertConfig, DistilBertModel,
                          BertConfig, MetaClip2Config, MetaClip2Model, PreTrainedTokenizerFast, RobertaConfig,
                          RobertaTokenizer, Siglip2Config, Siglip2ImageProcessorPil, Siglip2Model, SiglipConfig,
                          SiglipImageProcessorPil, SiglipModel, SiglipTokenizer, T5Tokenizer, XLMRobertaConfig,
                          XLMRobertaModel, XLMRobertaTokenizer)
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = ["a photo of a cat", "a photo of a dog", "", "cat, 2 dogs!"]
TOKENIZER = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "tiny" / "tokenizer.json"))
VOCABULARY, CONTEXT = len(TOKENIZER), 16
END = VOCABULARY - 1


def drawn():
    """An image that tests/parity/reference.rs draws too."""
    x, y = numpy.meshgrid(numpy.arange(61), numpy.arange(43))
    channels = [(7 * x + 13 * y) % 256, (x * y) % 256, (3 * x + 5 * y) % 256]
    return Image.fromarray(numpy.stack(channels, 2).astype(numpy.uint8))


def ids():
    rows = []
    for text in TEXTS:
        tokens = TOKENIZER.encode(text, add_special_tokens=False)[:CONTEXT - 2]
        tokens = [END - 1, *tokens, END]
        rows.append(tokens + [0] * (CONTEXT - len(tokens)))
    return torch.tensor(rows)


def stir(model, scale=4.6052):
    """Random weights that float16 can hold, of sizes that keep every part of the model alive."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.startswith("logit_"):
                p.fill_(scale if name == "logit_scale" else -6.5)
            elif "norm" in name.lower() or ".ln_" in name or name.startswith("ln_"):
                p.copy_(torch.randn_like(p) * 0.2 + (1.0 if name.endswith("weight") else 0.0))
            elif name.endswith("bias") or "embedding" in name and "patch" not in name or p.ndim == 1:
                p.copy_(torch.randn_like(p) * 0.3)
            else:
                p.copy_(torch.randn_like(p) * 1.3 / (p[0].numel() ** 0.5))
            p.copy_(p.half().float())
    return model.eval()


def tokens_of(text):
    return dict(vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, bos_token_id=END - 1) | text


def clip_config(text, vision, projection):
    return CLIPConfig(text_config=tokens_of(text), vision_config=vision, projection_dim=projection)


def tower(width, heads, layers, act, ratio=4):
    return dict(hidden_size=width, intermediate_size=int(width * ratio), num_hidden_layers=layers,
                num_attention_heads=heads, hidden_act=act)


def save_reference(folder, **tensors):
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "reference.safetensors")


def embeds(output):
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def transformers_reference(folder, model, size, processor):
    pixels = torch.randn(2, 3, size, size).half().float()
    drawn_pixels = processor(drawn(), return_tensors="pt").pixel_values
    with torch.no_grad():
        images = embeds(model.get_image_features(pixel_values=pixels))
        texts = embeds(model.get_text_features(input_ids=ids()))
        logits = model(input_ids=ids(), pixel_values=pixels).logits_per_image
        drawn_embeds = embeds(model.get_image_features(pixel_values=drawn_pixels))
    save_reference(folder, pixel_values=pixels, input_ids=ids(), image_embeds=images, text_embeds=texts,
                   logits_per_image=logits, drawn_embeds=drawn_embeds)


def clip_of_transformers(text, vision, projection, **kwargs):
    def make(folder):
        size = vision["image_size"]
        model = stir(CLIPModel(clip_config(text, vision, projection)))
        model.half().save_pretrained(folder, **kwargs)
        processor = CLIPImageProcessorPil(size={"shortest_edge": size}, crop_size=size)
        processor.save_pretrained(folder)
        transformers_reference(folder, model.float(), size, processor)
    return make


def state(model):
    return {k: v.half().contiguous() if v.is_floating_point() else v for k, v in model.state_dict().items()}


def pytorch_bin(folder):
    """As transformers saved models before safetensors, with parameters, a transposed view and a shared storage."""
    text, vision = tower(16, 2, 2, "quick_gelu"), tower(24, 2, 2, "quick_gelu") | dict(image_size=24, patch_size=8)
    clip_of_transformers(text | dict(eos_token_id=2), vision, 16)(folder)
    from safetensors.torch import load_file
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    name = "vision_model.encoder.layers.0.mlp.fc1.weight"
    tensors[name] = tensors[name].t().contiguous().t()
    name = "text_projection.weight"
    tensors[name] = torch.cat([torch.zeros(2, tensors[name].shape[1]).half(), tensors[name]])[2:]
    name = "visual_projection.weight"
    tensors[name] = torch.nn.Parameter(tensors[name])
    tensors["text_model.embeddings.position_ids"] = torch.arange(CONTEXT)[None]
    torch.save(tensors, folder / "pytorch_model.bin")


def pytorch_shards(folder):
    """As transformers saved large models before safetensors: pickles of some tensors each, and an index."""
    text, vision = tower(16, 2, 2, "quick_gelu"), tower(16, 2, 2, "quick_gelu") | dict(image_size=32, patch_size=16)
    clip_of_transformers(text | dict(eos_token_id=2), vision, 16)(folder)
    from safetensors.torch import load_file
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = [f"pytorch_model-0000{shard}-of-00002.bin" for shard in (1, 2)]
    shard_of = {name: names[i % 2] for i, name in enumerate(tensors)}
    for shard in names:
        torch.save({name: tensor for name, tensor in tensors.items() if shard_of[name] == shard}, folder / shard)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = dict(metadata=dict(total_size=size), weight_map=shard_of)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1))


def open_clip_model(config, preprocess, container):
    def make(folder):
        classes = {True: open_clip.CustomTextCLIP, False: open_clip.CLIP}
        config_of_class = {k: v for k, v in config.items() if k != "custom_text"}
        model = stir(classes[config.get("custom_text", False)](**json.loads(json.dumps(config_of_class))))
        save_open_clip(folder, model, config, preprocess, container, {})
    return make


def stir_convolutions(model, draw):
    """Random convolutions and scales of blocks, with the statistics of batch normalizations that the inputs of `draw` lead
    to: as in trained models, and unlike in others, no layer multiplies what the one before gave, nor its errors."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                module.weight.copy_(torch.randn_like(module.weight) * 1.3 / module.weight[0].numel() ** 0.5)
            if hasattr(module, "running_var"):
                module.momentum = 1.0
            if hasattr(module, "running_var") or isinstance(module, torch.nn.LayerNorm):
                module.weight.copy_(torch.randn_like(module.weight) * 0.2 + 1)
            if getattr(module, "bias", None) is not None:
                module.bias.copy_(torch.randn_like(module.bias) * 0.3)
            for scale in ("gamma", "layer_scale"):
                if isinstance(getattr(module, scale, None), torch.nn.Parameter):
                    getattr(module, scale).copy_(torch.rand_like(getattr(module, scale)) * 0.5 + 0.1)
        model.train()
        model(draw())
    return hold(model)


def random_images(size):
    coarse = torch.nn.functional.interpolate(torch.rand(8, 3, 5, 5), size=(size, size), mode="bilinear")
    return torch.cat([coarse, torch.rand(8, 3, size, size)])


def hold(model):
    """Rounds all values to what float16 can hold."""
    with torch.no_grad():
        for values in model.state_dict().values():
            if values.is_floating_point():
                values.copy_(values.half().float())
    return model.eval()


def small_stem():
    """The convolutions of vit_base_mci_224 for a tower of 16 channels and images of 40 pixels."""
    stem = ConvStem(channels=(4, 4, 16), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0, act_layer=torch.nn.GELU)
    return dict(embed_layer=functools.partial(HybridEmbed, backbone=stem, proj=False), img_size=40)


def open_clip_of(config, sizes, extra):
    """A model of open_clip with arguments of its own for timm's image tower."""
    create = timm.create_model
    timm.create_model = lambda *args, **kwargs: create(*args, **kwargs, **sizes | extra())
    config = config | dict(vision_cfg={k: v for k, v in config["vision_cfg"].items() if k != "timm_model_kwargs"})
    model = open_clip.CustomTextCLIP(**{k: v for k, v in config.items() if k != "custom_text"})
    timm.create_model = create
    return model


def mobileclip(name, sizes, size, container="safetensors", folded=False, pool="avg", causal=False, extra=dict):
    """MobileCLIP in the files of open_clip: timm's image tower with smaller sizes, and a text tower that may see all."""
    config = dict(embed_dim=16, custom_text=True,
                  vision_cfg=dict(timm_model_name=name, timm_model_pretrained=False, timm_pool=pool, timm_proj=None,
                                  timm_drop=0.0, timm_drop_path=0.0, image_size=size),
                  text_cfg=dict(width=32, heads=2, layers=2, no_causal_mask=not causal, **TOKENS))
    preprocess = dict(mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear", resize_mode="shortest", size=size)

    def make(folder):
        model = open_clip_of(config, sizes, extra)
        stir(model.text)
        stir_convolutions(model.visual, lambda: random_images(size))
        for name, parameter in model.visual.named_parameters():
            if name.endswith(("cls_token", "pos_embed")):
                parameter.data.normal_()
        model.logit_scale.data.fill_(4.6052)
        hold(model)
        if folded:
            model.visual.trunk = hold(timm.utils.reparameterize_model(model.visual.trunk))
        save_open_clip(folder, model, config, preprocess, container, dict(timm_model_kwargs=sizes))
    return make


def save_open_clip(folder, model, config, preprocess, container, vision_settings):
    """Saves a model of open_clip and what it makes of inputs."""
    tensors = {k: v for k, v in state(model).items() if k != "attn_mask"}
    if container == "safetensors":
        save_file(tensors, folder / "open_clip_model.safetensors")
    else:
        torch.save(tensors, folder / "open_clip_pytorch_model.bin")
    settings = dict(model_cfg=config | dict(vision_cfg=config["vision_cfg"] | vision_settings), preprocess_cfg=preprocess)
    (folder / "open_clip_config.json").write_text(json.dumps(settings, indent=1))
    open_clip_reference(folder, model, config["vision_cfg"]["image_size"], preprocess, ids())


def open_clip_reference(folder, model, size, preprocess, ids):
    """Saves what a model of open_clip makes of pixels, ids and a drawn image."""
    transform = open_clip.image_transform(size, is_train=False, mean=preprocess["mean"], std=preprocess["std"],
                                          interpolation=preprocess.get("interpolation"),
                                          resize_mode=preprocess.get("resize_mode"))
    pixels = torch.rand(2, 3, size, size) if preprocess["std"] == [1, 1, 1] else torch.randn(2, 3, size, size)
    pixels = pixels.half().float()
    with torch.no_grad():
        images, texts = model.encode_image(pixels), model.encode_text(ids)
        drawn_embeds = model.encode_image(transform(drawn())[None])
        logits = model.get_logits(pixels, ids)[0]
    save_reference(folder, pixel_values=pixels, input_ids=ids, image_embeds=images, text_embeds=texts,
                   logits_per_image=logits, drawn_embeds=drawn_embeds)


# Texts that open_clip makes clean before their tokenizer sees them.
UNCLEAN = ["a photo of a cat", "", "Two DOGS, in the snow!", "  a\t photo --\n of a\u00a0(red) car. ", "\u201cit\u2019s\u201d a \u2018dog\u2019",
           "a <b> photo_of\u00a0it", "ein Foto\n\neiner Katze \u5317\u4eac", "the city at night " * 8]


def save_open_clip_texts(folder, model, config, preprocess, tokenizer, container="safetensors"):
    """Saves a model of open_clip with a tokenizer of transformers, and what it makes of texts by open_clip's class of it."""
    tokenizer.save_pretrained(folder)
    text = config["text_cfg"]
    cleaned = open_clip.tokenizer.HFTokenizer(str(folder), context_length=CONTEXT, **text.get("tokenizer_kwargs", {}))
    # Wide punctuation and that of special tokens, which is removed with the rest of it.
    texts = UNCLEAN + ["\uff08a\uff3fcat\uff01\uff09 </s> a dog"] if "tokenizer_kwargs" in text else UNCLEAN
    (folder / "texts.json").write_text(json.dumps(texts, indent=1))
    tensors = {k: v for k, v in state(model).items() if not k.endswith(("attn_mask", "position_ids", "token_type_ids"))}
    if container == "safetensors":
        save_file(tensors, folder / "open_clip_model.safetensors")
    else:
        torch.save(tensors, folder / "open_clip_pytorch_model.bin")
    settings = dict(model_cfg=config, preprocess_cfg=preprocess)
    (folder / "open_clip_config.json").write_text(json.dumps(settings, indent=1))
    open_clip_reference(folder, model, config["vision_cfg"]["image_size"], preprocess, cleaned(texts))


def open_clip_hf(make_tokenizer, name, tower_config, text, vision, act=False, sizes=None, container="safetensors", preprocess=None):
    """A model of open_clip with a text tower of transformers, which has the sizes of `tower_config`."""
    def make(folder):
        tokenizer = make_tokenizer()
        tower_config.vocab_size = len(tokenizer)
        own = {k: getattr(tower_config, k) for k in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
                                                      "num_attention_heads", "vocab_size", "max_position_embeddings")}
        config = dict(embed_dim=24, quick_gelu=act, vision_cfg=vision, text_cfg=text | dict(context_length=CONTEXT))
        create = timm.create_model
        timm.create_model = lambda *args, **kwargs: create(*args, **kwargs, **sizes or {})
        with tempfile.TemporaryDirectory() as temporary:
            tower_config.save_pretrained(temporary)
            # Earlier versions of open_clip had other names.
            renamed = dict(pooler_type="hf_pooler_type", proj="hf_proj_type")
            settings = {renamed.get(k, k): v for k, v in config["text_cfg"].items()}
            model = stir(open_clip.CustomTextCLIP(**config | dict(text_cfg=settings | dict(
                hf_model_name=temporary, hf_model_pretrained=False))))
        timm.create_model = create
        if sizes:
            config["vision_cfg"] = vision | dict(timm_model_kwargs=sizes)
        config["text_cfg"] = dict(hf_model_name=name, hf_tokenizer_name=name, hf_model_config=own) | config["text_cfg"]
        save_open_clip_texts(folder, model, config, preprocess or OPENAI, tokenizer, container)
    return make


def open_clip_siglip(make_tokenizer, name, act, width=16):
    """A SigLIP in the files of open_clip: timm's image tower, pooled by attention, and padded texts."""
    def make(folder):
        tokenizer = make_tokenizer()
        sizes = dict(embed_dim=24, depth=2, num_heads=3, img_size=24, patch_size=8)
        config = dict(embed_dim=24, init_logit_bias=-10, custom_text=True,
                      vision_cfg=dict(image_size=24, timm_model_name=name, timm_model_pretrained=False, timm_pool="map",
                                      timm_proj="none", timm_model_kwargs=sizes),
                      text_cfg=dict(context_length=CONTEXT, vocab_size=len(tokenizer), hf_tokenizer_name="timm/" + name,
                                    tokenizer_kwargs=dict(clean="canonicalize"), width=width, heads=2, layers=2,
                                    no_causal_mask=True, proj_bias=True, pool_type="last", norm_kwargs=dict(eps=1e-6), **act))
        model = stir(open_clip_of(json.loads(json.dumps(config)), sizes, dict), scale=1.5)
        with torch.no_grad():
            for name_, parameter in model.visual.named_parameters():
                if name_.endswith(("pos_embed", "latent")):
                    parameter.normal_()
        hold(model)
        preprocess = HALF | dict(interpolation="bicubic", resize_mode="squash")
        save_open_clip_texts(folder, model, config, preprocess, tokenizer)
    return make


def t5_tokenizer():
    """SigLIP's tokenizer as open_clip has it: T5's class of SentencePiece's pieces, padded with the end token."""
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "\u2581photo", "\u2581of", "\u2581cat", "\u2581dog", "\u2581it",
              *"abcdeghinoprstuvwy", "\u2581two", "\u2581in", "\u2581the", "\u2581snow", "ein", "er", "s", "\u5317"]
    vocabulary = [(piece, 0.0 if i < 3 else -1.0 - i / 10) for i, piece in enumerate(dict.fromkeys(pieces))]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0, pad_token="</s>", model_max_length=CONTEXT)


def roberta_tokenizer():
    """Byte pairs behind spaces, which belong to the words that follow."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *bytes_to_unicode().values()]
    merges = [("\u0120", "a"), ("\u0120", "p"), ("h", "o"), ("t", "o"), ("\u0120p", "ho"), ("\u0120pho", "to"), ("c", "a"),
              ("ca", "t"), ("d", "o"), ("do", "g")]
    words += [a + b for a, b in merges]
    return RobertaTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=merges, model_max_length=CONTEXT)


def bert_tokenizer():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz,!.'\"", "a", "photo", "of", "cat", "dog",
             "##s", "it", "the"]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    return BertTokenizer(vocab=vocabulary, model_max_length=CONTEXT)


APPLE = [("visual.trunk.", "image_encoder.model."), ("text.", "text_encoder.")]
APPLE_TEXT = [("text_projection", "projection_layer"), ("token_embedding", "embedding_layer"),
              ("positional_embedding", "positional_embedding.pos_embed.pos_embed"), ("ln_final", "final_layer_norm"),
              (".ln_1.", ".pre_norm_mha.0."), (".attn.", ".pre_norm_mha.1."), (".ln_2.", ".pre_norm_ffn.0."),
              ("mlp.c_fc", "pre_norm_ffn.1"), ("mlp.c_proj", "pre_norm_ffn.4"), ("in_proj_", "qkv_proj."),
              ("transformer.resblocks.", "transformer.")]
APPLE_FASTVIT = [("stem.", "patch_embed."), ("conv_kxk", "rbr_conv"), ("conv_scale", "rbr_scale"), ("identity", "rbr_skip"),
                 ("final_conv", "conv_exp"), ("large_conv", "lkb_origin"), (".mlp.", ".convffn."), ("se.fc1", "se.reduce"),
                 ("se.fc2", "se.expand"), (".gamma", "")]
APPLE_VIT = [("patch_embed.backbone.", "patch_emb."), (".conv.", ".block.conv."), (".bn.", ".block.norm."),
             (".norm1.", ".pre_norm_mha.0."), (".attn.", ".pre_norm_mha.1."), (".norm2.", ".pre_norm_ffn.0."),
             ("mlp.fc1", "pre_norm_ffn.1"), ("mlp.fc2", "pre_norm_ffn.4"), ("qkv.", "qkv_proj."), (".proj.", ".out_proj."),
             ("blocks.", "transformer.")]


def apple_name(name, is_vit):
    """The name in Apple's files of a tensor of open_clip's."""
    if name.startswith("text."):
        for ours, theirs in APPLE_TEXT:
            name = name.replace(ours, theirs)
    elif is_vit:
        name = {"visual.trunk.norm.weight": "visual.trunk.post_transformer_norm.weight",
                "visual.trunk.norm.bias": "visual.trunk.post_transformer_norm.bias",
                "visual.trunk.pos_embed": "visual.trunk.pos_embed.pos_embed.pos_embed"}.get(name, name)
        for ours, theirs in APPLE_VIT:
            name = name.replace(ours, theirs)
    else:
        for ours, theirs in APPLE_FASTVIT:
            name = name.replace(ours, theirs)
        # Stages and what halves the sides between them lie in one list.
        found = re.match(r"(visual\.trunk\.)stages\.(\d)\.(downsample|pos_emb\.pos_enc|blocks)\.(.*)", name)
        if found:
            trunk, stage, part, rest = found.groups()
            place = 2 * int(stage) - (part == "downsample") + (stage == "3") * (part == "blocks")
            name = f"{trunk}network.{place}.{'pe.' if part == 'pos_emb.pos_enc' else ''}{rest}"
    for ours, theirs in APPLE:
        name = theirs + name[len(ours):] if name.startswith(ours) else name
    return name


def apple_tensors(name, is_vit):
    """The model `name` of open_clip with what Apple calls its tensors, and the settings of open_clip."""
    from safetensors.torch import load_file
    source = HERE / "models" / name
    tensors = load_file(source / "open_clip_model.safetensors")
    settings = json.loads((source / "open_clip_config.json").read_text())["model_cfg"]
    head = "visual.trunk.head" if is_vit else "visual.trunk.head.fc"
    theirs = {apple_name(k, is_vit): v for k, v in tensors.items() if not k.startswith(head + ".")}
    theirs["image_encoder.model." + ("classifier.proj" if is_vit else "head.proj")] = tensors[head + ".weight"].t().contiguous()
    for place in [k for k in theirs if k.endswith("pos_embed.pos_embed")]:
        theirs[place] = theirs[place].reshape(1, 1, *theirs[place].shape[-2:])
    # open_clip's own conversion must bring it back.
    model = open_clip_of(settings, settings["vision_cfg"]["timm_model_kwargs"], small_stem if is_vit else dict)
    model.load_state_dict(open_clip.convert.convert_state_dict(model, {k: v.float() for k, v in theirs.items()}))
    return model.eval(), theirs, settings


def save_apple(folder, model, tensors, settings, image_model, text):
    """Saves a model as Apple does, and what it makes of inputs."""
    torch.save(tensors, folder / "mobileclip.pt")
    vision = settings["vision_cfg"]
    config = dict(embed_dim=settings["embed_dim"], text_cfg=text,
                  image_cfg=dict(image_size=vision["image_size"], model_name=image_model,
                                 timm_model_kwargs=vision["timm_model_kwargs"]))
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    preprocess = dict(mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear", resize_mode="shortest",
                      size=vision["image_size"])
    open_clip_reference(folder, model, vision["image_size"], preprocess, ids())


def apple_text(settings, causal, model_name):
    text = settings["text_cfg"]
    return dict(context_length=CONTEXT, vocab_size=VOCABULARY, dim=text["width"], ffn_multiplier_per_layer=4.0,
                n_heads_per_layer=text["heads"], n_transformer_layers=text["layers"], causal_masking=causal,
                model_name=model_name, norm_layer="layer_norm_fp32")


def apple(name, image_model, causal):
    """The model `name` as Apple saves it."""
    def make(folder):
        model, tensors, settings = apple_tensors(name, image_model == "vit_b16")
        save_apple(folder, model, tensors, settings, image_model, apple_text(settings, causal, "base"))
    return make


def apple_hybrid(folder):
    """MobileCLIP S0, which Apple's own library alone has: convolutions before and behind the text's transformer."""
    from mobileclip.text_encoder import TextTransformer
    model, tensors, settings = apple_tensors("mobileclip-s1", False)
    config = apple_text(settings, False, "mct")
    text = stir(TextTransformer(config, projection_dim=settings["embed_dim"]))
    stir_convolutions(text, lambda: torch.randint(VOCABULARY, (16, CONTEXT)))
    tensors = {k: v for k, v in tensors.items() if not k.startswith("text_encoder.")}
    tensors |= {f"text_encoder.{k}": v for k, v in state(text).items()}
    model.text = text
    save_apple(folder, model, tensors, settings, "mci0", config)


def text_tower(folder):
    config = CLIPTextConfig(**tokens_of(tower(16, 2, 2, "quick_gelu")), eos_token_id=END, projection_dim=16)
    model = stir(CLIPTextModelWithProjection(config))
    model.half().save_pretrained(folder)
    with torch.no_grad():
        save_reference(folder, input_ids=ids(), text_embeds=model.float()(ids()).text_embeds)


def vision_tower(folder):
    config = CLIPVisionConfig(**tower(24, 3, 2, "gelu"), image_size=24, patch_size=8, projection_dim=16)
    model = stir(CLIPVisionModelWithProjection(config))
    model.half().save_pretrained(folder)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size=24)
    processor.save_pretrained(folder)
    pixels = torch.randn(2, 3, 24, 24).half().float()
    drawn_pixels = processor(drawn(), return_tensors="pt").pixel_values
    with torch.no_grad():
        model = model.float()
        save_reference(folder, pixel_values=pixels, image_embeds=model(pixels).image_embeds,
                       drawn_embeds=model(drawn_pixels).image_embeds)


SENTENCES = ["a photo of a cat", "a photo of a dog", "two dogs in the snow and a red car",
             "the picture of a street in the city at night with many people", "an image of food on a table, pizza and fruit"]
# Texts with spaces, case, punctuation, unknown letters and different lengths.
PADDED_TEXTS = ["a photo of a cat", "", "Two DOGS, in the snow!", "  a\t photo --  of a (red) car. ", "ａｂ™ naïve 北京", "!?",
                "the city at night " * 8, "a <b> photo_of\u00a0it", "\u2581cat\u2581 dog\u2581"]


def unigram():
    """SigLIP's kind of tokenizer: SentencePiece pieces, made lower case and free of punctuation, padded with </s>."""
    with tempfile.TemporaryDirectory() as folder:
        rules, model = pathlib.Path(folder) / "rules.tsv", io.BytesIO()
        rules.write_text("FF41\t61\nFF42\t62\n2122\t74 6D\nA0\t20\n")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 5), model_writer=model, vocab_size=90, model_type="unigram", pad_id=0,
            eos_id=1, unk_id=2, bos_id=-1, normalization_rule_tsv=str(rules), hard_vocab_limit=False, num_threads=1)
        pieces = pathlib.Path(folder) / "spiece.model"
        pieces.write_bytes(model.getvalue())
        return SiglipTokenizer(str(pieces), model_max_length=CONTEXT)


def byte_pairs(side):
    """Gemma's kind of tokenizer, as SigLIP 2 uses it: byte pairs with bytes to fall back to, padded with <pad>."""
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256)),
             *"\u2581abcdefghijklmnopqrstuvwxyz,.!"]
    merges = [("\u2581", "a"), ("\u2581", "c"), ("\u2581c", "a"), ("\u2581ca", "t"), ("d", "o"), ("do", "g"), ("\u2581", "p"),
              ("h", "o"), ("t", "o"), ("\u2581p", "ho"), ("\u2581pho", "to"), ("o", "f")]
    words += [a + b for a, b in merges]
    vocab = {word: i for i, word in enumerate(words)}
    return Siglip2Tokenizer(vocab=vocab, merges=merges, add_bos_token=False, add_eos_token=True, padding_side=side,
                            model_max_length=CONTEXT)


def siglip(make_tokenizer, act, processor_settings, layers=2, width=16):
    def make(folder):
        tokenizer = make_tokenizer()
        text = tower(width, 2, layers, act) | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT,
                                                projection_size=24)
        vision = tower(24, 3, layers, act) | dict(image_size=24, patch_size=8)
        model = stir(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)), scale=1.5)
        model.half().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        processor = SiglipImageProcessorPil(size=dict(height=24, width=24), **processor_settings)
        processor.save_pretrained(folder)
        model = model.float()
        ids = tokenizer(PADDED_TEXTS, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt")
        pixels = torch.randn(2, 3, 24, 24).half().float()
        drawn_pixels = processor(drawn(), return_tensors="pt").pixel_values
        with torch.no_grad():
            out = model(input_ids=ids.input_ids, pixel_values=pixels)
            # Outputs are normalized; ours are as the towers give them.
            images = embeds(model.get_image_features(pixel_values=pixels))
            texts = embeds(model.get_text_features(input_ids=ids.input_ids))
            drawn_embeds = embeds(model.get_image_features(pixel_values=drawn_pixels))
        (folder / "texts.json").write_text(json.dumps(PADDED_TEXTS, indent=1))
        save_reference(folder, pixel_values=pixels, input_ids=ids.input_ids, image_embeds=images, text_embeds=texts,
                       logits_per_image=out.logits_per_image, scores=torch.sigmoid(out.logits_per_image),
                       drawn_embeds=drawn_embeds)
    return make


def patched(pixels, patch):
    """Images of one size as Siglip2Model takes them: the values of each patch, which are there, and how many a side."""
    batch, _, height, width = pixels.shape
    rows, columns = height // patch, width // patch
    values = pixels.reshape(batch, 3, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1).reshape(batch, rows * columns, -1)
    return dict(pixel_values=values, pixel_attention_mask=torch.ones(batch, rows * columns, dtype=torch.int64),
                spatial_shapes=torch.tensor([[rows, columns]] * batch))


def naflex(folder):
    """SigLIP 2 NaFlex: images keep their proportions, and positions are resized to the patches that there are."""
    tokenizer, patch = byte_pairs("right"), 8
    text = tower(32, 2, 2, "gelu_pytorch_tanh") | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT,
                                                       projection_size=24)
    vision = tower(24, 3, 2, "gelu_pytorch_tanh") | dict(num_patches=16, patch_size=patch)
    model = stir(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)), scale=1.5)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor = Siglip2ImageProcessorPil(patch_size=patch, max_num_patches=24)
    processor.save_pretrained(folder)
    model = model.float()
    ids = tokenizer(PADDED_TEXTS, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt").input_ids
    # Two rows of seven patches: more than the table of positions has in one direction, fewer in the other.
    pixels = torch.randn(2, 3, 2 * patch, 7 * patch).half().float()
    with torch.no_grad():
        out = model(input_ids=ids, **patched(pixels, patch))
        images = embeds(model.get_image_features(**patched(pixels, patch)))
        texts = embeds(model.get_text_features(input_ids=ids))
        drawn_embeds = embeds(model.get_image_features(**processor(drawn(), return_tensors="pt")))
    (folder / "texts.json").write_text(json.dumps(PADDED_TEXTS, indent=1))
    save_reference(folder, pixel_values=pixels, input_ids=ids, image_embeds=images, text_embeds=texts,
                   logits_per_image=out.logits_per_image, scores=torch.sigmoid(out.logits_per_image),
                   drawn_embeds=drawn_embeds)


def multilingual(folder, tokenizer, model, processor, texts):
    """Saves a model with a tokenizer of its own, and what it makes of texts of several lengths and languages."""
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "texts.json").write_text(json.dumps(texts, indent=1))
    inputs = tokenizer(texts, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt")
    model, pixels = model.float(), torch.randn(2, 3, 24, 24).half().float()
    with torch.no_grad():
        images = embeds(model.get_image_features(pixel_values=pixels))
        embedded = embeds(model.get_text_features(**inputs))
        logits = model(pixel_values=pixels, **inputs).logits_per_image
        drawn_pixels = processor(drawn(), return_tensors="pt").pixel_values
        drawn_embeds = embeds(model.get_image_features(pixel_values=drawn_pixels))
    save_reference(folder, pixel_values=pixels, input_ids=inputs.input_ids, image_embeds=images, text_embeds=embedded,
                   logits_per_image=logits, drawn_embeds=drawn_embeds)


def metaclip2(folder):
    """CLIP's towers behind XLM-R's tokenizer, whose end token has the id that CLIP's older configurations misuse."""
    tokenizer = xlm_roberta_tokenizer()
    text = tower(16, 2, 2, "quick_gelu") | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT,
                                                bos_token_id=0, eos_token_id=2)
    vision = tower(24, 3, 2, "quick_gelu") | dict(image_size=24, patch_size=8)
    model = stir(MetaClip2Model(MetaClip2Config(text_config=text, vision_config=vision, projection_dim=16)))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size=24)
    multilingual(folder, tokenizer, model, processor, LANGUAGES)


LANGUAGES = ["a photo of a cat", "ein Foto einer Katze", "", "北京  dogs!  ", "a photo of a dog, " * 6]


def xlm_roberta_tokenizer():
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "\u2581photo", "\u2581of", "\u2581cat", "\u2581dog",
              *"abcdeghoptf", "\u2581ein", "\u2581Foto", "ein", "er", "\u2581Katze", "北", "京", "!", ",", "2", "s"]
    return XLMRobertaTokenizer(vocab=[(piece, 0.0 if i < 4 else -1.0 - i / 10) for i, piece in enumerate(pieces)],
                               model_max_length=CONTEXT)


def text_reference(folder, tokenizer, embed, texts):
    """Saves what a text tower alone makes of padded texts."""
    inputs = tokenizer(texts, padding=True, truncation=True, max_length=CONTEXT, return_tensors="pt")
    (folder / "texts.json").write_text(json.dumps(texts, indent=1))
    with torch.no_grad():
        save_reference(folder, input_ids=inputs.input_ids, text_embeds=embed(inputs))


def multilingual_distilbert(folder):
    """sentence-transformers' text tower: DistilBERT, the mean of its tokens and a linear map without bias. Its tokens
    end before its positions do."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"北京一只猫,!.", "a", "photo", "Foto", "ein", "##er", "Katze", "cat",
             "dog", "##s", "of"]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)}, do_lower_case=False)
    config = DistilBertConfig(dim=16, hidden_dim=48, n_heads=2, n_layers=2, vocab_size=len(words), max_position_embeddings=20)
    transformer = stir(DistilBertModel(config))
    with tempfile.TemporaryDirectory() as temporary:
        transformer.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        parts = [Transformer(temporary, max_seq_length=CONTEXT), Pooling(16, "mean"),
                 stir(Dense(16, 16, bias=False, activation_function=torch.nn.Identity()))]
    model = SentenceTransformer(modules=parts, device="cpu").half()
    model.save(str(folder), create_model_card=False)
    model = model.float()
    (folder / "README.md").write_text("---\nlanguage: multilingual\nlicense: apache-2.0\n---\n")
    texts = [text for text in LANGUAGES if text] + ["cats"]
    text_reference(folder, tokenizer, lambda inputs: model(dict(inputs))["sentence_embedding"], texts)


def m_clip(folder):
    """M-CLIP: XLM-RoBERTa, the mean of its tokens and a linear map, under its own names; its configuration names a base."""
    tokenizer = xlm_roberta_tokenizer()
    config = XLMRobertaConfig(hidden_size=16, intermediate_size=40, num_attention_heads=2, num_hidden_layers=2,
                              vocab_size=len(tokenizer), max_position_embeddings=CONTEXT + 2, type_vocab_size=1,
                              layer_norm_eps=1e-5, pad_token_id=1)
    transformer = stir(XLMRobertaModel(config, add_pooling_layer=True))
    linear = stir(torch.nn.Linear(16, 24))
    tensors = {f"transformer.{name}": value for name, value in state(transformer).items()}
    tensors |= {f"LinearTransformation.{name}": value for name, value in state(linear).items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    sizes = {name: getattr(config, name) for name in ("hidden_size", "intermediate_size", "num_attention_heads",
                                                      "num_hidden_layers", "vocab_size", "max_position_embeddings")}
    settings = dict(architectures=["MultilingualCLIP"], model_type="M-CLIP", modelBase="xlm-roberta-large", numDims=24,
                    transformerDimensions=16)
    (folder / "config.json").write_text(json.dumps(settings | sizes, indent=1))
    tokenizer.save_pretrained(folder)

    def embed(inputs):
        tokens, mask = transformer(**inputs).last_hidden_state, inputs.attention_mask[..., None]
        return linear((tokens * mask).sum(1) / mask.sum(1))
    text_reference(folder, tokenizer, embed, LANGUAGES)


def chinese_clip(folder):
    """A BERT beside CLIP's image tower; texts are masked where they are padded."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"一只猫狗的照片北京,!。", "a", "photo", "cat", "##s", "dog", "##gy", "cafe"]
    tokenizer = BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=CONTEXT)
    text = tower(16, 2, 2, "gelu") | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT)
    vision = tower(24, 3, 2, "quick_gelu") | dict(image_size=24, patch_size=8)
    model = stir(ChineseCLIPModel(ChineseCLIPConfig(text_config=text, vision_config=vision, projection_dim=16)))
    processor = ChineseCLIPImageProcessorPil(size=dict(height=24, width=24), do_center_crop=False)
    texts = ["一只猫的照片", "北京的狗,Cats!", "", "a photo 🚀 doggy Café", "狗" * 40]
    multilingual(folder, tokenizer, model, processor, texts)


OPENAI = dict(mean=[0.48145466, 0.4578275, 0.40821073], std=[0.26862954, 0.26130258, 0.27577711])
HALF = dict(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])
SMALL_BERT = dict(hidden_size=24, intermediate_size=64, num_attention_heads=2, num_hidden_layers=2)
SMALL_VISION = dict(image_size=24, layers=2, width=24, head_width=12, patch_size=8)
TOKENS = dict(context_length=CONTEXT, vocab_size=VOCABULARY)

MODELS = {
    "pytorch-bin": pytorch_bin,
    "pytorch-shards": pytorch_shards,
    "text-tower": text_tower,
    "vision-tower": vision_tower,
    # As OpenAI's weights are published by open_clip.
    "open-clip-openai": open_clip_model(
        dict(embed_dim=16, quick_gelu=True, vision_cfg=dict(image_size=24, layers=2, width=24, head_width=12, patch_size=8),
             text_cfg=dict(width=16, heads=2, layers=2, **TOKENS)), OPENAI, "safetensors"),
    # Other settings of images, and the text tower as a module of its own, in PyTorch's container.
    "open-clip-custom": open_clip_model(
        dict(embed_dim=16, custom_text=True,
             vision_cfg=dict(image_size=24, layers=2, width=24, head_width=12, patch_size=8, norm_kwargs=dict(eps=1e-6)),
             text_cfg=dict(width=16, heads=2, layers=2, mlp_ratio=3.0, act_kwargs=dict(approximate="tanh"), **TOKENS)),
        dict(size=24, interpolation="bilinear", resize_mode="squash", mode="RGB", fill_color=0, **HALF), "bin"),
    # The shape of ViT-bigG/14: a perceptron of 4.9231 times the width, heads of 104 in one tower and 64 in the other.
    "open-clip-bigg": open_clip_model(
        dict(embed_dim=20, vision_cfg=dict(image_size=14, layers=2, width=26, head_width=26, mlp_ratio=4.9231, patch_size=7),
             text_cfg=dict(width=16, heads=2, layers=2, **TOKENS)), OPENAI, "safetensors"),
    # The shape of ViT-H/14: exact GELU, heads of 80 in the image tower and 64 in the text tower.
    "vit-h": clip_of_transformers(
        tower(16, 2, 2, "gelu") | dict(eos_token_id=END),
        tower(20, 1, 2, "gelu") | dict(image_size=14, patch_size=7), 24),
    # MetaCLIP: OpenAI's shape and activation, pooled at the end token.
    "metaclip": clip_of_transformers(
        tower(16, 2, 2, "quick_gelu") | dict(eos_token_id=END),
        tower(24, 3, 2, "quick_gelu") | dict(image_size=24, patch_size=8), 16),
    "metaclip2": metaclip2,
    "chinese-clip": chinese_clip,
    "multilingual-distilbert": multilingual_distilbert,
    "m-clip": m_clip,
    # MobileCLIP: branches as trained, and folded together; sides that do not halve evenly; layer norms.
    "mobileclip-s1": mobileclip("fastvit_mci1", dict(embed_dims=(8, 16, 32, 64), layers=(1, 2, 1, 1), mlp_ratios=(2,) * 4), 64),
    "mobileclip-s2": mobileclip("fastvit_mci2", dict(embed_dims=(8, 16, 32, 64), layers=(1, 1, 1, 1), mlp_ratios=(2,) * 4), 40, "bin", True),
    "mobileclip2-s3": mobileclip("fastvit_mci3", dict(embed_dims=(8, 16, 32, 32, 64), layers=(1, 1, 1, 1, 1), mlp_ratios=(2,) * 5), 36),
    "mobileclip-b": mobileclip("vit_base_mci_224", dict(embed_dim=16, depth=2, num_heads=2), 40, pool="token", causal=True,
                               extra=small_stem),
    "mobileclip2-l": mobileclip("vit_large_patch14_clip_224", dict(embed_dim=16, depth=2, num_heads=2), 28, pool="token",
                                extra=lambda: dict(img_size=28)),
    # The same in Apple's own files; those above must be there.
    "mobileclip-s1-apple": apple("mobileclip-s1", "mci1", False),
    "mobileclip-s0-apple": apple_hybrid,
    "mobileclip-b-apple": apple("mobileclip-b", "vit_b16", True),
    # Text towers of transformers in open_clip: as LAION's XLM-RoBERTas, with the pooler of a RoBERTa, and as BiomedCLIP,
    # whose image tower is one of timm's.
    "open-clip-xlm-roberta": open_clip_hf(
        xlm_roberta_tokenizer, "xlm-roberta-base",
        XLMRobertaConfig(max_position_embeddings=CONTEXT + 4, type_vocab_size=1, layer_norm_eps=1e-5,
                         **SMALL_BERT | dict(hidden_size=32, intermediate_size=64)),
        dict(hf_pooler_type="mean_pooler"), SMALL_VISION),
    "open-clip-roberta": open_clip_hf(
        roberta_tokenizer, "roberta-base",
        RobertaConfig(max_position_embeddings=CONTEXT + 2, type_vocab_size=1, layer_norm_eps=1e-5, **SMALL_BERT),
        dict(pooler_type="cls_pooler", proj="linear"), SMALL_VISION, act=True),
    "open-clip-biomed": open_clip_hf(
        bert_tokenizer, "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract",
        BertConfig(max_position_embeddings=CONTEXT, **SMALL_BERT),
        dict(hf_pooler_type="cls_last_hidden_state_pooler", hf_proj_type="mlp"),
        dict(image_size=24, timm_model_name="vit_base_patch16_224", timm_model_pretrained=False, timm_pool="", timm_proj="linear"),
        sizes=dict(embed_dim=24, depth=2, num_heads=3, img_size=24, patch_size=8), container="bin"),
    # SigLIP and SigLIP 2 as timm publishes them for open_clip, of both kinds of GELU.
    "open-clip-siglip": open_clip_siglip(t5_tokenizer, "vit_base_patch16_siglip_224", {}),
    "open-clip-siglip2": open_clip_siglip(lambda: byte_pairs("right"), "vit_base_patch32_siglip_256",
                                          dict(act_kwargs=dict(approximate="tanh")), width=32),
    # TinyCLIP: a text tower of few layers beside an image tower of many, pooled at the largest id.
    "tinyclip": clip_of_transformers(
        tower(16, 4, 1, "gelu") | dict(eos_token_id=2),
        tower(16, 4, 5, "gelu", 3) | dict(image_size=16, patch_size=4), 24),
    # fashion-clip: a fine-tune of ViT-B/32 by an older transformers, sharded here.
    "fashion-clip": clip_of_transformers(
        tower(16, 2, 2, "quick_gelu") | dict(eos_token_id=2),
        tower(16, 2, 2, "quick_gelu") | dict(image_size=32, patch_size=16), 16, max_shard_size="30KB"),
    # SigLIP, and SigLIP 2 at fixed resolution with its own tokenizer and a bilinear resize.
    "siglip": siglip(unigram, "gelu_pytorch_tanh", {}),
    "siglip2": siglip(lambda: byte_pairs("right"), "gelu_pytorch_tanh", dict(resample=2)),
    "siglip2-naflex": naflex,
    "siglip2-left": siglip(lambda: byte_pairs("left"), "gelu", {}, layers=1, width=24),
}


def main():
    for name in sys.argv[1:] or MODELS:
        folder = HERE / "models" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        torch.manual_seed(3)
        MODELS[name](folder)
        print(name, sum(file.stat().st_size for file in folder.iterdir()))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Write small random models of every layout and family, and what Hugging Face transformers or open_clip makes of them.

    python3 tests/parity/make_models.py [NAME...]        # from the repository's root, after make_golden.py

Each folder of models/ is a snapshot as the library itself saves it, with float16 weights and reference.safetensors
beside: embeddings of random pixels and token ids, logits, and the embedding of one drawn image that went through the
library's own preprocessing. CLIP's share the tokenizer of tiny/, which the tests put beside them.

Needs: pip install torch transformers safetensors open_clip_torch torchvision sentencepiece protobuf
"""
import io
import json
import pathlib
import shutil
import sys
import tempfile

import numpy
import open_clip
import sentencepiece
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (BertTokenizer, ChineseCLIPConfig, ChineseCLIPImageProcessorPil, ChineseCLIPModel, CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTextConfig, CLIPTextModelWithProjection,
                          CLIPVisionConfig, CLIPVisionModelWithProjection, MetaClip2Config, MetaClip2Model,
                          PreTrainedTokenizerFast, SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipTokenizer,
                          XLMRobertaTokenizer)
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
    return {k: v.half().contiguous() for k, v in model.state_dict().items()}


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


def open_clip_model(config, preprocess, container):
    def make(folder):
        classes = {True: open_clip.CustomTextCLIP, False: open_clip.CLIP}
        config_of_class = {k: v for k, v in config.items() if k != "custom_text"}
        model = stir(classes[config.get("custom_text", False)](**json.loads(json.dumps(config_of_class))))
        tensors = {k: v for k, v in state(model).items() if k != "attn_mask"}
        if container == "safetensors":
            save_file(tensors, folder / "open_clip_model.safetensors")
        else:
            torch.save(tensors, folder / "open_clip_pytorch_model.bin")
        settings = dict(model_cfg=config, preprocess_cfg=preprocess)
        (folder / "open_clip_config.json").write_text(json.dumps(settings, indent=1))
        size = config["vision_cfg"]["image_size"]
        transform = open_clip.image_transform(size, is_train=False, mean=preprocess["mean"], std=preprocess["std"],
                                              interpolation=preprocess.get("interpolation"),
                                              resize_mode=preprocess.get("resize_mode"))
        pixels = torch.randn(2, 3, size, size).half().float()
        with torch.no_grad():
            images, texts = model.encode_image(pixels), model.encode_text(ids())
            drawn_embeds = model.encode_image(transform(drawn())[None])
            logits = model.get_logits(pixels, ids())[0]
        save_reference(folder, pixel_values=pixels, input_ids=ids(), image_embeds=images, text_embeds=texts,
                       logits_per_image=logits, drawn_embeds=drawn_embeds)
    return make


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
# What spaces, case, punctuation, unknown letters and lengths do to ids.
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
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "\u2581photo", "\u2581of", "\u2581cat", "\u2581dog",
              *"abcdeghoptf", "\u2581ein", "\u2581Foto", "ein", "er", "\u2581Katze", "北", "京", "!", ",", "2", "s"]
    tokenizer = XLMRobertaTokenizer(vocab=[(piece, 0.0 if i < 4 else -1.0 - i / 10) for i, piece in enumerate(pieces)],
                                    model_max_length=CONTEXT)
    text = tower(16, 2, 2, "quick_gelu") | dict(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT,
                                                bos_token_id=0, eos_token_id=2)
    vision = tower(24, 3, 2, "quick_gelu") | dict(image_size=24, patch_size=8)
    model = stir(MetaClip2Model(MetaClip2Config(text_config=text, vision_config=vision, projection_dim=16)))
    processor = CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size=24)
    texts = ["a photo of a cat", "ein Foto einer Katze", "", "北京  dogs!  ", "a photo of a dog, " * 6]
    multilingual(folder, tokenizer, model, processor, texts)


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
TOKENS = dict(context_length=CONTEXT, vocab_size=VOCABULARY)

MODELS = {
    "pytorch-bin": pytorch_bin,
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


main()

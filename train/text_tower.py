"""The text tower: a `transformers` CLIP text model that starts as an average of word meanings."""

import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from targets import WIDTH
from vocabulary import CONTEXT, END, START

LAYERS, HEADS = 2, WIDTH // 64


def piece_texts(tokenizer):
    """The text that each vocabulary entry stands for, "" where it is no whole letters."""
    decoder = {c: b for b, c in _byte_characters().items()}
    texts = [""] * tokenizer.get_vocab_size()
    for piece, i in tokenizer.get_vocab().items():
        if piece in (START, END):
            continue
        raw = bytes(decoder[c] for c in piece.removesuffix("</w>"))
        texts[i] = raw.decode("utf-8", errors="ignore").strip()
    return texts


def _byte_characters():
    """The byte-level alphabet: {byte: printable character}, as GPT-2 defined it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in plain}
    table |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in table)}
    return table


@torch.no_grad()
def build(tokenizer, meanings):
    """A text model whose embedding of a phrase is about the mean of its words' `meanings` (entries, WIDTH).

    Token embeddings are the meanings; the last layer's attention looks evenly at all tokens and
    copies them; every other branch starts near zero, and the projection is the identity.
    """
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    model = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH,
        num_hidden_layers=LAYERS, num_attention_heads=HEADS, max_position_embeddings=CONTEXT, hidden_act="quick_gelu",
        bos_token_id=start, eos_token_id=end, pad_token_id=end, layer_norm_eps=1e-5))
    text = model.text_model
    text.embeddings.token_embedding.weight.copy_(4 * meanings)
    text.embeddings.position_embedding.weight.normal_(0, 0.0003)
    for layer in text.encoder.layers:
        for branch in (layer.self_attn.out_proj, layer.mlp.fc2):
            branch.weight.mul_(0.02)
        layer.self_attn.q_proj.weight.mul_(0.5)
    last = text.encoder.layers[-1].self_attn
    last.v_proj.weight.copy_(torch.eye(WIDTH))
    last.out_proj.weight.copy_(torch.eye(WIDTH))
    model.text_projection.weight.copy_(torch.eye(WIDTH))
    return model


def embed(model, tokenizer, texts):
    """Unit embeddings (N, WIDTH) of texts, with gradients where they are on."""
    from vocabulary import encode

    ids, _ = encode(tokenizer, texts)
    return torch.nn.functional.normalize(model(input_ids=torch.from_numpy(ids)).text_embeds, dim=1)

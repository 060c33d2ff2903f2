"""The two towers of a Hugging Face `CLIPModel`, written for fast training on a CPU.

Same arithmetic, other layout: query, key and value are one product, attention is two
batched products (several times faster here than the fused kernel), and the image
tower may run on a window of the patch grid. `huggingface_state` gives the published
tensor names.

The image tower starts out as something like a convolutional network: the first
dimensions of its position embeddings are waves, and each head's query and key are
rotations that make it look at one of the eight neighbouring patches.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

VISION = {"width": 256, "layers": 6, "heads": 8, "image": 64, "patch": 8}
TEXT = {"width": 192, "layers": 3, "heads": 6, "context": 32}
EMBEDDING = 256
WAVES = 32
QUICK = 1.702


class Attention(nn.Module):
    """Multi-head self-attention, optionally causal."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qk = nn.Linear(width, 2 * width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x, mask=None):
        batch, tokens, width = x.shape
        size = width // self.heads

        def split(y):
            return y.view(batch, tokens, self.heads, size).transpose(1, 2).reshape(-1, tokens, size)

        q, k = self.qk(x).split(width, 2)
        scores = torch.bmm(split(q), split(k).transpose(1, 2) * size**-0.5)
        if mask is not None:
            scores = scores + mask
        mixed = torch.bmm(scores.softmax(-1), split(self.v(x)))
        return self.out(mixed.view(batch, self.heads, tokens, size).transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    """Pre-norm attention and a QuickGELU network of four times the width.

    QuickGELU is x * sigmoid(QUICK * x), that is silu(QUICK * x) / QUICK: the factors are
    kept in the weights here, where they cost nothing, and taken out on export.
    """

    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask=None):
        x = x + self.attention(self.norm1(x), mask)
        return x + self.fc2(F.silu(self.fc1(self.norm2(x))))


class Vision(nn.Module):
    """Pictures to class-token features, before the projection."""

    def __init__(self, width, layers, heads, image, patch):
        super().__init__()
        self.patch, self.grid = patch, image // patch
        self.embed = nn.Linear(3 * patch * patch, width, bias=False)
        self.token = nn.Parameter(torch.zeros(width))
        self.position = nn.Parameter(torch.zeros(1 + self.grid**2, width))
        self.pre_norm, self.post_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        _like_convolutions(self, width, heads)

    def forward(self, images, corner=(0, 0), middle=None):
        """(features (N, width), patch tokens after block `middle` or None).

        Pictures smaller than the full size take the positions from `corner` on.
        """
        n, _, height, wide = images.shape
        rows, columns, p = height // self.patch, wide // self.patch, self.patch
        x = images.reshape(n, 3, rows, p, columns, p).permute(0, 2, 4, 1, 3, 5).reshape(n, rows * columns, -1)
        x = self.embed(x)
        positions = self.position[1:].view(self.grid, self.grid, -1)
        positions = positions[corner[0] : corner[0] + rows, corner[1] : corner[1] + columns].flatten(0, 1)
        first = (self.token + self.position[0]).expand(n, 1, -1)
        x = self.pre_norm(torch.cat([first, x + positions], 1))
        between = None
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == middle:
                between = x[:, 1:]
        return self.post_norm(x[:, 0]), between


class Text(nn.Module):
    """Token ids to end-of-text features, before the projection."""

    def __init__(self, entries, width, layers, heads, context):
        super().__init__()
        self.tokens = nn.Embedding(entries, width)
        self.position = nn.Parameter(torch.randn(context, width) * 0.01)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        for block in self.blocks:
            _plain(block, width, layers)
        self.register_buffer("mask", torch.full((context, context), -1e4).triu(1), persistent=False)

    def forward(self, ids, ends):
        """ids (N, T), the end token's place (N,) to features (N, width)."""
        tokens = ids.shape[1]
        x = self.tokens(ids) + self.position[:tokens]
        for block in self.blocks:
            x = block(x, self.mask[:tokens, :tokens].to(x.dtype))
        return self.norm(x[torch.arange(len(ids), device=ids.device), ends])


class Clip(nn.Module):
    """Both towers, their projections and the logit scale (a logarithm)."""

    def __init__(self, entries):
        super().__init__()
        self.vision = Vision(**VISION)
        self.text = Text(entries, **TEXT)
        self.image_projection = nn.Linear(VISION["width"], EMBEDDING, bias=False)
        self.text_projection = nn.Linear(TEXT["width"], EMBEDDING, bias=False)
        self.scale = nn.Parameter(torch.tensor(math.log(20.0)))
        nn.init.normal_(self.image_projection.weight, std=VISION["width"] ** -0.5)
        nn.init.normal_(self.text_projection.weight, std=TEXT["width"] ** -0.5)

    def embed_images(self, images, **options):
        """Normalised float32 embeddings and the tokens asked for by `middle`."""
        features, between = self.vision(images, **options)
        return F.normalize(self.image_projection(features).float(), dim=1), between

    def embed_texts(self, ids, ends):
        """Normalised float32 embeddings; the short half is run without the padding of the long one."""
        order = ends.argsort()
        parts = []
        for some in order.split((len(order) + 1) // 2):
            width = int(ends[some].max()) + 1
            parts.append(self.text(ids[some, :width], ends[some]))
        features = torch.cat(parts)[order.argsort()]
        return F.normalize(self.text_projection(features).float(), dim=1)


def _plain(block, width, layers):
    std = width**-0.5
    for linear in (block.attention.qk, block.attention.v, block.fc1):
        nn.init.normal_(linear.weight, std=std)
    nn.init.normal_(block.attention.out.weight, std=std * (2 * layers) ** -0.5)
    block.fc1.weight.data.mul_(QUICK)
    nn.init.normal_(block.fc2.weight, std=0.5 / QUICK * std * (2 * layers) ** -0.5)
    for linear in (block.attention.qk, block.attention.v, block.attention.out, block.fc1, block.fc2):
        nn.init.zeros_(linear.bias)


def _like_convolutions(vision, width, heads):
    """Wave positions in dimensions 0..WAVES, heads that look at the eight neighbours."""
    grid, size = vision.grid, width // heads
    if size != WAVES or heads != 8:
        raise ValueError(f"the neighbour heads want 8 heads of {WAVES}, not {heads} of {size}")
    frequency = math.pi * (torch.arange(WAVES // 4) + 0.5) / grid
    place = torch.arange(grid)
    wave = torch.cat([torch.cos(place[:, None] * frequency), torch.sin(place[:, None] * frequency)], 1)
    with torch.no_grad():
        nn.init.normal_(vision.embed.weight, std=vision.embed.weight.shape[1] ** -0.5)
        vision.embed.weight[:WAVES] = 0
        nn.init.normal_(vision.position, std=0.02)
        nn.init.normal_(vision.token, std=0.5)
        vision.token[:WAVES] = 0
        vision.position[0, :WAVES] = 0
        both = torch.cat([wave[:, None].expand(-1, grid, -1), wave[None].expand(grid, -1, -1)], 2)
        vision.position[1:, :WAVES] = both.reshape(grid * grid, WAVES) * 1.4
        steps = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
        for block in vision.blocks:
            _plain(block, width, len(vision.blocks))
            weight = block.attention.qk.weight
            weight.mul_(0.1)
            for head, (dy, dx) in enumerate(steps):
                rows = slice(head * size, (head + 1) * size)
                turn = torch.block_diag(_rotation(frequency * dy), _rotation(frequency * dx))
                weight[rows][:, :WAVES] += 1.5 * turn
                weight[width:][rows][:, :WAVES] += 1.5 * torch.eye(WAVES)
            block.attention.out.weight[:WAVES] *= 0.1
            block.fc2.weight[:WAVES] *= 0.1


def _rotation(angles):
    """The matrix that turns waves at a place into waves a step further."""
    cos, sin = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)])


def huggingface_state(clip):
    """The weights under the names of `transformers`' CLIPModel, float32."""
    v, t = clip.vision, clip.text
    patch = v.patch
    state = {
        "logit_scale": clip.scale,
        "visual_projection.weight": clip.image_projection.weight,
        "text_projection.weight": clip.text_projection.weight,
        "vision_model.embeddings.class_embedding": v.token,
        "vision_model.embeddings.patch_embedding.weight": v.embed.weight.view(-1, 3, patch, patch),
        "vision_model.embeddings.position_embedding.weight": v.position,
        "text_model.embeddings.token_embedding.weight": t.tokens.weight,
        "text_model.embeddings.position_embedding.weight": t.position,
    }
    named = {"vision_model.pre_layrnorm": v.pre_norm, "vision_model.post_layernorm": v.post_norm,
             "text_model.final_layer_norm": t.norm}
    for tower, blocks in (("vision_model", v.blocks), ("text_model", t.blocks)):
        for i, block in enumerate(blocks):
            at = f"{tower}.encoder.layers.{i}"
            named |= {f"{at}.layer_norm1": block.norm1, f"{at}.layer_norm2": block.norm2,
                      f"{at}.self_attn.v_proj": block.attention.v, f"{at}.self_attn.out_proj": block.attention.out}
            state |= {f"{at}.mlp.fc1.weight": block.fc1.weight / QUICK, f"{at}.mlp.fc1.bias": block.fc1.bias / QUICK,
                      f"{at}.mlp.fc2.weight": block.fc2.weight * QUICK, f"{at}.mlp.fc2.bias": block.fc2.bias}
            for part, weight, bias in zip("qk", block.attention.qk.weight.chunk(2), block.attention.qk.bias.chunk(2)):
                state |= {f"{at}.self_attn.{part}_proj.weight": weight, f"{at}.self_attn.{part}_proj.bias": bias}
    for name, layer in named.items():
        state |= {f"{name}.weight": layer.weight, f"{name}.bias": layer.bias}
    return {name: tensor.detach().float().contiguous().clone() for name, tensor in state.items()}

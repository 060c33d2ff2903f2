"""Photos: decoded once into memory-mapped arrays, then augmented a batch at a time.

The CLIP processor resizes every picture to the model's input size with Pillow's
bicubic filter; the cache is made in just that way, so that training sees the
pixels that evaluation will see.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIZE = 64
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
# Where models run; batches are put together on the processor.
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Photos:
    """Pictures of one zip of class folders: `pixels` (N, 64, 64, 3) uint8 and `labels` (N,)."""

    def __init__(self, pixels, labels, folders):
        self.pixels, self.labels, self.folders = pixels, labels, folders

    def __len__(self):
        return len(self.labels)


def resize(picture):
    """The processor's geometry: shorter side to SIZE (bicubic, antialiased), centre crop."""
    width, height = picture.size
    scale = SIZE / min(width, height)
    if scale != 1:
        picture = picture.resize((round(width * scale), round(height * scale)), Image.BICUBIC)
    left, top = (picture.width - SIZE) // 2, (picture.height - SIZE) // 2
    return picture.crop((left, top, left + SIZE, top + SIZE))


def load_photos(zip_path, cache_dir):
    """Decodes a zip of `folder/picture` files, or opens what an earlier call left in the cache."""
    zip_path, cache_dir = Path(zip_path), Path(cache_dir)
    if not zip_path.is_file():
        raise FileNotFoundError(f"photo archive not found: {zip_path}")
    stem = cache_dir / f"{zip_path.stem}-{SIZE}"
    if not stem.with_suffix(".json").exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        _decode(zip_path, stem)
    meta = json.loads(stem.with_suffix(".json").read_text())
    pixels = np.load(stem.with_suffix(".npy"), mmap_mode="r")
    return Photos(pixels, np.array(meta["labels"]), meta["folders"])


def _decode(zip_path, stem):
    with zipfile.ZipFile(zip_path) as archive:
        names = sorted(n for n in archive.namelist() if not n.endswith("/"))
        folders = sorted({n.split("/")[0] for n in names})
        pixels = np.empty((len(names), SIZE, SIZE, 3), np.uint8)
        for i, name in enumerate(names):
            picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            pixels[i] = np.asarray(resize(picture))
    labels = [folders.index(n.split("/")[0]) for n in names]
    np.save(stem.with_suffix(".npy"), pixels)
    stem.with_suffix(".json").write_text(json.dumps({"folders": folders, "labels": labels}))


def to_tensor(pixels):
    """uint8 (N, H, W, 3) to float (N, 3, H, W) in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255)


def normalise(images):
    """The processor's mean and deviation, channel by channel."""
    mean = torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / std


def augment(images, rng, size=SIZE, min_area=0.35, colour=0.3, cutout=0.25):
    """Random resized crop, flip, colour jitter and a square cut out, each drawn per picture.

    `images` is (N, 3, S, S) in 0..1, the answer (N, 3, size, size). `rng` is a torch generator.
    """
    n = len(images)

    def uniform(low, high):
        return torch.rand(n, generator=rng) * (high - low) + low

    area = uniform(min_area, 1.0)
    ratio = torch.exp(uniform(-0.25, 0.25))
    half_w, half_h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    flip = (torch.rand(n, generator=rng) < 0.5).float() * 2 - 1
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 2] = half_w * flip, uniform(-1, 1) * (1 - half_w)
    theta[:, 1, 1], theta[:, 1, 2] = half_h, uniform(-1, 1) * (1 - half_h)
    grid = F.affine_grid(theta, (n, 3, size, size), align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    brightness = uniform(1 - colour, 1 + colour).view(n, 1, 1, 1)
    contrast = uniform(1 - colour, 1 + colour).view(n, 1, 1, 1)
    saturation = uniform(1 - colour, 1 + colour).view(n, 1, 1, 1)
    grey = out.mean(1, keepdim=True)
    out = grey + (out - grey) * saturation
    middle = out.mean((1, 2, 3), keepdim=True)
    out = (middle + (out - middle) * contrast) * brightness
    out = out.clamp_(0, 1)

    side = size // 4
    for i in torch.nonzero(torch.rand(n, generator=rng) < cutout).flatten().tolist():
        x, y = torch.randint(0, size - side + 1, (2,), generator=rng).tolist()
        out[i, :, y : y + side, x : x + side] = 0.45
    return out

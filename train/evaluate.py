"""Zero-shot figures of a snapshot in PyTorch, or of a finished file by `cliplet eval`.

Both measure the very zips, names and templates that `sets.py` writes.
"""

import argparse
import io
import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from backbone import Extractor, load_backbone
from captions import embed_all
from sets import write_sets

PHOTO_TEMPLATES = ["a photo of a {}", "a photo of the {}", "a picture of a {}", "a good photo of a {}", "a close-up photo of a {}"]
# Other ways of writing the same labels: every one must do about as well.
WORDINGS = {"bare": ["{}"], "photo": ["a photo of a {}"], "picture": ["a picture of the {}"], "mean of five": PHOTO_TEMPLATES,
            "plural": ["{}s"], "capitals": ["A PHOTO OF A {}"]}


class Snapshot:
    """A snapshot's two towers in PyTorch: the text tower of `transformers`, the head by its formula."""

    def __init__(self, folder, eight_bits=False):
        folder = Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        tensors = load_file(folder / "model.safetensors")
        if eight_bits:
            tensors = {k: _eight_bits(v) if v.ndim >= 2 else v for k, v in tensors.items()}
        self.tensors, self.scale = tensors, tensors["logit_scale"].exp().item()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.text = CLIPTextModelWithProjection(CLIPTextConfig(**self.config["text_config"])).eval()
        text = {k: v for k, v in tensors.items() if k.startswith("text_")}
        self.text.load_state_dict(text, strict=False)
        self.backbone = load_backbone()
        image = {k.removeprefix("vision_model."): v for k, v in tensors.items() if k.startswith("vision_model._")}
        self.backbone.load_state_dict(image, strict=False)

    def labels(self, labels, templates):
        """Unit label embeddings, the mean over templates."""
        filled = [[t.replace("{}", label) for label in labels] for t in templates]
        return F.normalize(sum(embed_all(self.text, self.tokenizer, texts) for texts in filled), dim=1)

    def images(self, features):
        """Unit embeddings of backbone features (N, 1376)."""
        t, head = self.tensors, self.config["vision_config"]["head"]
        features = torch.from_numpy(np.asarray(features, np.float32))
        logits = F.linear(features[:, -1280:], t["vision_model.classifier.weight"], t["vision_model.classifier.bias"])
        standard = features * t["visual_mlp.norm.weight"] + t["visual_mlp.norm.bias"]
        hidden = F.relu(F.linear(standard, t["visual_mlp.fc1.weight"], t["visual_mlp.fc1.bias"]))
        known = F.linear((logits / head["temperature"]).softmax(1), t["visual_projection.weight"])
        return F.normalize(known + F.linear(hidden, t["visual_mlp.fc2.weight"], t["visual_mlp.fc2.bias"]), dim=1)


def _eight_bits(matrix):
    """A matrix rounded to 8 bits with one scale for each 32 numbers of a row, as the q8 file does."""
    rows = matrix.flatten(1)
    blocks = F.pad(rows, (0, -rows.shape[1] % 32)).view(len(rows), -1, 32)
    scale = blocks.abs().amax(2, keepdim=True).clamp(min=1e-12) / 127
    rounded = ((blocks / scale).round() * scale).flatten(1)[:, : rows.shape[1]]
    return rounded.reshape(matrix.shape)


def read_set(path):
    """(images, class folders) of a zip."""
    with zipfile.ZipFile(path) as archive:
        files = sorted(n for n in archive.namelist() if not n.endswith("/"))
        return [Image.open(io.BytesIO(archive.read(n))).convert("RGB") for n in files], [n.split("/")[0] for n in files]


def in_pytorch(snapshot, sets):
    """Prints top-1 and top-5 of every set and wording, and how honest the probabilities are."""
    extract = Extractor("f32", backbone=snapshot.backbone)
    for name, (path, names, templates) in sets.items():
        images, folders = read_set(path)
        embeddings = snapshot.images(extract(images))
        truth = torch.tensor([list(names).index(f) for f in folders])
        wordings = {"": templates} | (WORDINGS if name in ("everyday", "other-words", "caltech101-val") else {})
        for wording, these in wordings.items():
            cosines = embeddings @ snapshot.labels(list(names.values()), these).T
            order = cosines.argsort(1, descending=True)
            top1 = (order[:, 0] == truth).float()
            top5 = (order[:, :5] == truth[:, None]).any(1).float().mean()
            sure = (snapshot.scale * cosines).softmax(1).amax(1)
            print(f"{name} {wording or templates}: {len(truth)} images, top1 {top1.mean():.3f} ({int(top1.sum())}), top5 {top5:.3f}, "
                  f"mean probability of the best {sure.mean():.3f}, its cosine {cosines.amax(1).mean():.3f}", flush=True)


def by_command(command, model, sets, folder):
    """Prints what `cliplet eval` measures of every set."""
    for name, (path, _, templates) in sets.items():
        options = [o for t in templates for o in ("--template", t)]
        answer = subprocess.run([command, "eval", str(path), "--model", str(model), "--names", f"{folder}/{name}-names.json",
                                 "--format", "json", *options], capture_output=True, text=True, check=True)
        figures = json.loads(answer.stdout)
        print(f"{name}: {figures['images']} images, top1 {figures['top1']:.3f}, top5 {figures['top5']:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="a snapshot folder, or a GGUF file with --command")
    parser.add_argument("--data", required=True, help="folder of the photo zips")
    parser.add_argument("--sets", required=True, help="folder that the evaluation sets are written to")
    parser.add_argument("--command", help="the cliplet program, to measure a finished file")
    parser.add_argument("--eight-bits", action="store_true", help="with the snapshot's weights rounded to 8 bits")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = write_sets(args.data, args.sets)
    if args.command:
        by_command(args.command, args.model, sets, args.sets)
    else:
        in_pytorch(Snapshot(args.model, args.eight_bits), sets)


if __name__ == "__main__":
    main()

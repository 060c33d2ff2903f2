"""Zero-shot figures of a snapshot, measured with `transformers` in float32.

It first writes every evaluation set as a zip of class folders beside a names file, in
the form that `cliplet eval SET.zip --names SET-names.json --template "a photo of a {}"`
reads, then measures just those files; so both programs judge the same pictures.
"""

import argparse
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import drawings
import glyphs
from captions import TRUE, Concepts

TEMPLATES = {"cifar10": ["a photo of a {}"], "tiny-imagenet-200": ["a photo of a {}"], "pairs": ["a photo of a {}"],
             "drawn": ["a {}"], "emoji": ["a {}"]}
PAIRS = [("cat", "dog"), ("automobile", "ship"), ("bird", "airplane"), ("automobile", "truck"), ("horse", "deer"),
         ("dog", "frog"), ("cat", "automobile"), ("bird", "ship"), ("dog", "bird"), ("cat", "frog"), ("bus", "train"),
         ("spider", "butterfly"), ("bridge", "building"), ("fruit", "bottle"), ("animal", "vehicle"), ("food", "clothing")]
SPOKEN = {"automobile": "car"}


def write_sets(data, folder):
    """Writes all sets into `folder`: [(name, zip path, names path)]."""
    data, folder = Path(data), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    photos = {s: data / f"{s}-val.zip" for s in ("cifar10", "tiny-imagenet-200")}
    with zipfile.ZipFile(photos["tiny-imagenet-200"]) as archive:
        folders = sorted({n.split("/")[0] for n in archive.namelist()})
    concepts = Concepts(data / "tiny-imagenet-200-classes.json", folders)
    names = {"cifar10": {c: c for c in concepts.cifar},
             "tiny-imagenet-200": {f: concepts.names[i][0] for i, f in enumerate(folders)}}
    sets = []
    for source, path in photos.items():
        (folder / f"{source}-names.json").write_text(json.dumps(names[source], indent=1))
        sets.append((source, path, folder / f"{source}-names.json"))
    for pair in PAIRS:
        sets.append(_pair(pair, concepts, folders, photos, folder))
    drawings.evaluation_set(folder)
    glyphs.evaluation_set(folder)
    sets += [(n, folder / f"{n}.zip", folder / f"{n}-names.json") for n in ("drawn", "emoji")]
    return sets


def _pair(pair, concepts, folders, photos, folder):
    """A zip of two class folders with all validation photos that are the one or the other."""
    stem = "pair-" + "-".join(pair)
    coarse = len(concepts.cifar)
    columns = [len(folders) + next(i for i, k in enumerate(concepts.superclasses) if pair[j] in k.split(", "))
               for j in range(2)]
    rows = {("cifar10", c): i for i, c in enumerate(concepts.cifar)}
    rows |= {("tiny-imagenet-200", f): coarse + i for i, f in enumerate(folders)}
    with zipfile.ZipFile(folder / f"{stem}.zip", "w") as out:
        for source, path in photos.items():
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    truths = concepts.truth[rows[source, name.split("/")[0]], columns] == TRUE
                    if truths.sum() == 1:
                        out.writestr(f"{pair[int(truths.argmax())]}/{source}-{Path(name).name}", archive.read(name))
    (folder / f"{stem}-names.json").write_text(json.dumps({p: SPOKEN.get(p, p) for p in pair}))
    return stem, folder / f"{stem}.zip", folder / f"{stem}-names.json"


class Judge:
    """A snapshot that classifies pictures among labels."""

    def __init__(self, snapshot):
        from transformers import CLIPModel, CLIPProcessor

        self.model = CLIPModel.from_pretrained(snapshot).eval()
        self.processor = CLIPProcessor.from_pretrained(snapshot)

    def eight_bits(self):
        """Rounds every matrix to 8 bits with one scale an output row, as the q8 file does."""
        for p in self.model.parameters():
            if p.ndim >= 2:
                rows = p.data.flatten(1)
                scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
                p.data = ((rows / scale).round() * scale).view_as(p)

    @torch.no_grad()
    def labels(self, labels, templates):
        """Normalised label embeddings, the mean over templates."""
        mean = 0
        for template in templates:
            texts = [template.replace("{}", label) for label in labels]
            inputs = self.processor.tokenizer(texts, return_tensors="pt", padding=True)
            output = self.model(**inputs, pixel_values=torch.zeros(1, 3, 64, 64))
            mean = mean + output.text_embeds
        return torch.nn.functional.normalize(mean, dim=1)

    @torch.no_grad()
    def pictures(self, pictures):
        """Normalised embeddings of Pillow pictures."""
        pixels = self.processor.image_processor(pictures, return_tensors="pt")["pixel_values"]
        features = self.model.visual_projection(self.model.vision_model(pixel_values=pixels).pooler_output)
        return torch.nn.functional.normalize(features, dim=1)


def measure(judge, path, names, templates, every=1):
    """Top-1 and top-5 of a zip of class folders, as fractions."""
    names = json.loads(Path(names).read_text())
    folders = list(names)
    labels = judge.labels([names[f] for f in folders], templates)
    right = np.zeros(2)
    with zipfile.ZipFile(path) as archive:
        files = sorted(n for n in archive.namelist() if not n.endswith("/"))[::every]
        for at in range(0, len(files), 200):
            some = files[at : at + 200]
            pictures = [Image.open(io.BytesIO(archive.read(n))).convert("RGB") for n in some]
            order = (judge.pictures(pictures) @ labels.T).argsort(1, descending=True).numpy()
            truth = np.array([folders.index(n.split("/")[0]) for n in some])[:, None]
            right += [(order[:, :1] == truth).sum(), (order[:, :5] == truth).any(1).sum()]
    return {"images": len(files), "top1": right[0] / len(files), "top5": right[1] / len(files)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("snapshot")
    parser.add_argument("--data", required=True, help="folder of the photo zips")
    parser.add_argument("--sets", required=True, help="folder that the evaluation sets are written to")
    parser.add_argument("--eight-bits", action="store_true", help="with the weights rounded to 8 bits")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    judge = Judge(args.snapshot)
    if args.eight_bits:
        judge.eight_bits()
    figures = {}
    for name, path, names in write_sets(args.data, args.sets):
        kind = "pairs" if name.startswith("pair-") else name
        figures[name] = measure(judge, path, names, TEMPLATES[kind])
        print(f"{name}: " + " ".join(f"{k} {v:.3f}" if v <= 1 else f"{k} {v}" for k, v in figures[name].items()))
    pairs = [f["top1"] for name, f in figures.items() if name.startswith("pair-")]
    figures["pairs, mean"] = {"top1": float(np.mean(pairs)), "worst": float(min(pairs))}
    print(f"pairs: mean top1 {np.mean(pairs):.3f}, worst {min(pairs):.3f}")
    (Path(args.sets) / "figures.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

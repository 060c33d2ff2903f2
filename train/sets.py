"""Writes the evaluation sets: zips of class folders, each with its names file and prompt templates.

They are in the form that `cliplet eval SET.zip --names SET-names.json --template "a photo of a {}"`
reads, so that PyTorch and the finished program measure the same images.
"""

import argparse
import json
import zipfile
from pathlib import Path

import drawings
import glyphs
import sheets
from concepts import CIFAR10

PHOTO, PLAIN, BARE = ["a photo of a {}"], ["a {}"], ["{}"]
# name: (zip of the data folder, templates). Zips of photos of the data folder are used as they are.
PHOTO_SETS = {"photos-val": PHOTO, "caltech101-val": PHOTO, "cifar10-val": PHOTO, "tiny-imagenet-200-val": PHOTO}


def write_sets(data, folder):
    """Writes all sets into `folder`: {name: (zip path, {class folder: label}, templates)}."""
    data, folder = Path(data), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    imagenet = json.loads((data / "imagenet-1000-names.json").read_text())
    tiny = json.loads((data / "tiny-imagenet-200-classes.json").read_text())
    sets = {}
    for name, templates in PHOTO_SETS.items():
        with zipfile.ZipFile(data / f"{name}.zip") as archive:
            folders = sorted({n.split("/")[0] for n in archive.namelist() if "/" in n})
        labels = {f: imagenet.get(f, f) for f in folders}
        if name.startswith("tiny"):
            labels = {f: tiny[f].split(",")[0] for f in folders}
        sets[name] = (data / f"{name}.zip", labels, templates)
    for name, words in json.loads((Path(__file__).parent / "everyday.json").read_text()).items():
        _subset(data / "photos-val.zip", folder / f"{name}.zip", words)
        sets[name] = (folder / f"{name}.zip", words, PHOTO)
    drawings.evaluation_set(folder)
    sheets.evaluation_set(folder)
    glyphs.evaluation_set(folder)
    for name, templates in {"drawn": PLAIN, "sheets": BARE, "emoji": PLAIN}.items():
        sets[name] = (folder / f"{name}.zip", json.loads((folder / f"{name}-names.json").read_text()), templates)
    for name, (_, labels, templates) in sets.items():
        (folder / f"{name}-names.json").write_text(json.dumps(labels, indent=1))
        (folder / f"{name}-templates.txt").write_text("\n".join(templates) + "\n")
    if set(CIFAR10) != set(sets["cifar10-val"][1]):
        raise ValueError("cifar10-val.zip must have the ten folders of CIFAR-10")
    return sets


def _subset(source, target, folders):
    """Copies some class folders of a zip into another."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for name in sorted(archive.namelist()):
            if name.split("/")[0] in folders and not name.endswith("/"):
                out.writestr(name, archive.read(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="folder of the photo zips")
    parser.add_argument("folder", help="where the sets go")
    args = parser.parse_args()
    for name, (path, labels, templates) in write_sets(args.data, args.folder).items():
        print(f"{name}: {len(labels)} labels, {path}, templates {templates}")


if __name__ == "__main__":
    main()

"""What may be said of a photo, and which captions are true, false or unknown of it.

A concept is a thing with names: one of the 200 leaf classes, or a superclass (the
ten CIFAR-10 classes are the first ten of these). Captions name concepts. A caption
that is true of a picture is never its negative, nor is one that may be true of it
(a picture labelled only "dog" may show a golden retriever).
"""

import json
from pathlib import Path

import numpy as np

TRUE, FALSE, UNKNOWN = 1, 0, -1

PHOTO_TEMPLATES = [
    "{}", "{}", "{}", "a photo of {}", "a photo of {}", "a photo of {}", "a picture of {}", "an image of {}",
    "a photograph of {}", "a close-up photo of {}", "a blurry photo of {}", "a low resolution photo of {}",
    "a small photo of {}", "this is {}", "there is {} in the picture", "a good photo of {}", "a bad photo of {}",
    "a bright photo of {}", "a dark photo of {}", "a cropped photo of {}", "a photo of the {n}", "the {n}",
    "a picture of the {n}", "a photo showing {}", "i took a photo of {}", "a snapshot of {}", "look, {}!",
    "a photo of a {n}", "a picture of a {n}", "a photo of one {n}", "a pixelated photo of {}", "{n}", "{n}",
]


def with_article(name):
    """The name as a noun phrase: "an orange", "a dog", "sunglasses"."""
    if name.endswith(("glasses", "trunks", "shades", "clothes", "binoculars", "clothing", "kitchenware",
                      "swimwear", "food", "furniture", "guacamole", "espresso", "jewellery")):
        return name
    return ("an " if name[0].lower() in "aeiou" else "a ") + name


def fill(template, name):
    """A template with the name put in, `{}` with its article and `{n}` without."""
    return template.replace("{}", with_article(name)).replace("{n}", name)


class Concepts:
    """Names of every concept, and the truth of each concept for each photo class.

    Photo classes are numbered CIFAR-10 first (0..9), then the 200 leaf classes in
    the order of `folders`. Concepts are numbered leaves first, then superclasses.
    """

    def __init__(self, names_json, folders):
        table = json.loads((Path(__file__).parent / "superclasses.json").read_text())
        wordnet = json.loads(Path(names_json).read_text())
        self.folders = folders
        self.names = []
        for folder in folders:
            synonyms = [n.strip() for n in wordnet[folder].split(",")]
            primary = table["primary"].get(folder, synonyms[0])
            self.names.append([primary] + [n for n in synonyms if n != primary])
        leaf = {wordnet[f].split(",")[0].strip(): i for i, f in enumerate(folders)}
        self.cifar = list(table["cifar10"])
        self.superclasses = list(table["members"])
        for key in self.superclasses:
            self.names.append(table["cifar10"].get(key) or [n.strip() for n in key.split(",")])

        leaves, coarse = len(folders), len(self.cifar)
        self.truth = np.zeros((coarse + leaves, len(self.names)), np.int8)
        self.truth[np.arange(leaves) + coarse, np.arange(leaves)] = TRUE

        def row(member):
            if member.startswith("@"):
                return self.cifar.index(member[1:])
            if member not in leaf:
                raise ValueError(f"superclasses.json names {member!r}, which is no class")
            return coarse + leaf[member]

        for kind, value in (("unknown", UNKNOWN), ("members", TRUE)):
            for key, members in table[kind].items():
                column = leaves + self.superclasses.index(key)
                for member in members:
                    self.truth[row(member), column] = value
        for i, name in enumerate(self.cifar):
            column = leaves + self.superclasses.index(name)
            self.truth[i, column] = TRUE
            maybe = [row(m) - coarse for k in ("members", "unknown") for m in table[k].get(name, []) if m[0] != "@"]
            self.truth[i, maybe] = UNKNOWN
        self.cifar_concepts = [leaves + self.superclasses.index(n) for n in self.cifar]

    def caption(self, concept, rng):
        """A random caption naming the concept, the first name half of the time."""
        names = self.names[concept]
        name = names[0] if rng.random() < 0.5 else names[rng.integers(len(names))]
        return fill(PHOTO_TEMPLATES[rng.integers(len(PHOTO_TEMPLATES))], name)

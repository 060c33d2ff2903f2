"""WordNet's nouns, adjectives and verbs, read from Debian's `wordnet-base`."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path("/usr/share/wordnet")
# Kinds of nouns that a photo can show, by WordNet's file numbers.
VISIBLE = {5: "animal", 6: "artifact", 8: "body", 13: "food", 17: "object", 18: "person", 19: "phenomenon",
           20: "plant", 25: "shape", 27: "substance"}
PERSON = 18


@dataclass
class Synset:
    """One meaning: its words, the numbers of its hypernyms, its kind and its definition."""

    words: list
    kind: int
    gloss: str
    hypernyms: list = field(default_factory=list)


@cache
def nouns():
    """All noun synsets by their number."""
    return _read("noun")


@cache
def _read(part):
    path = ROOT / f"data.{part}"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: install Debian's wordnet-base")
    synsets = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(" "):
            continue
        data, _, gloss = line.partition(" | ")
        fields = data.split()
        count = int(fields[3], 16)
        words = [w.split("(")[0].replace("_", " ") for w in fields[4 : 4 + 2 * count : 2]]
        pointers = fields[5 + 2 * count :]
        up = [int(pointers[i + 1]) for i in range(0, 4 * int(fields[4 + 2 * count]), 4) if pointers[i] in ("@", "@i")]
        synsets[int(fields[0])] = Synset(words, int(fields[1]), gloss.split(";")[0].strip().strip("()"), up)
    return synsets


@cache
def ancestors(number):
    """A noun synset's hypernyms, all the way up: {number: steps}."""
    found = {}
    for up in nouns()[number].hypernyms:
        for above, steps in {up: 0, **ancestors(up)}.items():
            found[above] = min(found.get(above, 99), steps + 1)
    return found


def used_words(part):
    """Words of a part of speech that WordNet's own tagged texts use, with the number of their synset."""
    words = {}
    for line in (ROOT / f"index.{part}").read_text().splitlines():
        fields = line.split()
        if line.startswith(" ") or int(fields[-1 - int(fields[2])]) == 0:
            continue
        words[fields[0].replace("_", " ")] = int(fields[-int(fields[2])])
    return words


@cache
def first_synsets():
    """{noun: the number of its most common synset}, all in lower case."""
    lines = (ROOT / "index.noun").read_text().splitlines()
    fields = (line.split() for line in lines if not line.startswith(" "))
    return {f[0].replace("_", " "): int(f[-int(f[2])]) for f in fields}


def definitions(part):
    """{number: Synset} of adjectives, verbs or nouns."""
    return _read(part)

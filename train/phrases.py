"""The phrases that the text tower learns to place, and the templates around them."""

import json
import re
from pathlib import Path

import emoji
import numpy as np
from wordfreq import zipf_frequency

import drawings
import glyphs
import imagenet
import wordnet
from english import article, plural

TEMPLATES = [
    "a photo of {a}", "a photo of a {}", "a photo of the {}", "a photo of {}", "a picture of {a}", "an image of {a}",
    "a picture of a {}", "{a}", "the {}", "a close-up photo of {a}", "a blurry photo of {a}", "a drawing of {a}",
    "a good photo of {a}", "a bad photo of a {}", "this is {a}", "there is {a} in the picture", "a bright photo of {a}",
    "a low resolution photo of a {}", "a cropped photo of the {}", "itap of a {}", "a origami {}", "a {} in a video game",
    "art of the {}", "a photo of many {s}", "a photo of the small {}", "a photo of the large {}", "a sketch of {a}",
    "a photo of my {}", "a photo of one {}", "an emoji of {a}", "a {} emoji", "an icon of {a}", "a symbol of {a}",
    "a black and white photo of {a}", "a toy {}", "a painting of {a}", "a centered satellite photo of {}", "{s}", "some {s}",
    "a photo of {s}", "a picture of {s}", "a photo of {a}, a type of animal", "a photo of {a}, a type of food",
]


def fill(template, phrase):
    """A template with the phrase put in: `{a}` with its article, `{s}` in the plural, `{}` as it is."""
    return template.replace("{a}", article(phrase)).replace("{s}", plural(phrase)).replace("{}", phrase)


def emoji_names():
    """The spoken names of emoji, of Unicode and of its CLDR."""
    names = {n for c in glyphs.codepoints() for n in glyphs.spoken(c)}
    for entry in emoji.EMOJI_DATA.values():
        name = entry["en"].strip(":").replace("_", " ")
        if "skin tone" not in name and "flag" not in name:
            names.add(name.replace("’", "'"))
    return names


def _lists():
    return json.loads((Path(__file__).parent / "words.json").read_text())


def _everyday(lists):
    return [w for key in sorted(lists) for w in lists[key]]


def phrases(seed=0):
    """{phrase: weight}: the weight says how often it is drawn beside others."""
    rng = np.random.default_rng(seed)
    lists = _lists()
    everyday = _everyday(lists)
    weights = {}

    def add(words, weight):
        for word in words:
            word = " ".join(word.lower().split())
            if word and len(word) < 80:
                weights[word] = max(weights.get(word, 0), weight)

    known = wordnet.nouns()
    visible = [s for s in known.values() if s.kind in wordnet.VISIBLE]
    plain = re.compile(r"[a-z'\-]+( [a-z'\-]+){0,2}")
    add((w for s in visible for w in s.words if plain.fullmatch(w)), 1)
    for part in ("noun", "adj", "verb"):
        add((w for w in wordnet.used_words(part) if plain.fullmatch(w)), 1)
    visible_used = [w for w, n in wordnet.used_words("noun").items() if known[n].kind in wordnet.VISIBLE]
    add(visible_used, 4)
    add((s.gloss for s in visible if 3 <= len(s.gloss.split()) <= 9 and rng.random() < 0.3), 0.5)
    add(emoji_names(), 2)
    above = {n for h in imagenet.hypernyms() for n in h}
    add((w for n in above for w in known[n].words), 8)
    add((w for names in imagenet.names() for w in names), 6)
    add((names[0] for names in imagenet.names()), 12)
    add((known[n].gloss for n in imagenet.synsets()), 1)
    add(everyday, 12)
    looks = lists["colors"] + lists["adjectives"] + lists["materials"]
    add((f"{looks[rng.integers(len(looks))]} {visible_used[rng.integers(len(visible_used))]}" for _ in range(4000)), 1)
    add((f"{looks[rng.integers(len(looks))]} {everyday[rng.integers(len(everyday))]}" for _ in range(4000)), 1)
    add((f"{everyday[rng.integers(len(everyday))]} {('and', 'on', 'in', 'with')[rng.integers(4)]} "
         f"{article(everyday[rng.integers(len(everyday))])}" for _ in range(3000)), 0.7)
    add((f"{c} {s}" for c in drawings.COLORS for s in drawings.SHAPES), 4)
    return weights


def plurals(weights):
    """Plurals of single words: everyday ones first, then by the weight of the phrase."""
    everyday = set(_everyday(_lists()))
    words = sorted((w for w in weights if w.isalpha()), key=lambda w: (w not in everyday, -weights[w]))
    return [plural(w) for w in words if plural(w) != w]


def suggested_words():
    """The single words of the labels that the page suggests."""
    text = (Path(__file__).parent.parent / "www/app/suggestions/vocabulary.txt").read_text()
    labels = (line for line in text.splitlines() if not line.startswith("#"))
    return list(dict.fromkeys(re.findall(r"[a-z]{3,}", " ".join(labels).lower())))


def common_nouns():
    """Single words for what a photo can show, the most frequent in English texts first; no names of places or people.

    Words that are common as verbs or adjectives too ("join", "entire") are left out: they are rarely meant as nouns.
    """
    other = {*wordnet.used_words("verb"), *wordnet.used_words("adj")}

    def shown(word, number):
        synset = wordnet.nouns()[number]
        return (word.isalpha() and word in synset.words and word not in other
                and synset.kind in wordnet.VISIBLE and synset.kind != wordnet.PERSON)

    words = [w for w, n in wordnet.first_synsets().items() if shown(w, n)]
    return sorted(words, key=lambda w: (-zipf_frequency(w, "en"), w))

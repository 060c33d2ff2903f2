"""What is true of a photo of a class: its names and those of all its WordNet hypernyms.

A concept is a synset with words. A caption that is true of an image is never its
negative, nor is one that may be true of it: a kind of what is labelled (a photo labelled
"dog" may show a retriever), or a word that means nearly the same.
"""

import numpy as np

import imagenet
import wordnet

TRUE, FALSE, UNKNOWN = 1, 0, -1
CIFAR10 = {
    "airplane": (2691156, ["airplane", "aeroplane", "plane", "jet", "aircraft"]),
    "automobile": (2958343, ["automobile", "car", "motor car", "auto"]),
    "bird": (1503061, ["bird"]), "cat": (2121620, ["cat", "kitty", "house cat", "kitten"]),
    "deer": (2430045, ["deer", "stag", "doe"]), "dog": (2084071, ["dog", "puppy", "hound", "pet dog"]),
    "frog": (1639765, ["frog", "toad"]), "horse": (2374451, ["horse", "pony"]),
    "ship": (4194289, ["ship", "boat", "vessel", "watercraft"]), "truck": (4490091, ["truck", "lorry"]),
}
# Two words whose meanings are closer than this may be true of the same photo.
ALIKE = 0.7


class Concepts:
    """`words` of every concept, and `truth` (1000 + 10, concepts) of each for the photo classes.

    The photo classes are ImageNet's and then CIFAR-10's; the first 1010 concepts are these
    classes themselves, the others hypernyms.
    """

    def __init__(self):
        known = wordnet.nouns()
        classes = [*imagenet.synsets(), *(number for number, _ in CIFAR10.values())]
        above = [*imagenet.hypernyms(), *(wordnet.ancestors(n) for n, _ in CIFAR10.values())]
        upper = sorted({n for h in imagenet.hypernyms() for n in h} - set(classes[1000:]))
        self.words = [[w.lower() for w in names] for names in imagenet.names()]
        self.words += [words for _, words in CIFAR10.values()]
        self.words += [[w.lower() for w in known[n].words] for n in upper]
        self.numbers = np.array([*classes, *upper])

        self.truth = np.zeros((len(classes), len(self.words)), np.int8)
        for row, number in enumerate(classes):
            true = {number, *above[row]}
            for column, other in enumerate(self.numbers.tolist()):
                if other in true:
                    self.truth[row, column] = TRUE
                elif number in wordnet.ancestors(other):
                    self.truth[row, column] = UNKNOWN

    def forgive(self, embeddings):
        """Marks as unknown what means nearly the same as a true concept, by the concepts' unit embeddings."""
        alike = embeddings @ embeddings.T > ALIKE
        near = (self.truth == TRUE)[:, :1010].astype(np.float32) @ alike[:1010].astype(np.float32) > 0
        self.truth[near & (self.truth == FALSE)] = UNKNOWN

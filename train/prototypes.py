"""One vector for each of ImageNet's classes: where a photo belongs that shows nothing but that class.

It begins as the mean embedding of the class's names (ConSE, Norouzi et al. 2014) and is then moved a little, so that
the class's hypernyms ("fruit", "musical instrument") are nearer to it than words that are false of it.
"""

import torch
import torch.nn.functional as F

import imagenet
import wordnet
from captions import embed_all
from losses import contrastive
from targets import WIDTH

STEPS, RATE, SCALE = 150, 3e-3, 30.0
# The cost of moving away from the names. A third of it finds more hypernyms, but then words that ImageNet never used suffer.
TIE = 30.0


def class_texts():
    """For each class the texts whose mean embedding is its vector at the start: name, synonyms, name with its kind."""
    known = wordnet.nouns()
    texts = []
    for names, number in zip(imagenet.names(), imagenet.synsets()):
        kind = known[known[number].hypernyms[0]].words[0]
        texts.append([names[0], *names, f"{names[0]}, {kind}", f"{names[0]}, {kind}"])
    return texts


def from_names(model, tokenizer):
    """(1000, WIDTH) unit vectors, each the mean of a class's texts."""
    texts = class_texts()
    flat = embed_all(model, tokenizer, [t for c in texts for t in c])
    owner = torch.tensor([i for i, c in enumerate(texts) for _ in c])
    return F.normalize(torch.zeros(len(texts), WIDTH).index_add_(0, owner, flat), dim=1)


def refine(start, words, truth, rng):
    """Moves the vectors towards true words and away from false ones.

    `words` is the `Bank` of concepts, `truth` (classes, concepts) says which are true of a class; a class's own concept
    has its number.
    """
    vectors, own = torch.nn.Parameter(start.clone()), torch.arange(len(start))
    optimizer = torch.optim.Adam([vectors], RATE)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        name, other = contrastive(SCALE * F.normalize(vectors, dim=1) @ words.draw(rng).T, truth[: len(start)], own)
        loss = name + 0.5 * other + TIE * ((vectors - start) ** 2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return F.normalize(vectors.detach(), dim=1)

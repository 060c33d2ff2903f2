"""Distills MiniLM into the text tower: every phrase, bare and in templates, goes where MiniLM puts the bare phrase."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import vocabulary
from english import plural
from minilm import MiniLM
from phrases import TEMPLATES, common_nouns, fill, plurals, suggested_words
from targets import Targets
from text_tower import build, embed, piece_texts
from workers import run_workers

ENTRIES, PLURALS, WORDS = 12000, 600, 1500
BATCH, RATE, SHARPNESS = 256, 5e-4, 20


def corpus(targets, rng):
    """The phrases as often as they weigh, and templates around them, for the vocabulary."""
    for phrase, weight in zip(targets.phrases, targets.weights):
        for _ in range(max(1, round(weight))):
            yield phrase
    for phrase in rng.choice(targets.phrases, 8000):
        yield fill(TEMPLATES[rng.integers(len(TEMPLATES))], phrase)


def start(targets, work, rng):
    """The vocabulary and a text tower initialized with the meaning of its entries."""
    if not (work / "tokenizer.json").exists():
        words = plurals(dict(zip(targets.phrases, targets.weights.tolist())))
        tokenizer = vocabulary.with_words(vocabulary.build(corpus(targets, rng), ENTRIES), words, PLURALS)
        tokenizer = vocabulary.with_words(tokenizer, suggested_words() + common_nouns(), WORDS)
        tokenizer.save(str(work / "tokenizer.json"), pretty=False)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    texts = piece_texts(tokenizer)
    if not (work / "pieces.npy").exists():
        np.save(work / "pieces.npy", MiniLM()([t or "." for t in texts]))
    meanings = targets.place(np.load(work / "pieces.npy"))
    meanings[[i for i, t in enumerate(texts) if not t]] = 0
    return tokenizer, build(tokenizer, torch.from_numpy(meanings))


def captions(phrases, rng):
    """Each phrase bare, in the plural or in a template; long ones as they are."""
    def say(phrase):
        way = rng.random()
        if len(phrase.split()) > 3 or way < 0.4:
            return phrase
        if way < 0.6:
            return plural(phrase)
        return fill(TEMPLATES[rng.integers(len(TEMPLATES))], phrase)

    return [say(p) for p in phrases]


def batches(targets, rng):
    """Endless batches of phrase indices, drawn by weight; phrases of like length share a batch."""
    chance = targets.weights / targets.weights.sum()
    lengths = np.array([len(p) for p in targets.phrases])
    while True:
        pool = rng.choice(len(chance), 16 * BATCH, p=chance)
        pool = pool[np.argsort(lengths[pool], kind="stable")].reshape(16, BATCH)
        yield from rng.permutation(pool)


def distillation(student, target):
    """One minus the cosine, and how a batch's phrases resemble each other as the teacher has it."""
    same = 1 - (student * target).sum(1).mean()
    ours, theirs = SHARPNESS * student @ target.T, SHARPNESS * target @ target.T
    return same + 0.3 * F.kl_div(ours.log_softmax(1), theirs.log_softmax(1), reduction="batchmean", log_target=True)


def train(rank, model, tokenizer, targets, steps, work):
    """One of several workers that step the same weights, each at its own pace; the first one reports and saves."""
    torch.set_num_threads(1)
    torch.manual_seed(rank)
    rng = np.random.default_rng(rank)
    stream = batches(targets, rng)
    probe = np.concatenate([next(stream)[::8] for _ in range(16)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    begun = time.time()
    for step in range(steps + 1):
        if rank == 0 and (step % 50 == 0 or step == steps):
            with torch.no_grad():
                cosine = (embed(model, tokenizer, [targets.phrases[i] for i in probe]).numpy() * targets.targets[probe]).sum(1)
            print(f"step {step}: cosine of bare phrases {cosine.mean():.3f}, {time.time() - begun:.0f} s", flush=True)
            torch.save(model.state_dict(), work / "text.part.pt")
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50, max(steps - step, 1) / (0.7 * steps))
        pick = next(stream)
        texts = captions([targets.phrases[i] for i in pick], rng)
        with torch.autocast("cpu", torch.bfloat16):
            student = embed(model, tokenizer, texts)
        loss = distillation(student.float(), torch.from_numpy(targets.targets[pick]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=1500, help="of each worker")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from WORK/text.pt")
    args = parser.parse_args()
    torch.set_num_threads(1)
    targets = Targets(args.work)
    tokenizer, model = start(targets, args.work, np.random.default_rng(0))
    if args.resume:
        model.load_state_dict(torch.load(args.work / "text.pt", weights_only=True))
    model.share_memory()
    run_workers(train, [(i, model, tokenizer, targets, args.steps, args.work) for i in range(args.workers)])
    torch.save(model.state_dict(), args.work / "text.pt")


if __name__ == "__main__":
    main()

"""Where each phrase belongs in the joint space: MiniLM's embeddings, centered and turned.

What all phrases have in common is taken away, so that cosines say how much closer two
phrases are than any two; then the 320 principal directions of the rest are the axes.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from minilm import MiniLM
from phrases import phrases

WIDTH = 320


class Targets:
    """`phrases` and `weights`, unit `targets` (N, 320) of them, and the map for further texts."""

    def __init__(self, work):
        stored = np.load(Path(work) / "teacher.npz")
        self.phrases = json.loads((Path(work) / "phrases.json").read_text())
        self.weights, embeddings = stored["weights"], stored["embeddings"].astype(np.float32)
        share = (self.weights / self.weights.sum())[:, None].astype(np.float32)
        self.mean = (embeddings * share).sum(0)
        centered = embeddings - self.mean
        values, vectors = np.linalg.eigh((centered * share).T @ centered)
        self.axes = vectors[:, ::-1][:, :WIDTH].astype(np.float32)
        self.variance = values[::-1][:WIDTH] / values.sum()
        self.targets = self.place(embeddings)

    def place(self, embeddings):
        """Unit vectors of the joint space of MiniLM embeddings (N, 384)."""
        turned = (embeddings - self.mean) @ self.axes
        return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", required=True, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if (args.work / "teacher.npz").exists():
        return
    args.work.mkdir(parents=True, exist_ok=True)
    weights = phrases()
    texts = list(weights)
    embeddings = MiniLM()(texts).astype(np.float16)
    (args.work / "phrases.json").write_text(json.dumps(texts))
    np.savez(args.work / "teacher.npz", embeddings=embeddings, weights=np.array(list(weights.values())))


if __name__ == "__main__":
    main()

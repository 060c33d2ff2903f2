"""Makes scores.json: cosines, and the labels' order and probabilities that follow from them, in float64 by NumPy.

The Rust library's `rank` and the page's are both checked against it.

    python tests/parity/make_scores.py
"""

import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(7)
cases = []
for count, scale in [(1, 100.0), (3, 100.0), (10, 4.6), (64, 100.0), (300, 100.0)]:
    cosines = np.round(rng.uniform(-0.1, 0.35, count), 4).astype(np.float32)
    # Ties keep the labels' order.
    if count > 3:
        cosines[5] = cosines[2]
    logits = scale * cosines.astype(np.float64)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    order = np.argsort(-logits, kind="stable")
    cases.append(
        {
            "scale": scale,
            "cosines": [float(f"{value:.4f}") for value in cosines],
            "order": order.tolist(),
            "probabilities": [float(f"{shares[i]:.9g}") for i in order],
        }
    )
out = Path(__file__).with_name("scores.json")
out.write_text(json.dumps(cases) + "\n")

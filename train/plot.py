"""Loss and accuracy against training time, drawn to a file."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as pyplot


def plot(log, path):
    """Draws the entries of a training log: losses on the left, zero-shot validation on the right."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    steps = [e for e in log if "loss" in e]
    for key in ("loss", "own", "drawn", "glyphs", "distil", "guide"):
        points = [(e["seconds"] / 3600, e[key]) for e in steps if key in e]
        left.plot(*zip(*points), label=key, linewidth=1) if points else None
    left.set(xlabel="hours", ylabel="loss", title="training losses")
    left.legend()
    checks = [e for e in log if "val" in e]
    for source in checks[0]["val"] if checks else ():
        right.plot([e["seconds"] / 3600 for e in checks], [e["val"][source] for e in checks], marker=".", label=source)
    right.set(xlabel="hours", ylabel="top-1", title="zero-shot validation, averaged weights")
    right.legend()
    right.grid(True, alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)

"""Features of full-size photos of all thousand classes, made from the backbone's own weights.

Only 200 of ImageNet's classes come with photos, and those are small and blurred. What
the others' features look like follows from the network: the batch norms hold the mean
of ImageNet's activations, and a linear classifier's weights are the class means seen
through the covariance within classes (linear discriminant analysis). How single photos
differ from their class mean is taken from the photos that there are.
"""

import torch
from torch.distributions import Normal

from backbone import EARLY, EARLY_BLOCK, load_backbone

# The factor of the class means, and of single photos' deviations, that give the
# classifier the confidence that it has on real photos (0.72 on average).
CLASS, PHOTO = 2.0, 0.9


def mean_activation(norm):
    """The mean of relu6 of a batch norm's output, a normal distribution with the norm's shift and scale."""
    unit, mean, scale = Normal(0.0, 1.0), norm.bias, norm.weight.abs() + 1e-6
    low, high = -mean / scale, (6 - mean) / scale

    def density(x):
        return unit.log_prob(x).exp()

    inside = unit.cdf(high) - unit.cdf(low)
    return mean * inside + scale * (density(low) - density(high)) + 6 * (1 - unit.cdf(high))


class SyntheticPhotos:
    """Draws features (N, 1376) of photos of given classes."""

    @torch.no_grad()
    def __init__(self, features, labels):
        """`features` (M, 1376) and class numbers `labels` (M,) of the photos that there are."""
        net = load_backbone()
        self.mean = torch.cat([mean_activation(net._blocks[EARLY_BLOCK]._bn0), mean_activation(net._bn1)])
        classes = labels.unique()
        means = torch.stack([features[labels == c].mean(0) for c in classes])
        self.residuals = features - means[torch.searchsorted(classes, labels)]
        pooled = self.residuals[:, EARLY:]
        moves = (net._fc.weight - net._fc.weight.mean(0)) @ (pooled.T @ pooled / len(pooled))
        moves = moves - moves.mean(0)
        real = means[:, EARLY:] - means[:, EARLY:].mean(0)
        moves = moves * real.norm(dim=1).mean() / moves[classes].norm(dim=1).mean()
        self.moves = torch.cat([torch.zeros(len(moves), EARLY), moves], 1)

    def draw(self, classes, rng):
        """Features of one photo each of `classes` (N,)."""
        some = self.residuals[torch.from_numpy(rng.integers(len(self.residuals), size=len(classes)))]
        return (self.mean + CLASS * self.moves[classes] + PHOTO * some).clamp(0, 6)

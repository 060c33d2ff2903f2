"""The head: from the backbone's features into the joint space.

It adds two ways. The classifier's probabilities weigh a vector for each of ImageNet's
classes (ConSE, Norouzi et al. 2014): that knows photos and nothing else. A small
network on the features themselves adds what the classes do not say: small and blurred
photos, drawings, colors, symbols.
"""

import torch
import torch.nn.functional as F
from torch import nn

from backbone import CLASSES, EARLY, POOLED, load_backbone
from targets import WIDTH

HIDDEN = 448
TEMPERATURE = 0.7


class Head(nn.Module):
    """Features (N, 1376) to embeddings (N, WIDTH), not yet of unit length."""

    def __init__(self, prototypes, mean, deviation):
        super().__init__()
        self.classifier = load_backbone()._fc.requires_grad_(False)
        self.register_buffer("projection", prototypes)
        self.fc1, self.fc2 = nn.Linear(EARLY + POOLED, HIDDEN), nn.Linear(HIDDEN, WIDTH)
        nn.init.zeros_(self.fc2.weight), nn.init.zeros_(self.fc2.bias)
        self.register_buffer("mean", mean), self.register_buffer("deviation", deviation)
        self.dropout = nn.Dropout(0.2)

    @torch.no_grad()
    def probabilities(self, features):
        """(N, 1000) of the classifier, which is not trained."""
        return (self.classifier(features[:, EARLY:]) / TEMPERATURE).softmax(1)

    def network(self, features):
        """What the features add to the classes: (N, WIDTH)."""
        return self.fc2(F.relu(self.fc1(self.dropout((features - self.mean) / self.deviation))))

    def forward(self, features, probabilities=None):
        """(N, WIDTH); `probabilities` are those of the features where they are known already."""
        probabilities = self.probabilities(features) if probabilities is None else probabilities
        return probabilities @ self.projection + self.network(features)

    @torch.no_grad()
    def tensors(self):
        """The snapshot's tensors; `visual_mlp.norm` standardizes the features."""
        return {
            "vision_model.classifier.weight": self.classifier.weight, "vision_model.classifier.bias": self.classifier.bias,
            "visual_projection.weight": self.projection.T,
            "visual_mlp.norm.weight": 1 / self.deviation, "visual_mlp.norm.bias": -self.mean / self.deviation,
            "visual_mlp.fc1.weight": self.fc1.weight, "visual_mlp.fc1.bias": self.fc1.bias,
            "visual_mlp.fc2.weight": self.fc2.weight, "visual_mlp.fc2.bias": self.fc2.bias,
        }

"""The contrastive loss with several true captions an image."""

import torch


def contrastive(logits, truth, positive):
    """The image's own caption against all false ones, and another true caption likewise: two means.

    `logits` and `truth` are (images, captions), `positive` (images,) each image's own caption.
    Captions that are true (1) or unknown (-1) are never negatives.
    """
    rows = torch.arange(len(logits))
    false = torch.logsumexp(logits.masked_fill(truth != 0, -torch.inf), 1)

    def against_false(column):
        own = logits[rows, column]
        return torch.logaddexp(own, false) - own

    also = truth == 1
    also[rows, positive] = False
    has = also.any(1)
    other = torch.multinomial(also.float() + 1e-9, 1)[:, 0]
    return against_false(positive).mean(), (against_false(other) * has).sum() / has.sum().clamp(min=1)

"""The training losses: contrastive with several positives, and the teacher's guidance."""

import torch
import torch.nn.functional as F


def contrastive(logits, truth, positive):
    """Three terms of a contrastive loss over a matrix of pictures by captions.

    The picture's own caption against all that are false of it; another caption that is
    true of it (a superclass, say) likewise; and for each caption the pictures it is true
    of against those it is false of. True and unknown pairs are never negatives.
    """
    rows = torch.arange(len(logits), device=logits.device)
    false = logits.masked_fill(truth != 0, -torch.inf)

    def against_false(column):
        own = logits[rows, column]
        return torch.logsumexp(torch.cat([own[:, None], false], 1), 1) - own

    own = against_false(positive)
    also = truth == 1
    also[rows, positive] = False
    has = also.any(1)
    other = (torch.rand(also.shape, device=also.device) * also).argmax(1)
    second = (against_false(other) * has).sum() / has.sum().clamp(min=1)

    true = truth == 1
    known = logits.masked_fill(truth == -1, -torch.inf)
    log_share = logits - torch.logsumexp(known, 0, keepdim=True)
    counts = true.sum(0)
    named = counts > 0
    pictures = -(log_share.masked_fill(~true, 0).sum(0)[named] / counts[named]).mean()
    return own, second, pictures


def distil(logits, target):
    """Kullback-Leibler divergence from the teacher's distribution over one source's classes."""
    return F.kl_div(logits.log_softmax(1), target.log_softmax(1), reduction="batchmean", log_target=True)


def guide(tokens, features):
    """One minus the cosine of each patch token with the teacher's cell, its mean over the batch removed."""
    features = features.flatten(2).transpose(1, 2).float()
    features = features - features.mean((0, 1), keepdim=True)
    return 1 - F.cosine_similarity(tokens.float(), features, dim=2).mean()

"""Muon and AdamW that keep float32 master copies of bfloat16 parameters.

Muon is momentum whose matrix update is orthogonalised by a Newton-Schulz iteration.
Method and coefficients: Keller Jordan, "Muon: an optimizer for hidden layers in
neural networks" (2024). It converges in markedly fewer steps than Adam on matrices;
vectors, embeddings and the logit scale stay with AdamW.
"""

import torch


def orthogonalise(matrix, steps=5):
    """The nearest semi-orthogonal matrix, roughly, in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.to(torch.bfloat16)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def master(state, p):
    """The float32 parameter: itself, or its copy in the optimiser's state."""
    if p.dtype == torch.float32:
        return p
    if "master" not in state:
        state["master"] = p.detach().float().clone()
    return state["master"]


class Muon(torch.optim.Optimizer):
    """For parameters of two or more dimensions; convolutions are seen as (outputs, rest) matrices.

    The step of an (m, n) matrix is scaled by sqrt(max(1, m / n)), decay is decoupled.
    """

    def __init__(self, params, lr=0.02, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        """One update, from the gradients that are there."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                weights, gradient = master(state, p), p.grad.float()
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(weights)
                buffer = state["momentum"]
                buffer.lerp_(gradient, 1 - group["momentum"])
                update = gradient.lerp(buffer, group["momentum"]).flatten(1)
                rows, columns = update.shape
                update = orthogonalise(update).float().view(p.shape)
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
                if weights is not p:
                    p.copy_(weights)


class Adam(torch.optim.Optimizer):
    """AdamW (Loshchilov and Hutter, 2019) with bias correction."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        """One update, from the gradients that are there."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                weights, gradient = master(state, p), p.grad.float()
                if "count" not in state:
                    state["count"] = 0
                    state["mean"], state["square"] = torch.zeros_like(weights), torch.zeros_like(weights)
                state["count"] += 1
                b1, b2 = group["betas"]
                state["mean"].lerp_(gradient, 1 - b1)
                state["square"].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
                deviation = (state["square"] / (1 - b2 ** state["count"])).sqrt_().add_(group["eps"])
                weights.mul_(1 - group["lr"] * group["weight_decay"])
                weights.addcdiv_(state["mean"], deviation, value=-group["lr"] / (1 - b1 ** state["count"]))
                if weights is not p:
                    p.copy_(weights)

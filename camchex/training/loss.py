"""The weighted asymmetric loss: rare findings count more, easy negatives hardly at all."""

import torch
from torch import Tensor

GAMMA_POSITIVE = 1.0
GAMMA_NEGATIVE = 4.0
MARGIN = 0.05  # a negative below this probability costs nothing
EPSILON = 1e-8
"""Constants of the released loss; the paper only names it (docs/method.md, section 8)."""


def weighted_asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    positive_counts: Tensor,
    total: float | Tensor,
    known: Tensor | None = None,
) -> Tensor:
    """Mean loss over the known cells of a batch, in single precision under any autocast.

    Args:
        logits: (B, Q).
        targets: Labels or soft pseudo-labels in [0, 1], (B, Q); anything finite where not known.
        positive_counts: Positives of each class in the training table, (Q,).
        total: Rows of that table, or the rows known per class, (Q,).
        known: Which targets count, (B, Q), bool; None: all.

    Returns:
        A scalar; 0 if nothing is known.

    Source: asymmetric loss (Ben-Baruch et al., 2021) with class weights exp(1 - p) and exp(p),
        p the share of positives, and with a gradient through the focusing factor, as CheXFusion.
    """
    with torch.autocast(logits.device.type, enabled=False):
        y = targets.float()
        share = positive_counts.float() / total
        s = logits.float().sigmoid()
        s_negative = (1 - s + MARGIN).clamp(max=1)
        weight = y * (1 - share).exp() + (1 - y) * share.exp()
        likelihood = y * s.clamp(min=EPSILON).log() + (1 - y) * s_negative.log()
        # Rounding may leave the base just below zero, of which a fractional power is not a number.
        base = (1 - (y * s + (1 - y) * s_negative)).clamp(min=0)
        cells = -weight * likelihood * base ** (GAMMA_POSITIVE * y + GAMMA_NEGATIVE * (1 - y))
        if known is None:
            return cells.mean()
        return torch.where(known, cells, 0).sum() / known.sum().clamp(min=1)


def asymmetric_loss(logits: Tensor, targets: Tensor, known: Tensor | None = None) -> Tensor:
    """The asymmetric loss as it was published: no class weights, and a sum over all cells.

    No gradient flows through the focusing factor.

    Args:
        logits: (B, Q).
        targets: Labels or soft pseudo-labels in [0, 1], (B, Q); anything finite where not known.
        known: Which targets count, (B, Q), bool; None: all.

    Returns:
        A scalar, in single precision under any autocast; 0 if nothing is known.

    Source: Ben-Baruch et al., 2021, class AsymmetricLoss; docs/method.md, section 8.
    """
    with torch.autocast(logits.device.type, enabled=False):
        y = targets.float()
        s = logits.float().sigmoid()
        s_negative = (1 - s + MARGIN).clamp(max=1)
        likelihood = y * s.clamp(min=EPSILON).log() + (1 - y) * s_negative.clamp(min=EPSILON).log()
        base = (1 - (y * s + (1 - y) * s_negative)).detach().clamp(min=0)
        cells = -likelihood * base ** (GAMMA_POSITIVE * y + GAMMA_NEGATIVE * (1 - y))
        return cells.sum() if known is None else torch.where(known, cells, 0).sum()

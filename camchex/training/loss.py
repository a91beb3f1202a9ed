"""The weighted asymmetric loss: rare findings count more, easy negatives hardly at all."""

import torch
from torch import Tensor

GAMMA_POSITIVE, GAMMA_NEGATIVE = 1.0, 4.0
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
    """Compute the mean loss over the known cells of a batch; 0 if nothing is known.

    Args:
        logits: Logits (B, Q) of any precision; the loss is in single precision.
        targets: Labels or soft pseudo-labels in [0, 1], (B, Q); anything finite where not known.
        positive_counts: Positives of each class in the training table, (Q,).
        total: Rows of that table, or the rows known per class, (Q,).
        known: True for targets that count, (B, Q), bool; None: all.

    Source: asymmetric loss (Ben-Baruch et al., 2021) with class weights exp(1 - p) and exp(p),
        p the share of positives, and with a gradient through the focusing factor, as CheXFusion.
    """
    with torch.autocast(logits.device.type, enabled=False):
        y, likelihood, base = _terms(logits, targets)
        share = positive_counts.float() / total
        weight = y * (1 - share).exp() + (1 - y) * share.exp()
        cells = -weight * likelihood * base ** (GAMMA_POSITIVE * y + GAMMA_NEGATIVE * (1 - y))
        if known is None:
            return cells.mean()
        return torch.where(known, cells, 0).sum() / known.sum().clamp(min=1)


def asymmetric_loss(logits: Tensor, targets: Tensor, known: Tensor | None = None) -> Tensor:
    """Compute the asymmetric loss as published: a sum over all cells, without class weights.

    Arguments are those of :func:`weighted_asymmetric_loss`. No gradient flows through the focusing
    factor.

    Source: Ben-Baruch et al., 2021, class AsymmetricLoss; docs/method.md, section 8.
    """
    with torch.autocast(logits.device.type, enabled=False):
        y, likelihood, base = _terms(logits, targets)
        cells = -likelihood * base.detach() ** (GAMMA_POSITIVE * y + GAMMA_NEGATIVE * (1 - y))
        return cells.sum() if known is None else torch.where(known, cells, 0).sum()


def _terms(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute targets, log-likelihood and the base of the focusing factor, (B, Q) each."""
    y, s = targets.float(), logits.float().sigmoid()
    s_negative = (1 - s + MARGIN).clamp(max=1)
    likelihood = y * s.clamp(min=EPSILON).log() + (1 - y) * s_negative.log()
    # Rounding may leave the base just below zero, of which a fractional power is not a number.
    return y, likelihood, (1 - (y * s + (1 - y) * s_negative)).clamp(min=0)

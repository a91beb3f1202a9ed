"""What each input of a study says by itself: its evidence for every class, to be added up."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from camchex.fusion.params import Modality
from camchex.fusion.study_fusion import InputTokens
from camchex.networks import linear as linear  # decides how every linear layer is computed


class InputHeads(nn.Module):
    """A head for each input, linear in the mean of the input's tokens, none of another input.

    Evidence has no bias: an input that says nothing adds nothing, and the prior of a class is
    counted once, in the head that reads all inputs together.

    Args:
        width: Width C of the tokens.
        classes: Number of classes Q.
        inputs: Inputs that the model reads.

    Source: evidence as a sum of log-odds: Good, 1950 (weight of evidence).
    """

    def __init__(self, width: int, classes: int, inputs: Iterable[Modality]) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes, bias=False))
                for name in sorted(inputs)
            }
        )

    def forward(
        self, read: Mapping[Modality, InputTokens], missing: Mapping[Modality, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Read each input of a batch of studies by itself.

        Args:
            read: Tokens of the K inputs that the batch has.
            missing: Whether the text of a study is a placeholder, (B,), bool, of each text.

        Returns:
            Evidence in log-odds, (B, K, Q), exactly 0 where a study lacks the input, and whether a
            study has it, (B, K), bool.
        """
        evidence, given = [], []
        for name, (tokens, absent) in read.items():
            weights = (~absent).to(tokens.dtype)[..., None]  # (B, n, 1)
            mean = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)
            has = ~absent.all(dim=1)
            given.append(has & ~missing[name] if name in missing else has)
            evidence.append(torch.where(given[-1][:, None], self.heads[name](mean), 0))
        return torch.stack(evidence, dim=1), torch.stack(given, dim=1)

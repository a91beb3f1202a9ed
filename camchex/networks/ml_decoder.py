"""ML-Decoder: one query per class reads the tokens, and each class has its own read-out."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn

from camchex.errors import ModelError
from camchex.networks import portable as portable  # decides what computes linear layers and roots

DROPOUT = 0.1
MAX_GROUPS = 100
PUBLISHED_NAMES = {  # beginnings of the published names, after "decoder.", and of the names here
    "embed_standart": "embed",
    "query_embed.weight": "queries",
    "layers.0.norm": "norm",
    "layers.0.multihead_attn": "attention",
    "layers.0.linear": "linear",
    "duplicate_pooling": "pooling",
}


class MLDecoder(nn.Module):
    """Published classification head, with one addition: tokens can be ignored.

    Args:
        in_features: Width C of the tokens.
        num_classes: Number of classes Q.
        width: Width of the head.
        groups: Queries; a query reads ``ceil(Q / groups)`` classes. None: one per class, up to 100.
        ffn: Width of the feed-forward layer.
        heads: Attention heads; must divide ``width``.

    Source: ML-Decoder (Ridnik et al., 2023), as CheXFusion uses it (docs/method.md, section 7).
    """

    queries: Tensor

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        width: int = 768,
        groups: int | None = None,
        ffn: int = 2048,
        heads: int = 8,
    ) -> None:
        super().__init__()
        groups = min(MAX_GROUPS, num_classes) if groups is None else groups
        self.num_classes = num_classes
        self.embed = nn.Linear(in_features, width)
        self.register_buffer("queries", torch.randn(groups, width))  # drawn once, never trained
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attention = nn.MultiheadAttention(width, heads, dropout=DROPOUT, batch_first=True)
        self.linear1 = nn.Linear(width, ffn)
        self.linear2 = nn.Linear(ffn, width)
        self.dropout = nn.Dropout(DROPOUT)
        self.pooling = nn.Parameter(torch.empty(groups, width, -(-num_classes // groups)))
        nn.init.xavier_normal_(self.pooling)
        self.pooling_bias = nn.Parameter(torch.zeros(num_classes))

    def forward(self, tokens: Tensor, ignore: Tensor | None = None) -> Tensor:
        """Classify sets of tokens.

        Args:
            tokens: Tokens (B, N, C).
            ignore: True where a token is not read, (B, N), bool; a row must have one that is.

        Returns:
            Logits (B, Q).
        """
        memory = torch.relu(self.embed(tokens))  # (B, N, width)
        # The shape, as len(tokens) would be a fixed number in an exported graph.
        t = self.queries.expand(tokens.shape[0], -1, -1)  # (B, groups, width)
        t = self.norm1(t + self.dropout(t))  # the published layer has no self-attention
        read, _ = self.attention(t, memory, memory, key_padding_mask=ignore, need_weights=False)
        t = self.norm2(t + self.dropout(read))
        t = self.norm3(t + self.dropout(self.linear2(self.dropout(torch.relu(self.linear1(t))))))
        per_group = torch.einsum("bgd,gdk->bgk", t, self.pooling)
        return per_group.flatten(1)[:, : self.num_classes] + self.pooling_bias

    def load_published_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load weights of the published class, named ``decoder.embed_standart.weight`` and so on.

        Raises:
            ModelError: If a name is missing or unknown, or a shape differs.
        """
        renamed = {_own_name(name): tensor for name, tensor in state.items()}
        try:
            deepcopy(self).load_state_dict(renamed)  # which, refused, would have loaded a part
        except RuntimeError as error:
            raise ModelError(f"not the weights of the published ML-Decoder: {error}") from error
        self.load_state_dict(renamed)


def _own_name(published: str) -> str:
    """Translate a name of the published state dict."""
    name = published.removeprefix("decoder.")
    for start, own in PUBLISHED_NAMES.items():
        if name.startswith(start):
            return own + name.removeprefix(start)
    return published

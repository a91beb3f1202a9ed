"""What a training needs beside its parameters: a network and its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from camchex.networks.batches import BatchDataset
from camchex.networks.samples import Prevalence


@dataclass(frozen=True)
class Task:
    """Network to train, in place, and its data."""

    network: nn.Module  # from ``batch.inputs`` to logits (B, Q)
    augment: nn.Module  # changes training images (M, 1, H, W) in [0, 1]
    train: BatchDataset
    development: BatchDataset  # decides the kept epoch; may be empty
    prevalence: Prevalence  # counts of training images, for the class weights of the loss
    sources: Mapping[str, int] = field(default_factory=dict)  # training samples by data set
    by_input: bool = False  # each input's own logits are trained too; the network gives them
    classes: Sequence[str] = ()  # names of the Q classes; without names they are numbered

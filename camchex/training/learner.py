"""Lightning module of a network in training: step, validation and optimizer."""

from functools import partial

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, distributed
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from camchex.networks.batches import Batch, to_unit_range
from camchex.networks.inference import probabilities
from camchex.networks.sampling import derived_seed
from camchex.training.loss import asymmetric_loss, weighted_asymmetric_loss
from camchex.training.optimization import build_optimizer, learning_rate_factor
from camchex.training.params import TrainingParams
from camchex.training.task import Task


class Learner(LightningModule):
    """Network of a task in training; an epoch has ``steps_per_epoch`` optimizer steps."""

    positives: Tensor
    known: Tensor

    def __init__(self, task: Task, params: TrainingParams, steps_per_epoch: int) -> None:
        super().__init__()
        self.network, self.augment = task.network, task.augment
        self.params, self.steps_per_epoch = params, steps_per_epoch
        self.by_input = task.by_input
        for name in ("positives", "known"):
            counts = torch.from_numpy(getattr(task.prevalence, name)).float()
            self.register_buffer(name, counts, persistent=False)
        self.train_losses: list[Tensor] = []
        self.gradient_norms: list[Tensor] = []  # one per optimizer step, before clipping
        self.learning_rate = 0.0  # of the last optimizer step, the highest of all groups
        self.validated: list[tuple[Tensor, Tensor]] = []  # (rows, probabilities) of an epoch

    def on_train_epoch_start(self) -> None:
        """Seed all randomness by (seed, epoch, device): a resumed epoch is the same."""
        torch.manual_seed(derived_seed(self.params.seed, self.current_epoch, self.global_rank))
        for kept in (self.train_losses, self.gradient_norms, self.validated):
            kept.clear()

    def training_step(self, batch: Batch) -> Tensor:
        """Compute the loss of one augmented batch; its mean over devices is that of the whole."""
        batch = batch.map_images(to_unit_range).map_images(self.augment)
        if self.by_input:
            logits, own, given = self.network(batch.inputs, by_input=True)
            known: Tensor = batch.known[:, None] & given[..., None]  # (B, K, Q)
            inputs = self._loss(own, batch.targets[:, None], known)  # a mean over inputs
            loss = self._loss(logits, batch.targets, batch.known) + len(own[0]) * inputs
        else:
            loss = self._loss(self.network(batch.inputs), batch.targets, batch.known)
        self.train_losses.append(loss.detach())
        return loss

    def _loss(self, logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
        """Compute the loss of this device, whose mean over devices is that of the whole batch."""
        several = distributed.is_initialized()
        if self.params.loss == "original":  # a sum
            loss = asymmetric_loss(logits, targets, known)
            return loss * distributed.get_world_size() if several else loss
        loss = weighted_asymmetric_loss(logits, targets, self.positives, self.known, known)
        return loss * weight_of_share(known) if several else loss

    def configure_gradient_clipping(
        self, optimizer: Optimizer, gradient_clip_val: float | None = None, *_: object, **__: object
    ) -> None:
        """Measure the gradient norm of an optimizer step, clip by it, and note the rate."""
        self.learning_rate = max(group["lr"] for group in optimizer.param_groups)
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        norm = get_total_norm([p.grad for p in weights if p.grad is not None])
        self.gradient_norms.append(norm.detach())
        if gradient_clip_val is not None:
            clip_grads_with_norm_(weights, gradient_clip_val, norm)

    def validation_step(self, batch: Batch) -> None:
        """Keep the probabilities of one batch of unaugmented images."""
        inputs = batch.map_images(to_unit_range).inputs
        self.validated.append((batch.rows, probabilities(self.network, inputs)))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Build AdamW, whose learning rate is set at every optimizer step."""
        optimizer = build_optimizer(self.network.parameters(), self.params)
        factor = partial(learning_rate_factor, self.params, self.steps_per_epoch)
        schedule = LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def weight_of_share(known: Tensor) -> Tensor:
    """Weigh this device's mean loss by its share of the ``known`` labels, (B, Q), of the batch."""
    here = known.sum(dtype=torch.float32)
    everywhere = here.clone()
    distributed.all_reduce(everywhere)
    return here * distributed.get_world_size() / everywhere.clamp(min=1)

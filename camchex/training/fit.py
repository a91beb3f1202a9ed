"""Training of any network by Lightning: deterministic, and resumable after every epoch."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, Trainer
from torch import nn
from torch.utils import deterministic

from camchex.errors import ModelError, ParamsError
from camchex.networks.batches import batch_loader
from camchex.networks.sampling import ShuffledBatches, equal_shares
from camchex.runs.devices import cluster_environments, device_of
from camchex.runs.runtime import RuntimeParams
from camchex.training.callbacks import Checkpoint, LocalLog, Selection
from camchex.training.checkpoint import CHECKPOINT, SafeCheckpoints, last_good
from camchex.training.convergence import CONVERGENCE, Convergence
from camchex.training.finite import ADVICE, FiniteNumbers
from camchex.training.learner import Learner
from camchex.training.optimization import MovingAverage, warmup_steps
from camchex.training.params import TrainingParams
from camchex.training.task import Task


def fit(
    task: Task,
    params: TrainingParams,
    runtime: RuntimeParams,
    scratch: Path,
    logs: Path | None = None,
) -> list[dict[str, float]]:
    """Train ``task.network``, which holds the kept weights on return.

    A stopped training goes on from its checkpoint in the folder ``scratch``. Speed, memory and ids,
    which stay on this machine, are logged in the folder ``logs``; None: below ``scratch``. What
    :class:`Convergence` found is left as ``CONVERGENCE`` in ``scratch``.

    Returns:
        One row per epoch: training loss, learning rate, gradient norm, development mAP.

    Raises:
        ModelError: If a loss, gradient or weight is no longer a number.
        ParamsError: If there is no such device, the device lacks the precision, or a batch has
            fewer rows than there are devices.
    """
    network, size, total = task.network, params.batch_size, len(task.train)
    network.train()  # a loaded network is in evaluation mode, which Lightning would keep
    batches = ShuffledBatches(total, size, params.seed)
    _check_shares(batches.batch_size, runtime.processes)
    steps = -(-len(batches) // params.accumulate)
    if runtime.compile:
        network.compile()
    decay, warmup = params.ema_decay, warmup_steps(params, steps)
    average = None if decay is None else MovingAverage(decay, warmup)
    selection = Selection(task.development.targets, average)
    checkpoint, logs = scratch / CHECKPOINT, logs or scratch / "logs"
    callbacks = [
        FiniteNumbers(task.train, batches.batch_size, logs, average),
        selection,
        convergence := Convergence(selection),
        LocalLog(logs, selection, len(batches) * batches.batch_size),
        *([average] if average else []),
        Checkpoint(checkpoint),
    ]
    recomputed = recomputation(network, on=runtime.checkpoint_gradients)
    with _deterministic_and_quiet(), recomputed, _way_back(checkpoint):
        trainer = _trainer(params, runtime, callbacks)
        share = {"device": trainer.global_rank, "devices": trainer.world_size}
        shuffled = ShuffledBatches(total, size, params.seed, **share)
        development = equal_shares(len(task.development), size, **share)
        trainer.fit(
            Learner(task, params, steps),
            batch_loader(task.train, shuffled, size, runtime),
            batch_loader(task.development, development, size, runtime) if development else None,
            ckpt_path=last_good(checkpoint),
        )
        if all("gradient_norm_max" not in row for row in selection.history):
            raise ModelError(f"every step had gradients that are no numbers: {ADVICE}")
    if trainer.is_global_zero:
        convergence.write(scratch / CONVERGENCE, task.classes)
    network.load_state_dict(selection.weights)
    network.eval()
    return selection.history


def _check_shares(batch_size: int, devices: int) -> None:
    if batch_size < devices:
        raise ParamsError(
            f"batch_size: batches of {batch_size} cannot be shared by {devices} devices: raise "
            "batch_size, or lower runtime.devices or runtime.nodes"
        )


@contextmanager
def _way_back(checkpoint: Path) -> Iterator[None]:
    """Add to an error from where another run would go on, and how to begin anew."""
    try:
        yield
    except ModelError as error:
        what = (
            f"Another run goes on from the end of the last good epoch ({checkpoint}); with other "
            f"parameters, or if you delete {checkpoint.parent}, it begins anew"
        )
        anew = "Another run begins anew"
        raise ModelError(f"{error}. {what if checkpoint.exists() else anew}") from error


def _trainer(params: TrainingParams, runtime: RuntimeParams, callbacks: list[Callback]) -> Trainer:
    device = device_of(runtime)
    if device.type == "cpu" and params.precision == "16-mixed":
        raise ParamsError("precision: 16-mixed needs a GPU; on a CPU use bf16-mixed or 32-true")
    several = runtime.processes > 1
    return Trainer(
        accelerator=runtime.accelerator,
        devices=runtime.devices,
        num_nodes=runtime.nodes,
        # The encoder of a view has no gradient where a batch of studies lacks that view.
        strategy="ddp_find_unused_parameters_true" if several else "auto",
        sync_batchnorm=several and device.type == "cuda",  # torch has none for CPUs
        precision=params.precision,
        max_epochs=params.epochs,
        accumulate_grad_batches=params.accumulate,
        gradient_clip_val=params.clip_norm,
        callbacks=callbacks,
        plugins=[SafeCheckpoints(), *cluster_environments(runtime)],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
    )


@contextmanager
def recomputation(network: nn.Module, *, on: bool) -> Iterator[None]:
    """Compute activations again for the gradient, if ``on``, instead of keeping them.

    Raises:
        ModelError: If it would change a result.
    """
    modules: list[Any] = list(network.modules()) if on else []
    parts = [part for part in modules if hasattr(part, "recompute_activations")]
    try:
        for part in parts:
            part.recompute_activations(on=True)
        yield
    finally:
        for part in parts:
            part.recompute_activations(on=False)


@contextmanager
def _deterministic_and_quiet() -> Iterator[None]:
    """Refuse operations whose results differ from run to run; on CUDA, only warn of them.

    Lightning's advice is silenced, since nobody who runs a stage can follow it.
    """
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    before = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=torch.cuda.is_available())
    # Filling new tensors costs a tenth of a step, and no code here reads them before writing.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        log.setLevel(level)
        torch.use_deterministic_algorithms(before, warn_only=warns)
        deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]

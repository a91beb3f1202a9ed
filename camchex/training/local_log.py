"""Log of a running training on its own machine: curves, speed and memory.

Speed and memory differ between two runs with equal results, so DVC does not track them.
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch
from dvclive import Live
from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from camchex.training.callbacks import Selection

GIB = 2**30
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes; getrusage(2)


class LocalLog(Callback):
    """Logs every epoch through DVCLive into ``folder``, which is emptied, and on the terminal.

    ``samples_per_second`` counts images or studies (``samples`` in an epoch) over all devices,
    loading included, validation excluded. ``peak_memory_gib`` is that of the first device: on a
    GPU the most memory that torch allocated in the epoch, on a CPU the largest size of the process.
    """

    def __init__(self, folder: Path, selection: Selection, samples: int) -> None:
        self.folder, self.selection, self.samples = folder, selection, samples
        self.history: list[dict[str, float]] = []
        self.live: Live | None = None
        self.started = 0.0
        self.measured: dict[str, float] = {}

    def on_train_epoch_start(self, _: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        if pl_module.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(pl_module.device)
        self.measured = {}
        self.started = time.perf_counter()

    def on_validation_start(self, _: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock: the training part of the epoch is over."""
        self._measure(pl_module.device)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        if not self.measured:
            self._measure(pl_module.device)
        if not trainer.is_global_zero:
            return
        row = self.selection.history[-1] | self.measured
        self.history.append(row)
        rows = [row] if self.live else self.history  # with the epochs before it was resumed
        self.live = self.live or Live(
            dir=str(self.folder), dvcyaml=None, save_dvc_exp=False, report=None
        )
        for one in rows:
            for name, value in one.items():
                self.live.log_metric(name, value)
            self.live.next_step()
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in row.items())
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"{epoch}: {numbers}")

    def state_dict(self) -> dict[str, Any]:
        """Collect the state for a checkpoint."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.history = state_dict["history"]

    def _measure(self, device: torch.device) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            memory = torch.cuda.max_memory_allocated(device)
        else:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
        self.measured = {
            "samples_per_second": self.samples / (time.perf_counter() - self.started),
            "peak_memory_gib": memory / GIB,
        }

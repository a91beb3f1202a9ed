"""Hardware settings; they change no tracked output."""

from typing import Literal

from pydantic import Field

from camchex.contract.params import Section


class RuntimeParams(Section):
    """Section ``runtime``."""

    workers: int = Field(ge=0)  # processes that read and decode; 0: the main process does
    accelerator: Literal["auto", "cpu", "cuda", "mps"]
    devices: int = Field(ge=1)  # per node
    nodes: int = Field(default=1, ge=1)  # started by torchrun or SLURM
    compile: bool  # torch.compile: takes minutes, which only long trainings win back
    checkpoint_gradients: bool = False  # encoders are computed twice: larger batches fit in memory

    @property
    def processes(self) -> int:
        """Number of processes that work together, one per device, over all nodes."""
        return self.devices * self.nodes

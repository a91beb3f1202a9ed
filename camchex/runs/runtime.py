"""Section ``runtime``: on what a stage runs. It never changes a result that is kept."""

from typing import Literal

from pydantic import Field

from camchex.contract.params import Section


class RuntimeParams(Section):
    """Where the networks run, and how many processes feed them."""

    workers: int = Field(ge=0)  # processes that decode images; 0: the main one does
    accelerator: Literal["auto", "cpu", "cuda", "mps"]
    devices: int = Field(ge=1)  # per node
    nodes: int = Field(default=1, ge=1)  # started by torchrun or SLURM
    compile: bool  # torch.compile: worth its minutes on long trainings only
    checkpoint_gradients: bool = False  # computes encoders twice, for larger batches in memory

    @property
    def processes(self) -> int:
        """Processes that work together, one per device, over all nodes."""
        return self.devices * self.nodes

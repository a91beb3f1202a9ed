"""Hardware settings; without ``portable``, the last digits of results are those of the machine."""

from typing import Literal

from pydantic import Field

from camchex.contract.params import Section


class RuntimeParams(Section):
    """Section ``runtime``."""

    workers: int = Field(ge=0)  #: processes that read and decode; 0: the main process does
    accelerator: Literal["auto", "cpu", "cuda", "mps"]  #: where the networks compute
    devices: int = Field(ge=1)  #: devices per node, one process each
    nodes: int = Field(default=1, ge=1)  #: nodes, started by torchrun or SLURM
    portable: bool = True  #: equal bytes on every x86-64 machine; false: this machine's, but faster
    compile: bool  #: torch.compile, which takes minutes that only long trainings win back
    checkpoint_gradients: bool = False  #: encoders are computed twice: larger batches fit in memory

    @property
    def processes(self) -> int:
        """Number of processes that work together, one per device, over all nodes."""
        return self.devices * self.nodes

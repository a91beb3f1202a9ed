"""Arithmetic of a process: equal bytes on every x86-64 processor that has AVX2.

Numeric libraries choose their instructions by the processor, and the order of a sum by the number
of threads; both change the last digits, and a training turns last digits into other weights. The
choice is made by environment variables that a library reads while it is loaded, so :func:`pin`
must run before numpy and torch are imported. Evidence and costs: docs/reproducibility.md.
"""

import os
from collections.abc import Mapping

SETTINGS: Mapping[str, str] = {
    # torch's own kernels: AVX2 instead of AVX-512, which sums in other groups. Cost: none measured.
    "ATEN_CPU_CAPABILITY": "avx2",
    # oneDNN (convolutions, linear layers): likewise; also keeps AMX away. Cost: none measured.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # MKL (products within attention, vector functions) chooses by vendor, whatever the instruction
    # set; this path alone is equal on Intel and AMD. Cost: half of MKL's speed, which is why
    # linear layers go through oneDNN (camchex/networks/portable.py).
    "MKL_CBWR": "COMPATIBLE",
    # One thread: a sum's order follows from the number of threads, and a second one gains less than
    # a second training beside the first does. Cost: a third of the speed of a lone training.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # OpenBLAS (numpy, scipy): its kernels for AVX2. Cost: none measured.
    "OPENBLAS_CORETYPE": "Haswell",
    # numpy: likewise, for its exp, log and so on; as numpy 2.4 names them. Cost: none measured.
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    # Arrow's sums: likewise. Cost: none measured.
    "ARROW_USER_SIMD_LEVEL": "AVX2",
}
LIBRARIES = (
    *("ATEN_CPU", "ONEDNN_", "DNNL_", "MKL_", "TORCH_MKLDNN_", "OMP_", "GOMP_"),
    *("OPENBLAS_", "GOTO_", "NPY_", "ARROW_USER_SIMD"),
)
"""Beginnings of the names of environment variables that may change arithmetic.

Not ``KMP_``: those are about several threads, and here is one; scikit-learn sets two of them when
it is imported.
"""


def pinned(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy an environment with fixed instruction sets, MKL's path and threads.

    Variables of these libraries that the environment holds are dropped.
    """
    others = {k: v for k, v in environment.items() if not k.startswith(LIBRARIES)}
    return others | dict(SETTINGS)


def pin() -> None:
    """Fix the arithmetic of this process, and of those that it starts."""
    wanted = pinned(os.environ)
    os.environ.clear()
    os.environ.update(wanted)


def is_pinned() -> bool:
    """Whether :func:`pin` decided this process's arithmetic."""
    return pinned(os.environ) == dict(os.environ)

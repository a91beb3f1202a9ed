"""What tests of the ceiling share."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from camchex.synthetic.ceiling import naming

Floats = NDArray[np.float64]


@pytest.fixture(scope="session", autouse=True)
def choices() -> Iterator[None]:
    """Let the choices among all sets of findings be computed once: generators ask for the same."""
    compute, computed = naming._choices, dict[tuple[object, bytes], tuple[Floats, Floats]]()

    def compute_once(present: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        if present.ndim == 1:
            return compute(present)
        key = present.shape, np.packbits(present).tobytes()
        if key not in computed:
            computed[key] = compute(present)
            for choice in computed[key]:
                choice.flags.writeable = False
        return computed[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naming, "_choices", compute_once)
        yield

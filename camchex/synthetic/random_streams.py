"""One stream of random numbers per thing that is invented, so that none disturbs another."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def stream(seed: int, *names: str) -> np.random.Generator:
    """Make the generator of what ``names`` name: the same names give the same numbers."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Draw one of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]

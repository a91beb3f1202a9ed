"""Lossless JPEG (process 14), written from ITU-T T.81 Annex H: no encoder at hand makes one."""

import numpy as np
from numpy.typing import NDArray

CATEGORIES = 17  # of differences, 0 to 16 bits
CODE_BITS = 5  # one length for all; the code of ones only stays free


def lossless_jpeg(samples: NDArray[np.unsignedinteger], precision: int, predictor: int) -> bytes:
    """The codestream of one grey frame of ``precision`` bits."""
    rows, columns = samples.shape
    frame = bytes([precision, *divmod(rows, 256), *divmod(columns, 256), 1, 1, 0x11, 0])
    codes = bytes([0, *(CATEGORIES * (length == CODE_BITS) for length in range(1, 17))])
    scan = bytes([1, 1, 0, predictor, 0, 0])
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xC3, frame),
            _segment(0xC4, codes + bytes(range(CATEGORIES))),
            _segment(0xDA, scan),
            _entropy(_differences(samples.astype(np.int64), precision, predictor)),
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker, *divmod(len(content) + 2, 256)]) + content


def _differences(x: NDArray[np.int64], precision: int, predictor: int) -> NDArray[np.int64]:
    predicted = np.empty_like(x)
    predicted[0, 0] = 2 ** (precision - 1)
    predicted[0, 1:] = x[0, :-1]
    predicted[1:, 0] = x[:-1, 0]
    predicted[1:, 1:] = _predictions(x[1:, :-1], x[:-1, 1:], x[:-1, :-1])[predictor - 1]
    modulo = (x - predicted) % 2**16
    return np.where(modulo > 2**15, modulo - 2**16, modulo).ravel()


def _predictions(
    left: NDArray[np.int64], above: NDArray[np.int64], both: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """T.81 table H.1."""
    return [
        left,
        above,
        both,
        left + above - both,
        left + ((above - both) >> 1),
        above + ((left - both) >> 1),
        (left + above) >> 1,
    ]


def _entropy(differences: NDArray[np.int64]) -> bytes:
    words = []
    for difference in differences.tolist():
        size = abs(difference).bit_length()
        words.append(f"{size:0{CODE_BITS}b}")
        if 0 < size < 16:
            words.append(f"{difference + (difference < 0) * (2**size - 1):0{size}b}")
    bits = "".join(words)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")

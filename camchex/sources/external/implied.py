"""What published labels imply without saying it."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from camchex.contract.labels import NO_FINDING

NOT_A_FINDING = (NO_FINDING, "Support Devices")  # a device may be there beside No Finding


def imply_no_finding(labels: pa.Table, classes: Sequence[str]) -> pa.Table:
    """Set an unknown No Finding to 0 where any finding is positive.

    Args:
        labels: ``schemas.labels(classes)``.
        classes: The label space; without No Finding in it nothing is done: the Normal of CXR-LT
            2024 is another label.

    Source:
        docs/method.md, section 5: CheXpert's No Finding has no negatives, although 183,519 images
        have it blank beside another positive finding.
    """
    if NO_FINDING not in classes:
        return labels
    findings = [name for name in classes if name not in NOT_A_FINDING]
    positives = (pc.fill_null(pc.equal(labels[name], 1), fill_value=False) for name in findings)
    sick = reduce(
        pc.or_, positives, pa.chunked_array([pa.repeat(value=False, size=labels.num_rows)])
    )
    published = labels[NO_FINDING]
    implied = pc.if_else(
        pc.and_(pc.is_null(published), sick), pa.scalar(0, pa.float32()), published
    )
    return labels.set_column(
        labels.column_names.index(NO_FINDING), labels.schema.field(NO_FINDING), implied
    )

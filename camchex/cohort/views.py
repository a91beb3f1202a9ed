"""Views that the classifier decided, in place of those that no header tells."""

import pyarrow as pa
import pyarrow.compute as pc

from camchex.aggregates.small_cells import Counts
from camchex.contract.schemas import UNKNOWN_VIEW
from camchex.sources.csv.lookup import values_of

CLASSIFIER = "classifier"
"""Value of the column ``view_source`` where the classifier decided the view."""


def with_decided_views(images: pa.Table, views: pa.Table) -> tuple[pa.Table, Counts]:
    """Give images of unknown view the view that the classifier decided, where it is sure.

    Args:
        images: ``schemas.IMAGES``.
        views: ``schemas.VIEWS``; a view that something else tells stays, whatever is said here.

    Returns:
        The images, and how many were decided and how many stay unknown, which count as frontal.
    """
    decided = values_of(images["image_id"], views, "image_id", "view")
    unknown = pc.equal(images["view_source"], UNKNOWN_VIEW)
    use = pc.and_(unknown, pc.is_valid(decided))
    for name, value in (("view", decided), ("view_source", pa.scalar(CLASSIFIER))):
        changed = pc.if_else(use, value, images[name])
        images = images.set_column(images.column_names.index(name), images.field(name), changed)
    number = pc.sum(use).as_py() or 0
    return images, {"decided": number, "unknown": (pc.sum(unknown).as_py() or 0) - number}

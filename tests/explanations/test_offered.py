"""Evidence that decides which explanations are shown: read whole, or refused by name."""

from pathlib import Path

import pytest

from camchex.errors import DataError
from camchex.explanations.offered import read_evidence
from camchex.explanations.page import require_new


@pytest.mark.parametrize("content", [b"\xff\xd8\xff", b"{}", b"[]", b"{"])
def test_what_is_no_evidence_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.jpg: "):
        read_evidence(path)


def test_a_link_that_leads_nowhere_is_no_new_folder(tmp_path: Path) -> None:
    require_new(tmp_path / "new")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(DataError, match="not an empty folder"):
        require_new(tmp_path / "link")

"""The site that ``make docs`` made: whole, searchable, and without any address outside of it."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import camchex

REPO = Path(__file__).resolve().parents[2]
SITE = REPO / "dist" / "docs"
FETCHING = ("audio", "embed", "iframe", "img", "input", "script", "source", "track", "video")
LOADS = {  # what a browser fetches by itself, by element
    **dict.fromkeys(FETCHING, "src"),
    "link": "href",
    "object": "data",
}
NAMES_ONLY = {"canonical", "next", "prev", "index", "search", "author", "home"}  # kinds of <link>
OUTSIDE = re.compile(r"""(?:url\(|@import|fetch\(|import\(|\.src\s*=)\s*["']?(?:\w+:)?//[^)"']*""")
LONELY = {"index.html", "search.html", "genindex.html"}  # pages that Sphinx or a browser opens

pytestmark = pytest.mark.skipif(not SITE.is_dir(), reason=f"no {SITE}: run `make docs`")


class Page(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if name in given}
        names_only = set(given.get("rel", "").split()) & NAMES_ONLY
        if tag in LOADS and LOADS[tag] in given and not names_only:
            self.loaded.append(given[LOADS[tag]])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    paths = sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts)
    return {path: Page(path.read_text()) for path in paths}


def outside(address: str) -> bool:
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme not in {"", "data"}


def target(page: Path, address: str) -> Path:
    return (page.parent / unquote(urlsplit(address).path)).resolve()


def test_no_page_loads_anything_from_outside(pages: dict[Path, Page]) -> None:
    found = [(page.name, one) for page, text in pages.items() for one in text.loaded]
    assert len(found) > len(pages)  # otherwise nothing is looked at
    assert [(name, one) for name, one in found if outside(one)] == []


def test_all_that_a_page_loads_is_in_the_site(pages: dict[Path, Page]) -> None:
    local = [(p, one) for p, text in pages.items() for one in text.loaded if one[:5] != "data:"]
    assert [(p.name, one) for p, one in local if not target(p, one).is_file()] == []


def test_no_style_script_or_drawing_loads_anything_from_outside() -> None:
    files = [p for p in SITE.rglob("*") if p.suffix in {".css", ".js", ".svg", ".html"}]
    assert {p.suffix for p in files} == {".css", ".js", ".svg", ".html"}
    found = {p.name: OUTSIDE.findall(p.read_text(errors="replace")) for p in files}
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_an_address_outside_is_found_out() -> None:
    assert Page('<script src="https://cdn.example.org/x.js"></script>').loaded == [
        "https://cdn.example.org/x.js"
    ]
    assert Page('<link rel="stylesheet" href="//fonts.example.org/a.css">').loaded
    assert outside("https://cdn.example.org/x.js")
    assert outside("//fonts.example.org/a.css")
    assert not outside("../_static/site.css?v=1")
    assert OUTSIDE.search("src: url('https://fonts.example.org/a.woff2')")
    assert OUTSIDE.search('import("//cdn.example.org/mermaid.mjs")')


def test_every_link_within_the_site_leads_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for page, text in pages.items():
        for link in text.links:
            if outside(link) or not link:
                continue
            found, place = target(page, link), unquote(urlsplit(link).fragment)
            if found == page.parent.resolve():
                found = page.resolve()
            known = pages.get(found)
            if not found.exists() or (place and known and place not in known.names):
                broken.append((page.name, link))
    assert broken == []


def test_every_page_of_the_project_can_be_reached(pages: dict[Path, Page]) -> None:
    linked = {target(page, link) for page, text in pages.items() for link in text.links}
    assert [p.name for p in pages if p not in linked and p.name not in LONELY] == []
    for source in (REPO / "docs").glob("*.md"):
        assert (SITE / "docs" / source.name).with_suffix(".html") in pages


def test_the_search_knows_words_of_every_kind_of_page() -> None:
    index = (SITE / "searchindex.js").read_text()
    for name in ("tutorial", "parameters", "commands", "api", "method", "tables"):
        assert f'"docs/{name}"' in index
    for word in ("cached_view", "convert", "weighted_asymmetric_loss", "jackknif"):
        assert f'"{word}' in index.lower() or f"{word}:" in index.lower()


def test_the_reference_has_every_public_name_and_no_private_one(pages: dict[Path, Page]) -> None:
    names = pages[SITE / "docs" / "api.html"].names
    described = {name.removeprefix("camchex.") for name in names if name.startswith("camchex.")}
    assert set(camchex.__all__) <= described
    assert [name for name in described if name.rpartition(".")[2].startswith("_")] == []


def test_every_page_says_that_this_is_no_medical_device(pages: dict[Path, Page]) -> None:
    for path in pages.keys() - {SITE / "index.html"}:  # which shows another page at once
        assert camchex.NOT_A_DEVICE in path.read_text(), path

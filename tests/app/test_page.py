"""The page in a real browser: phone and desktop, keyboard alone, two visitors, nothing kept."""

import os
import re
import shutil
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect, sync_playwright

from tests.app.trial import Served, png, served, write_model
from tests.images.files import encoded

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here"),
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = pytest.mark.parametrize("width", [375, 1280])
PATIENCE = 60_000  # milliseconds: other tests compute at the same time
FRONTAL: FilePayload = {"name": "pa.png", "mimeType": "image/png", "buffer": png()}
DISCLAIMER = "Research software, not a medical device: not for diagnosis or treatment."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    with served(write_model(folder / "small"), folder / "work", folder / "said") as found:
        yield found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser ({', '.join(BROWSERS)}): `apt-get install chromium` brings one")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[*as_root, "--disable-dev-shm-usage", "--disable-gpu"],
            timeout=PATIENCE,
            downloads_path=tmp_path_factory.mktemp("downloads"),
        )
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser window of their own, and what it asked for or complained of."""

    def __init__(self, browser: Browser, server: Served, width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.goto(server.address)

    def named(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, server: Served) -> Iterator[Visit]:
    expect.set_options(timeout=PATIENCE)
    before = len(browser.contexts)
    yield lambda width=1280: Visitor(browser, server, width)
    for context in browser.contexts[before:]:
        context.close()


def explained(page: Page) -> Locator:
    return page.locator("#reasons h2")


def fits(page: Page) -> bool:
    wide: int = page.evaluate("document.documentElement.scrollWidth")
    assert page.viewport_size is not None
    return wide <= page.viewport_size["width"]


@WIDTHS
def test_an_example_is_read_and_explained_at_any_width(visit: Visit, width: int) -> None:
    visitor = visit(width)
    page = visitor.page
    assert fits(page)
    visitor.named("Pneumonia").click()
    expect(page.locator("#images li")).to_have_count(2)
    expect(page.get_by_label("Temperature")).to_have_value("102.4")
    visitor.named("Read the study").click()
    expect(page.locator("#numbers li")).to_have_count(3)
    expect(page.get_by_role("heading", name="What changes when one")).to_be_visible()
    expect(page.locator("#status")).to_have_text("Done.")
    assert fits(page)
    bars = page.locator("#numbers .bar").evaluate_all("all => all.map(b => b.clientWidth)")
    assert min(bars) > 0.4 * min(width, 600)
    page.mouse.wheel(0, 100_000)
    banner = page.get_by_text(DISCLAIMER).first
    expect(banner).to_be_in_viewport()
    assert visitor.complaints == []


@WIDTHS
def test_what_is_pressed_is_large_enough_for_a_finger(visit: Visit, width: int) -> None:
    page = visit(width).page
    heights = page.locator("button:visible, select:visible, input:visible").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) > 10
    assert min(heights) >= 44  # CSS pixels: WCAG 2.2, 2.5.5


def test_everything_can_be_done_by_keyboard_alone(visit: Visit) -> None:
    page = visit().page

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "(document.activeElement.getAttribute('aria-label') ?? '')"
                " + document.activeElement.textContent + document.activeElement.id"
            )
            if name in focused:
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{name}: the focus is not seen"
                return
        raise AssertionError(f"no way to {name}")

    tab_to("Pneumothorax")
    page.keyboard.press("Enter")
    expect(page.locator("#images li")).to_have_count(1)
    tab_to("indication")
    page.keyboard.press("Control+A")
    page.keyboard.type("fall from a ladder")
    tab_to("heart_rate_bpm")
    page.keyboard.type("110")
    tab_to("Read the study")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Done.")
    expect(page.locator("#numbers")).to_be_focused()
    tab_to("Explain Fracture")
    page.keyboard.press("Enter")
    expect(explained(page)).to_have_text("Fracture")
    expect(page.locator("#reasons")).to_be_focused()


def test_every_field_has_a_name_for_those_who_do_not_see_it(visit: Visit) -> None:
    page = visit().page
    page.locator("#files").set_input_files([FRONTAL])
    unnamed = page.locator("input, select, textarea, button").evaluate_all(
        "all => all.filter(one => !(one.labels?.length || one.getAttribute('aria-label')"
        " || one.textContent.trim())).map(one => one.outerHTML)"
    )
    assert unnamed == []
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("#status").get_attribute("role") == "status"
    assert page.locator("#error").get_attribute("role") == "alert"


def test_two_visitors_wait_in_turn_and_see_only_their_own(visit: Visit) -> None:
    first, second = visit(), visit(375)
    for visitor, name in ((first, "Effusion"), (second, "Nothing found")):
        visitor.named(name).click()
        expect(visitor.page.locator("#images li")).to_have_count(2)
    first.page.evaluate(
        "new MutationObserver(() => (window.said ??= []).push(byId('status').textContent))"
        ".observe(byId('status'), {childList: true})"
    )
    second.page.evaluate(
        "new MutationObserver(() => (window.said ??= []).push(byId('status').textContent))"
        ".observe(byId('status'), {childList: true})"
    )
    send = "document.getElementById('study').requestSubmit()"
    first.page.evaluate(send)
    second.page.evaluate(send)
    for visitor in (first, second):
        expect(visitor.page.locator("#status")).to_have_text("Done.")
    said = [visitor.page.evaluate("window.said") for visitor in (first, second)]
    waited = [any("Waiting: 1 study is" in line for line in lines) for lines in said]
    assert sorted(waited) == [False, True]
    read = [visitor.page.locator("#numbers p").all_inner_texts() for visitor in (first, second)]
    assert "50000000-frontal.png" in " ".join(read[0])
    assert "50000003-frontal.png" in " ".join(read[1])
    assert "50000000" not in " ".join(read[1])


def test_a_bad_file_is_named_and_can_be_taken_away(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    notes: FilePayload = {"name": "notes.pdf", "mimeType": "", "buffer": b"%PDF-1.7 not an image"}
    page.locator("#files").set_input_files([FRONTAL, notes])
    page.get_by_label("View of pa.png").select_option("frontal")
    page.get_by_label("View of notes.pdf").select_option("lateral")
    visitor.named("Read the study").click()
    alert = page.get_by_role("alert")
    expect(alert).to_have_text("notes.pdf: not a JPEG, PNG or DICOM file")
    expect(alert).to_be_focused()
    visitor.named("Remove notes.pdf").click()
    visitor.named("Read the study").click()
    expect(page.locator("#status")).to_have_text("Done.")
    expect(alert).to_be_hidden()


def test_files_can_be_dropped(visit: Visit) -> None:
    page = visit().page
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png"));
            document.getElementById("drop").dispatchEvent(
                new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        [*png()],
    )
    expect(page.get_by_label("View of dropped.png")).to_be_visible()


def test_too_much_is_said_before_it_is_sent(visit: Visit) -> None:
    visitor = visit()
    many = [FRONTAL | {"name": f"{n}.png"} for n in range(9)]
    visitor.page.locator("#files").set_input_files(many)
    expect(visitor.page.get_by_role("alert")).to_have_text("9 images; at most 8 are read.")
    assert not [url for url in visitor.asked if url.endswith("/read")]


def test_clearing_forgets_everything(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    visitor.named("Pneumothorax").click()
    expect(page.locator("#images li")).to_have_count(1)
    visitor.named("Read the study").click()
    expect(page.locator("#status")).to_have_text("Done.")
    visitor.named("Clear").click()
    expect(page.locator("#images li, #numbers li, #reasons h2")).to_have_count(0)
    expect(page.get_by_label("Indication")).to_have_value("")


def test_nothing_is_kept_logged_or_fetched_from_elsewhere(visit: Visit, server: Served) -> None:
    visitor = visit()
    page = visitor.page
    noise = np.random.default_rng(0).integers(0, 99, (1200, 1200)).astype(np.uint8)
    noise += np.linspace(0, 150, 1200).astype(np.uint8)  # more than noise alone
    large = encoded(Image.fromarray(noise), "PNG")
    assert len(large) > 2**20  # from which a library would use a temporary file
    page.locator("#files").set_input_files(
        [{"name": "unusual-name.png", "mimeType": "image/png", "buffer": large}]
    )
    page.get_by_label("View of unusual-name.png").select_option("frontal")
    page.get_by_label("Indication").fill("unusual words")
    before = server.written()
    visitor.named("Read the study").click()
    expect(page.locator("#status")).to_have_text("Done.")
    assert server.written() - before < len(large)
    # torch makes an empty folder for its compiler.
    assert [path for path in server.work.rglob("*") if not path.is_dir()] == []
    said = server.said.read_text()
    assert said.strip() == DISCLAIMER
    assert visitor.context.cookies() == []
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    known = (server.address, "blob:" + server.address, "data:")
    assert [url for url in visitor.asked if not url.startswith(known)] == []
    assert re.match(r"http://127\.0\.0\.1:\d+/", server.address)
    page.reload()
    expect(page.get_by_label("Indication")).to_have_value("")

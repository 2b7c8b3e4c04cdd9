"""The page of `dip report` in a real browser: sliders, keys, touch, printing."""

import numpy as np
import pytest

from dipcli.images import Image
from dipcli.store import Store
from tests import chromium, stores
from tests.conftest import DIP
from tests.warm import environment

SIZE = (3, 24, 32)
SAVED = (0, 10, 20, 30)
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
SLIDERS = "[...document.querySelectorAll('.player .controls input')]"
OUTPUTS = "[...document.querySelectorAll('.player output')].map(o => o.textContent)"
STAGE = "document.querySelector('.stage')"
# the contrast of text and background, by the formula of WCAG 2
CONTRAST = """
(() => {
  const part = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const color = numbers(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || ["SCRIPT", "OPTION"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const text = numbers(e.closest("svg") ? style.fill : style.color);
    const [a, b] = [light(text), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(`${e.tagName} ${e.textContent.slice(0, 20)}`);
  }
  return low;
})()
"""


@pytest.fixture(scope="module")
def browser():
    path = chromium.executable()
    if path is None:
        pytest.skip("chromium is not installed")
    one = chromium.Chromium(path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of two stores with a black target and a white estimate."""
    import subprocess

    folder = tmp_path_factory.mktemp("page")
    for name in ("a.zarr", "b.zarr"):
        image = Image(np.zeros(SIZE, np.float32), history={"degradations": [EVIL]})
        with Store.create(folder / name, image, name=EVIL) as store:
            run = store.create_run(
                0, 0, {"arch": EVIL}, saves=SAVED, steps=31, size=SIZE, note="</script>" + EVIL
            )
            for iteration in SAVED:
                stores.append(run, iteration, SIZE)
            run.write_image("estimate", np.ones(SIZE, np.float32))
            run.finish("complete")
    line = [*DIP, "report", "a.zarr", "b.zarr", "-o", "r.html"]
    subprocess.run(line, check=True, cwd=folder, env=environment(), capture_output=True)
    return folder / "r.html"


@pytest.fixture
def page(browser, report):
    browser.size(1100, 900)
    browser.scheme("light")
    browser.messages.clear()
    browser.requests.clear()
    browser.open(report)
    yield browser
    assert not browser.messages  # neither errors nor warnings


def test_the_page_requests_nothing_and_shows_every_image(page, report):
    requests = [url for url in page.requests if not url.startswith("data:")]
    assert requests == [report.resolve().as_uri()]
    broken = "[...document.images].filter(i => i.checkVisibility() && !i.naturalWidth).length"
    page.until("[...document.images].every(i => i.complete)")
    assert page.run(broken) == 0
    assert page.run("[...document.images].every(i => i.hasAttribute('alt'))")


def test_scripts_in_names_do_not_run(page):
    assert page.run("window.hacked") is None
    assert EVIL in page.run("document.body.innerText")


def test_the_policy_refuses_scripts_and_requests(browser, report):
    browser.open(report)
    add = "document.body.append(Object.assign(document.createElement('script'), {textContent: "
    browser.run(add + "'window.hacked = 1'})); 0")
    assert browser.run("window.hacked") is None
    browser.run("fetch('https://localhost/').catch(() => 0).then(() => 0)")
    refused = [text for text in browser.messages if "Content Security Policy" in text]
    assert len(refused) >= 2


def test_the_slider_follows_arrow_keys(page):
    first = page.run("document.querySelector('.screen img').src")
    path = page.run("document.querySelector('path.frame').getAttribute('d')")
    assert page.run(OUTPUTS) == ["iteration 0, loss 0"] * 2
    page.run(f"{SLIDERS}[0].focus()")
    page.key("ArrowRight", 39)
    assert page.run(OUTPUTS) == ["iteration 10, loss 2.5"] * 2
    assert page.run(f"{SLIDERS}[0].getAttribute('aria-valuetext')") == "iteration 10, loss 2.5"
    assert page.run("document.querySelector('.screen img').src") != first
    assert page.run("document.querySelector('path.frame').getAttribute('d')") != path
    page.run("document.querySelector('.together input').click()")
    page.key("End", 35)
    assert page.run(OUTPUTS) == ["iteration 30, loss 7.5", "iteration 10, loss 2.5"]
    page.key("Home", 36)
    assert page.run("document.querySelector('.screen img').src") == first


def test_the_slider_follows_a_finger(page):
    page.drag(".player .controls input", 0.02, 0.98)
    assert page.run(OUTPUTS) == ["iteration 30, loss 7.5"] * 2


def test_a_click_on_a_frame_below_the_slider_shows_it(page):
    page.run("document.querySelectorAll('.strip button')[2].click()")
    assert page.run(OUTPUTS)[0] == "iteration 20, loss 5"


def test_play_goes_to_the_end_and_stops(page):
    page.run("document.querySelector('.play').click()")
    page.until(f"{SLIDERS}[0].value === '3'")
    page.until("document.querySelector('.play').textContent === 'Play'")


def shown(page):
    """The gray levels of a screenshot of the wiper, from left to right."""
    import io

    import PIL.Image

    page.run(f"{STAGE}.scrollIntoView({{block: 'center'}})")
    box = page.run(f"(r => [r.x, r.y, r.right, r.bottom])({STAGE}.getBoundingClientRect())")
    picture = PIL.Image.open(io.BytesIO(page.shot(whole=False))).convert("L").crop(box)
    middle = np.asarray(picture)[picture.height // 2]
    return middle[[int(len(middle) * at) for at in (0.1, 0.4, 0.6, 0.9)]].tolist()


def test_the_wiper_covers_the_left_image_from_its_slider_on(page):
    assert page.run(f"{STAGE}.checkVisibility()")
    assert shown(page) == [0, 0, 255, 255]
    page.drag(".stage input", 0.5, 0.8)
    assert shown(page) == [0, 0, 0, 255]
    page.run("document.querySelector('.stage input').focus()")
    page.key("Home", 36)
    assert shown(page) == [255] * 4
    page.run(
        "(s => { s.value = 1; s.dispatchEvent(new Event('change')); })"
        "(document.querySelector('.choose select'))"
    )
    page.key("End", 35)
    assert shown(page) == [255] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_4_5(page, scheme):
    page.scheme(scheme)
    back = page.run("getComputedStyle(document.documentElement).backgroundColor")
    assert (int(back[4:].split(",")[0]) > 128) == (scheme == "light")
    assert page.run(CONTRAST) == []


def test_the_page_fits_on_a_phone(browser, report):
    browser.size(360, 740, mobile=True)
    browser.open(report)
    assert browser.run("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    small = "[...document.querySelectorAll('.controls input, .play')]"
    assert browser.run(f"{small}.every(e => e.getBoundingClientRect().height >= 24)")


def test_images_are_visible_without_javascript(browser, report):
    browser.size(1100, 900)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        visible = "{}.every(e => e.checkVisibility() && e.naturalWidth > 0)"
        assert browser.run(visible.format("[...document.querySelectorAll('.pictures img')]"))
        assert browser.run(visible.format("[...document.querySelectorAll('.screen img')]"))
        assert not browser.run("document.querySelector('.wiper').checkVisibility()")
        assert not browser.run("document.querySelector('.controls').checkVisibility()")
        assert "need JavaScript" in browser.run("document.body.innerText")
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_the_page_prints_without_controls_and_with_open_details(page):
    page.scheme("dark")
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    hidden = "[...document.querySelectorAll('.controls, .wiper, nav')]"
    assert not page.run(f"{hidden}.some(e => e.checkVisibility())")
    assert page.run("document.querySelector('.strip').checkVisibility()")
    data = page.pdf()
    page.call("Emulation.setEmulatedMedia", media="")
    assert data.startswith(b"%PDF")
    assert 2 <= data.count(b"/Type /Page\n") <= 15
    assert page.run("[...document.querySelectorAll('details')].every(d => d.open)")

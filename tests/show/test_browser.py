"""The page in headless Chromium, as wide as a desk and as narrow as a phone."""

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.image
import pytest
import sympy as sp

import opcompiler as oc
from tests.show.gallery import OPERATORS

X = oc.vector("x", 100)
U = sp.Function("u")(X)
PAGES = {**OPERATORS, "held_sum": oc.laplacian(U, X) + sp.sin(U)}

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desk": (1280, 900), "window": (500, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = (
            f"NO BROWSER, pages not looked at: install one of {', '.join(BROWSERS)}"
        )
        if os.environ.get("OPCOMPILER_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def run(browser: str, folder: Path, page: Path, *options: str):
    """Opens a page; returns the DOM, and what its console said."""
    result = subprocess.run(
        [
            browser,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
    return result.stdout, said


PROBE = """<!DOCTYPE html><body>{frames}<pre id="widths"></pre><script>
addEventListener("load", () => {{
  const frames = [...document.querySelectorAll("iframe")];
  document.getElementById("widths").textContent = JSON.stringify(frames.map((frame) => {{
    const root = frame.contentDocument.documentElement;
    const boxes = [...root.querySelectorAll(".scroll")];
    const cut = boxes.filter((box) => box.scrollWidth > box.clientWidth + 1);
    return [root.scrollWidth, root.clientWidth, cut.length];
  }}));
}});
</script></body>"""


def widths(browser: str, folder: Path, text: str):
    """For each size what a page needs and has, how many boxes are cut; what it said."""
    frames = "".join(
        f'<iframe width="{width}" height="{height}" frameborder="0" '
        f'srcdoc="{html.escape(text)}"></iframe>'
        for width, height in SIZES.values()
    )
    probe = folder / "probe.html"
    probe.write_text(PROBE.format(frames=frames), encoding="utf-8")
    dom, said = run(browser, folder, probe, "--dump-dom")
    found = re.search(r'<pre id="widths">(.*?)</pre>', dom)
    assert found, dom[-500:]
    return json.loads(found[1]), said


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("kdv", "auto"),
        ("navier_stokes", "auto"),
        ("laplacian_50d", "auto"),
        ("bilaplacian_3d", "nested"),
        ("held_sum", "auto"),
    ],
)
def test_the_page_fits_and_is_quiet(browser, tmp_path, name, strategy) -> None:
    page = tmp_path / "page.html"
    residual = oc.compile(PAGES[name], strategy=strategy)
    found, said = widths(browser, tmp_path, residual.to_html(page))
    assert not said
    # Letters stay readable, so a drawing of 16 channels scrolls in a window, too.
    scrolling = {"phone", "window"} if name == "bilaplacian_3d" else {"phone"}
    for (needs, has, cut), (size, (width, _)) in zip(found, SIZES.items(), strict=True):
        assert has == width
        assert needs <= has
        assert size in scrolling or not cut
    for size, (width, height) in SIZES.items():
        shot = tmp_path / f"{size}.png"
        _, said = run(
            browser,
            tmp_path,
            page,
            f"--window-size={width},{height}",
            f"--screenshot={shot}",
        )
        assert not said
        picture = matplotlib.image.imread(shot)
        assert picture.shape[:2] == (height, width)
        assert picture[..., :3].std() > 0.02


def test_the_probe_fires(browser, tmp_path) -> None:
    """Too wide a page and an error on the console are seen."""
    bad = '<div style="width: 5000px">wide</div><script>console.error("no")</script>'
    found, said = widths(browser, tmp_path, bad)
    assert all(needs > has for needs, has, _ in found)
    assert said

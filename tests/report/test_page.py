"""The report in a real browser: driven, measured, and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fimad.report.collect import collect, explorers
from fimad.report.page import clean, page
from fimad.report.sources import DatasetRows
from tests.report.conftest import ARTIFACTS, MakeDataset


@pytest.fixture(scope="module")
def report_file(make_dataset: MakeDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(make_dataset(6, embeddings=True), tmp_path_factory.mktemp("report"))


def write(dataset: str, folder: Path, **options: Any) -> Path:
    rows = DatasetRows(dataset)
    report = collect(rows, "synthetic")
    path = folder / "report.html"
    path.write_text(page(report, explorers(rows, report), **options), encoding="utf-8")
    return path


def visit(tab: Any, path: Path) -> None:
    tab.goto(path.as_uri())
    tab.wait_for_selector("html[data-ready=yes]", timeout=30_000)


def state(tab: Any) -> dict[str, Any]:
    found: dict[str, Any] = tab.evaluate("fimadReport.state()")
    return found


def wait_until(tab: Any, condition: str) -> None:
    """Playwright's own waiting evaluates text within the page, which the page's policy forbids."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    pytest.fail(f"never came true: {condition}")


def test_filter_open_play_step_turn(tab: Any, report_file: Path) -> None:
    visit(tab, report_file)
    assert tab.locator(".card").count() == 12
    label = tab.locator("#f-label option").nth(1).inner_text()
    tab.select_option("#f-label", index=1)
    assert 0 < tab.locator(".card").count() < 12
    assert set(tab.locator(".card small:first-of-type span:first-child").all_inner_texts()) == {label}
    ARTIFACTS.mkdir(exist_ok=True)
    tab.screenshot(path=ARTIFACTS / "report.png", full_page=True)

    tab.locator(".card").first.click()
    tab.wait_for_selector("#x-play")
    before = state(tab)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert state(tab)["frame"] == before["frame"] + 2
    tab.keyboard.press("ArrowLeft")
    assert state(tab)["frame"] == before["frame"] + 1
    tab.keyboard.press("Shift+ArrowRight")
    assert state(tab)["yaw"] != before["yaw"]
    turned = state(tab)["yaw"]
    box = tab.locator("#skeleton").bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 180, box["y"] + 110)
    tab.mouse.up()
    assert state(tab)["yaw"] == pytest.approx(turned + 0.8, abs=0.05)

    tab.click("#x-play")
    wait_until(tab, f"fimadReport.state().frame > {state(tab)['frame'] + 5}")
    tab.click("#x-play")
    stopped = state(tab)
    assert not stopped["playing"]
    tab.screenshot(path=ARTIFACTS / "explorer.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_cursor_over_all_panels(tab: Any, report_file: Path, theme: str) -> None:
    tab.emulate_media(color_scheme=theme)
    visit(tab, report_file)
    tab.locator(".card").nth(1).click()
    tab.wait_for_selector("#x-play")
    for _ in range(40):
        tab.keyboard.press("ArrowRight")
    for action in (None, "#theme", "+"):
        if action == "#theme":
            tab.evaluate("document.querySelector('#theme').click()")
        elif action:
            tab.keyboard.press(action)
        tab.wait_for_timeout(120)
        now = state(tab)
        shown = [float(t) for t in tab.eval_on_selector_all(".cursor", "all => all.map((each) => each.dataset.time)")]
        assert len(shown) == 3
        # Where the cursors really are in the picture, against where the skeleton is.
        assert shown == pytest.approx([now["frame_time"]] * 3, abs=1 / 30)
        left = tab.eval_on_selector_all(".cursor", "all => all.map((each) => each.getBoundingClientRect().left)")
        assert max(left) - min(left) < 1
        drawn = float(tab.get_attribute("#skeleton", "data-time"))
        assert drawn == pytest.approx(now["time"], abs=1 / 30)
    assert state(tab)["range"] is not None
    tab.screenshot(path=ARTIFACTS / f"explorer-{theme}.png")


@pytest.mark.parametrize(
    "title",
    [
        "<img src=x onerror=alert(1)>",
        '"><script>alert(1)</script>',
        "</script><script>alert(1)</script>",
        "\u202etxet esrever\u202c",
        "long " * 1000,
        "<!--<script>",
        "$title ${policy}",
    ],
)
def test_hostile_titles_are_text(tab: Any, make_dataset: MakeDataset, tmp_path: Path, title: str) -> None:
    path = write(make_dataset(1, title=title), tmp_path)
    visit(tab, path)
    shown = clean(title)
    assert tab.locator(".card b").first.inner_text() == shown.strip()
    assert tab.locator("main img, dialog img").count() == 0
    tab.locator(".card").first.click()
    tab.wait_for_selector("#x-play")
    assert tab.locator("#x-title").inner_text() == shown.strip()
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_no_serious_accessibility_problem(tab: Any, report_file: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    for theme in ("light", "dark"):
        tab.emulate_media(color_scheme=theme)
        visit(tab, report_file)
        for opened in (False, True):
            if opened:
                tab.locator(".card").first.click()
                tab.wait_for_selector("#x-play")
            found = axe.run(tab).response["violations"]
            serious = [
                (each["id"], [n["html"][:120] for n in each["nodes"]])
                for each in found
                if each["impact"] in ("serious", "critical")
            ]
            assert serious == []


def test_fits_a_phone(tab: Any, report_file: Path) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    visit(tab, report_file)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.screenshot(path=ARTIFACTS / "phone.png", full_page=True)
    tab.locator(".card").first.click()
    tab.wait_for_selector("#x-play")
    assert tab.evaluate("document.querySelector('#explorer').scrollWidth") <= 390
    tab.screenshot(path=ARTIFACTS / "phone-explorer.png")


def test_the_keyboard_alone_opens_and_closes_a_clip(tab: Any, report_file: Path) -> None:
    visit(tab, report_file)
    tab.locator(".card").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#x-play")
    assert tab.evaluate("document.activeElement.id") == "x-play"
    tab.keyboard.press("Escape")
    wait_until(tab, "!document.querySelector('#explorer').open")
    assert tab.evaluate("document.activeElement.className") == "card"


@pytest.mark.slow
def test_ten_thousand_clips(tab: Any, make_dataset: MakeDataset, tmp_path: Path) -> None:
    path = write(make_dataset(5000, clip_s=4.0), tmp_path)
    assert path.stat().st_size <= 15e6
    visit(tab, path)
    paint = tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint < 3000
    assert tab.locator(".card").count() == 48


def test_flags_stand_on_cards_and_filter(tab: Any, report_file: Path) -> None:
    visit(tab, report_file)
    marked = tab.locator(".card:has(.flag)")
    assert 0 < marked.count() < tab.locator(".card").count()
    assert marked.first.locator(".flag").all_inner_texts() == ["camera unknown", "swapped sides"]
    assert "background" in marked.first.locator(".flag").first.get_attribute("title")
    count = marked.count()
    tab.select_option("#f-flag", "=swapped_sides")
    assert tab.locator(".card").count() == count
    tab.select_option("#f-flag", "-")
    assert tab.locator(".flag").count() == 0
    tab.select_option("#f-flag", "=camera_unknown")
    tab.locator(".card").first.click()
    assert "taken to stand still" in tab.locator("dl.flags dd").first.inner_text()


def test_cards_say_how_good_the_signals_are(tab: Any, report_file: Path) -> None:
    visit(tab, report_file)
    assert set(tab.locator(".card .quality span:first-child").all_inner_texts()) == {"quality 0.80"}
    drawn = tab.evaluate(
        "[...document.querySelectorAll('.card canvas')].map((c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size)"
    )
    assert min(drawn) > 3, "every card shows a skeleton"


def test_one_impossible_sample_does_not_flatten_an_axis(
    tab: Any, make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from tests.dataset.synthetic import SyntheticSource

    plain = SyntheticSource._simulate

    def spiked(source: SyntheticSource, number: int, video_id: str) -> list[dict[str, Any]]:
        rows = plain(source, number, video_id)
        gyro = np.array(rows[0]["left_wrist_gyro_rad_s"]).reshape(-1, 3)
        gyro[:, 0], gyro[100, 1] = np.sin(np.arange(len(gyro)) / 20), 94.0
        rows[0]["left_wrist_gyro_rad_s"] = gyro.astype(np.float32).reshape(-1)
        return rows

    monkeypatch.setattr(SyntheticSource, "_simulate", spiked)
    visit(tab, write(make_dataset(1), tmp_path))
    tab.locator(".card").first.click()
    tab.wait_for_selector("#x-play")
    assert tab.locator(".beyond").all_inner_texts() == ["1 sample beyond the axis"]
    low, high = tab.evaluate("fimadReport.state().axes[1]")
    assert -2 < low < -1 < 1 < high < 3
    assert tab.evaluate("fimadReport.state().axes[0]")[1] > 9.8


def test_a_phone_shows_every_section_and_keeps_close_in_sight(tab: Any, report_file: Path) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    visit(tab, report_file)
    boxes = tab.eval_on_selector_all("nav a", "all => all.map((a) => a.getBoundingClientRect().toJSON())")
    assert len(boxes) == 7
    assert all(box["left"] >= 0 and box["right"] <= 390 and box["bottom"] < 120 for box in boxes)
    tab.locator(".card").first.click()
    tab.wait_for_selector("#x-play")
    tab.evaluate("document.querySelector('#explorer').scrollTop = 600")
    tab.wait_for_timeout(100)
    close = tab.locator("#x-close").bounding_box()
    assert 0 <= close["y"] < 80
    assert not tab.locator(".keys").is_visible()

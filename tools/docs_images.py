"""Makes the pictures of README and docs with fimad's own commands, from the demo's workspace. Run by `make docs-images`.

python -m tools.docs_images [--workspace demo-workspace] [--dataset demo-dataset]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 300_000
CLIP = "fimad-demo-workout___1"


def fimad(*arguments: str) -> None:
    """Run a command as a user would."""
    subprocess.run([sys.executable, "-m", "fimad", *arguments], check=True)


def main() -> int:
    """Write docs/images/*.png; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", default="demo-workspace")
    parser.add_argument("--dataset", default="demo-dataset")
    options = parser.parse_args()
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        print("There is no Chromium: apt-get install chromium", file=sys.stderr)
        return 3
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        place = ("--workspace", options.workspace)
        fimad("report", options.dataset, *place, "--media", "--out", str(work / "report.html"))
        fimad("view", CLIP, "--dataset", options.dataset, *place, "--png", str(IMAGES / "figure.png"))
        fimad("view", CLIP, "--dataset", options.dataset, *place, "--overlay", str(work / "overlay.mp4"))
        _overlay_picture(work / "overlay.mp4", IMAGES / "overlay.png")
        _screenshots(chromium, work / "report.html")
    too_big = [path.name for path in sorted(IMAGES.glob("*.png")) if _shrink(path) > MOST_BYTES]
    if too_big:
        print(f"Larger than {MOST_BYTES} bytes: {', '.join(too_big)}", file=sys.stderr)
    return 1 if too_big else 0


def _overlay_picture(video: Path, path: Path) -> None:
    import av

    with av.open(str(video)) as source:
        for frame in source.decode(video=0):
            if frame.time >= 2.2:
                frame.to_image().resize((960, round(960 * frame.height / frame.width))).save(path)
                return


def _screenshots(chromium: str, report: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-ready=yes]")
        page.screenshot(path=IMAGES / "report.png")
        page.locator(f"[data-clip='{CLIP}']").click()
        _step_to(page, 66)
        page.set_viewport_size({"width": 1280, "height": 980})
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / "explorer.png")
        page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / "explorer-dark.png")
        browser.close()


def _step_to(page: Any, frame: int) -> None:
    page.wait_for_selector("#x-play")
    for _ in range(frame):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)


def _shrink(path: Path) -> int:
    """Fewer colours where that is what it takes; returns the size in bytes."""
    from PIL import Image

    if path.stat().st_size > MOST_BYTES:
        with Image.open(path) as image:
            image.convert("RGB").quantize(192).save(path, optimize=True)
    return path.stat().st_size


if __name__ == "__main__":
    raise SystemExit(main())

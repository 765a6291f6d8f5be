"""Kill it at random moments, go on, and compare: `python -m benchmarks.kills --kills 200 [--json FILE]`.

Builds a dataset undisturbed; then builds it again and again with SIGKILL at random moments, to the driver and to one of
its worker or child processes in turn. Whenever a build gets through, its dataset must equal the undisturbed one byte
for byte, and no temporary file may be left; then some artifacts are deleted, or all, and it goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

DEMO = Path(__file__).parents[1] / "fimad" / "demo" / "workout.mp4"
# No build of the small corpus takes so long; if one does, it hangs.
_HANG_S = 600.0


def command(sources: list[str], folder: Path, options: list[str]) -> list[str]:
    """The build, as a user would type it."""
    places = ["--workspace", str(folder / "workspace"), "--dataset", str(folder / "dataset")]
    return [sys.executable, "-m", "fimad", "build", *sources, *places, *options]


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(arguments: list[str]) -> tuple[int, float]:
    """Run to the end; exit code and seconds."""
    began = time.monotonic()
    code = subprocess.run(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=_HANG_S).returncode
    return code, time.monotonic() - began


def disturbed(
    arguments: list[str], kill_driver: bool, after_s: float, dice: random.Random, log: Path
) -> tuple[int, bool]:
    """Run with one kill; exit code, and whether anything was there to be killed. What it said is in `log`."""
    with log.open("wb") as said:
        process = subprocess.Popen(arguments, stderr=said, stdout=said)
    try:
        return process.wait(after_s), False
    except subprocess.TimeoutExpired:
        pass
    killed = kill_driver
    if kill_driver:
        process.kill()
    else:
        children = psutil.Process(process.pid).children(recursive=True)
        if children:
            victim = dice.choice(children)
            try:
                os.kill(victim.pid, signal.SIGKILL)
                killed = True
            except ProcessLookupError:
                # It ended by itself in this moment.
                killed = False
    return process.wait(_HANG_S), killed


def forget(folder: Path, dice: random.Random) -> None:
    """Delete some artifacts, or everything, so that there is something to do again."""
    if dice.random() < 0.3:
        shutil.rmtree(folder / "workspace" / "stages", ignore_errors=True)
    else:
        files = [path for path in (folder / "workspace" / "stages").rglob("*.parquet") if dice.random() < 0.5]
        for path in files:
            path.unlink()
    shutil.rmtree(folder / "dataset", ignore_errors=True)


def measure(sources: list[str], kills: int, options: list[str], folder: Path, seed: int) -> dict[str, Any]:
    """The whole test; raises SystemExit at the first difference."""
    dice = random.Random(seed)
    reference = folder / "undisturbed"
    code, seconds = run(command(sources, reference, options))
    if code not in (0, 1):
        raise SystemExit(f"the undisturbed build ended with code {code}")
    wanted = digest(reference / "dataset")
    if not wanted:
        raise SystemExit("the undisturbed build made no dataset")
    place = folder / "disturbed"
    arguments = command(sources, place, options)
    done = compared = attempts = 0
    while done < kills:
        attempts += 1
        log = folder / "log"
        end, killed = disturbed(arguments, done % 2 == 0, dice.uniform(0.2, 1.1 * seconds), dice, log)
        done += killed
        if end == code:
            compared += 1
            _compare(place, wanted)
            forget(place, dice)
        elif end not in (-signal.SIGKILL, code):
            said = log.read_text(errors="replace")[-3000:]
            raise SystemExit(f"after kill {done} the build ended with code {end}, not {code}; it said:\n{said}")
        if done % 20 == 0:
            print(f"{done} kills in {attempts} runs, {compared} datasets compared", flush=True)
    end, _ = run(arguments)
    if end != code:
        raise SystemExit(f"the last build ended with code {end}")
    _compare(place, wanted)
    return {"kills": done, "runs": attempts, "datasets_compared": compared + 1, "files": len(wanted), "differences": 0}


def _compare(place: Path, wanted: dict[str, str]) -> None:
    found = digest(place / "dataset")
    if found != wanted:
        names = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise SystemExit(f"the dataset differs from the undisturbed one in {', '.join(names)}")
    time.sleep(1.0)  # orphans of a killed driver may end a moment after it
    left = [path for path in (place / "workspace" / "tmp").iterdir() if not _alive(path.name)]
    if left:
        raise SystemExit(f"temporary files are left: {', '.join(map(str, left))}")


def _alive(owner: str) -> bool:
    return psutil.pid_exists(int(owner.split("-")[1]))


def main() -> int:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=[str(DEMO)], help="videos (default: the project's own)")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the build")
    parser.add_argument("--without", action="append", default=[], metavar="STAGE", help="a stage to do without")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    build_options = ["--workers", str(options.workers)]
    for stage in options.without:
        build_options += ["--without", stage]
    for setting in options.set:
        build_options += ["--set", setting]
    folder = Path(tempfile.mkdtemp())
    try:
        figures = measure(options.sources, options.kills, build_options, folder, options.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:<20}{value:>8}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

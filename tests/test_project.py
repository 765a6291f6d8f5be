"""The project around the code: what its pages promise exists, and nothing of the machine it was made on is in it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
#: Libraries that take long to import or that only an extra brings.
HEAVY = (
    "torch",
    "mediapipe",
    "faster_whisper",
    "whisper",
    "dask",
    "distributed",
    "yt_dlp",
    "av",
    "cv2",
    "open_clip",
    "pandas",
)


def tracked() -> list[Path]:
    """All files of the project, as git knows them; without git, all but what is made while working."""
    try:
        names = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy of the project is not a git work tree", allow_module_level=True)
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    result = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            result.append((path, data.decode("utf-8", errors="replace")))
    return result


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, made as the usual Markdown renderers make them."""
    found = set()
    for line in page.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"#+\s+(.*)", line):
            found.add(re.sub(r"[^\w\- ]", "", match[1].lower()).strip().replace(" ", "-"))
    return found


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_make_commands_in_the_pages_exist() -> None:
    targets = make_targets()
    for page in pages():
        named = re.findall(r"(?:^\s{4}|`)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= targets, page


def test_readme_begins_with_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^ {4}make (\w+)", readme, re.MULTILINE)
    assert commands[:2] == ["demo", "test"]
    assert "\n## " not in readme[: readme.index("    make test")]


def test_every_make_target_is_phony_and_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY:(.*)$", text, re.MULTILINE)[1].split())
    assert phony == make_targets()
    explained = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert explained == phony


def test_fimad_commands_in_the_pages_exist() -> None:
    import typer.main

    from fimad.cli import app

    commands = set(typer.main.get_command(app).commands)
    for page in pages():
        named = re.findall(r"(?:^\s{4}|`|\bbin/)fimad ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= commands, f"{page}: {set(named) - commands}"


def test_tables_in_the_pages_come_from_schema_and_benchmarks() -> None:
    from tools.readme import PAGES, filled

    for page in PAGES:
        assert filled(page) == page.read_text(encoding="utf-8"), f"{page.name} is out of date: make docs-table"


@pytest.mark.parametrize("page", [str(path.relative_to(ROOT)) for path in pages()])
def test_links_between_pages_resolve(page: str) -> None:
    path = ROOT / page
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"<img[^>]+src=\"([^\"]+)\"", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (path.parent / name).resolve() if name else path
        assert goal.exists(), f"{page} links to {target}, which does not exist"
        if anchor:
            assert anchor in anchors(goal), f"{page} links to {target}, which has no such heading"


def test_nothing_of_a_developers_machine_is_in_the_project() -> None:
    private = re.compile(r"/(?:work|root|home/[a-z]+)/[\w.]")
    hosts = re.compile(r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org)\b")
    for path, text in texts():
        if path == Path(__file__):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            assert not private.search(line), f"{path}:{number}: {line[:200]}"
            assert not hosts.search(line), f"{path}:{number}: {line[:200]}"


def test_licence_is_the_full_apache_text_and_everybody_says_so() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert "license: Apache-2.0" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_versions_agree() -> None:
    import fimad

    assert f"\nversion: {fimad.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "module", ["fimad", "fimad.cli", "fimad.simulate", "fimad.dataset", "fimad.schema", "fimad.demo"]
)
def test_import_is_light_and_without_warnings(module: str) -> None:
    program = f"import sys, {module}; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_extras_that_are_named_exist() -> None:
    extras = set(PYPROJECT["project"]["optional-dependencies"])
    assert {"build", "embed", "render", "dev"} <= extras
    for path, text in texts():
        if path.suffix in {".py", ".md", ""} and path != Path(__file__):
            for group in re.findall(r"(?:fimad|\.)\[([a-z0-9,_-]+)\]", text):
                assert set(group.split(",")) <= extras, (
                    f"{path} names an extra that pyproject.toml does not have: {group}"
                )


def test_core_dependencies_stay_small() -> None:
    names = {re.match(r"[\w-]+", each)[0].lower() for each in PYPROJECT["project"]["dependencies"]}
    assert not names & {"torch", "mediapipe", "faster-whisper", "dask", "distributed", "yt-dlp", "av", "pandas"}


def test_opencv_is_declared_once_and_is_the_one_that_mediapipe_brings() -> None:
    # All of OpenCV's packages install the same folder: two of them would overwrite each other.
    declared = {
        re.match(r"[\w-]+", name)[0]
        for group in PYPROJECT["project"]["optional-dependencies"].values()
        for name in group
        if name.startswith("opencv")
    }
    brought = {re.match(r"[\w-]+", name)[0] for name in requires("mediapipe") or [] if name.startswith("opencv")}
    assert len(declared) == 1
    assert declared == brought


def test_modules_say_what_they_are() -> None:
    for path in tracked():
        if path.suffix == ".py" and path.is_relative_to(ROOT / "fimad"):
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} does not say what it is"


def test_ci_script_is_valid_bash_and_runs_lint_and_tests() -> None:
    path = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(path)], check=True)
    text = path.read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert text.index("make lint") < text.index("make test")


def test_packaged_data_is_declared() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["fimad"]
    assert {"py.typed", "demo/*"} <= set(patterns)


def test_recipes_are_valid_configurations() -> None:
    from fimad.config import load_config

    recipes = sorted((ROOT / "recipes").glob("*.toml"))
    assert recipes
    for recipe in recipes:
        load_config(recipe)

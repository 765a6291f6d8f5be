"""The rooms of the house: how many doors a package has, who may reach for what, and what the pages say of it.

Which package may import which is held by import-linter (`make lint`).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from fimad import errors

ROOT = Path(__file__).resolve().parent.parent
ERRORS = {name for name, each in vars(errors).items() if isinstance(each, type) and issubclass(each, Exception)}
MODULES = sorted((ROOT / "fimad").rglob("*.py"))
OUTSIDE = sorted(path for folder in ("benchmarks", "tools") for path in (ROOT / folder).rglob("*.py"))
#: More modules than this in one folder are a corridor.
MOST_MODULES = 14


def test_no_package_is_a_corridor() -> None:
    modules = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    crowded = {str(folder.relative_to(ROOT)): count for folder, count in modules.items() if count > MOST_MODULES}
    assert not crowded, f"more than {MOST_MODULES} modules in one folder: {crowded}"
    assert modules[ROOT / "fimad" / "pipeline"] <= 3


def package_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(ROOT).parts)


def reached_for(path: Path) -> Iterator[tuple[int, str, str]]:
    """Names with an underscore that a module takes from modules of `fimad`: the line, the module and the name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fimad"):
            for each in node.names:
                if each.name.startswith("_") and not each.name.startswith("__"):
                    yield node.lineno, node.module, each.name
                full = f"{node.module}.{each.name}"
                if (ROOT / full.replace(".", "/")).with_suffix(".py").is_file() or (
                    ROOT / full.replace(".", "/")
                ).is_dir():
                    bound[each.asname or each.name] = full
        elif isinstance(node, ast.Import):
            bound.update(
                {each.asname: each.name for each in node.names if each.asname and each.name.startswith("fimad.")}
            )
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in bound):
            continue
        if node.attr.startswith("_") and not node.attr.startswith("__"):
            yield node.lineno, bound[node.value.id], node.attr


def test_nothing_outside_a_package_reaches_for_a_name_with_an_underscore() -> None:
    reaching = [
        f"{path.relative_to(ROOT)}:{line}: {module}.{name}"
        for path in [*MODULES, *OUTSIDE]
        for line, module, name in reached_for(path)
        if package_of(path) != module.rpartition(".")[0]
    ]
    assert not reaching, "\n".join(reaching)


def test_reaching_is_noticed(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(
        "from fimad.simulate.imu import _fill\nfrom fimad.pipeline.media import cuts\nimport fimad.skeleton as names\n"
        "cuts._hsv\nnames._x\ncuts.is_cut\n"
    )
    assert [name for _, _, name in reached_for(other)] == ["_fill", "_hsv", "_x"]


def tree_on_the_page() -> set[str]:
    """Paths below `fimad` that the tree of docs/architecture.md names, folders with a slash at the end."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = page[page.index("    fimad/\n") :].partition("\n\n")[0].splitlines()[1:]
    names: set[str] = set()
    above: list[str] = []
    for line in block:
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip()) - 6) // 2
        above = [*above[:depth], name]
        names.add("".join(above))
    return names


def test_the_tree_in_the_pages_is_the_real_one() -> None:
    """All packages, and the modules of `fimad` and of `fimad/pipeline`, where a newcomer looks first."""
    house = ROOT / "fimad"
    packages = {f"{path.parent.relative_to(house).as_posix()}/" for path in MODULES if path.name == "__init__.py"}
    real = packages - {"./"}
    for folder in (house, house / "pipeline"):
        real |= {path.relative_to(house).as_posix() for path in folder.glob("*.py") if path.name != "__init__.py"}
    shown = tree_on_the_page()
    assert shown == real, f"docs/architecture.md lacks {real - shown} and shows {shown - real}"


def test_architecture_is_one_sitting() -> None:
    assert len((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_packages_say_what_they_are_and_what_they_may_import() -> None:
    for path in MODULES:
        if path.name == "__init__.py" and path.parent != ROOT / "fimad":
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert said, f"{path} does not say what lives there"
            if path.is_relative_to(ROOT / "fimad" / "pipeline") and path.parent.name != "pipeline":
                assert "ay import" in said, f"{path} does not say what it may import"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_decisions_say_what_why_and_what_else(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## What",
        "## Why",
        "## Measured",
        "## What else was tried",
    ]
    assert page.name in (page.parent / "README.md").read_text(encoding="utf-8")


def raised_with_parts_missing(source: str) -> list[int]:
    """Lines at which an error of the project's own is raised without saying what, why or what to do next."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
        if node.exc.func.id in ERRORS
        if not any(isinstance(part, ast.Starred) for part in node.exc.args)
        if len(node.exc.args) < 3 or any(isinstance(part, ast.Constant) and not part.value for part in node.exc.args)
    ]


def test_errors_say_what_why_and_what_next() -> None:
    found = {str(path): raised_with_parts_missing(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {path: lines for path, lines in found.items() if lines} == {}
    assert raised_with_parts_missing(
        'raise ConfigError("a", "", "b")\nraise SetupError("a")\nraise ConfigError("a", "b", "c")'
    ) == [1, 2]

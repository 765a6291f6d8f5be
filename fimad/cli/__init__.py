"""The command line: parsing and printing only; each command calls one function of the package.

A group of commands is a module of this package with `register(app)`; `fimad.cli.main.MODULES` lists them, in the order of
`fimad --help`.
"""

from __future__ import annotations

from fimad.cli.main import app

__all__ = ["app"]

"""`python -m fimad`: the same as the `fimad` command."""

from __future__ import annotations

from fimad.cli import app

if __name__ == "__main__":
    app(prog_name="fimad")

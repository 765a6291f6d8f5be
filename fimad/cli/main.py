"""The Typer application: where the command modules are put together and errors become exit codes."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import typer
from typer.core import TyperGroup

from fimad import __version__
from fimad.cli.output import err, print_error
from fimad.errors import ConfigError, DatasetError, FimadError, SetupError

# Exit codes, as `fimad --help` and docs/cli.md state them.
OK, SOME_FAILED, USAGE, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 130

# Command modules in the order of `fimad --help`. Each has `register(app: typer.Typer) -> None`, and imports what is
# heavy inside its commands, so that `fimad --help` and shell completion stay quick.
MODULES = (
    "start",
    "doctor",
    "build",
    "inspect",
    "maintain",
    "models",
    "labels",
    "signals.simulate",
    "signals.calibrate",
    "signals.compare",
    "dataset",
    "mujo",
    "report",
    "bench",
)

EPILOG = (
    "Exit codes: 0 all is well; 1 some items failed, or a check did not pass; 2 wrong usage or configuration; "
    "3 this machine or cluster lacks something (weights, programs, workers, disk space); 130 interrupted."
)


_HYPHEN_ID = re.compile(r"-[A-Za-z0-9_-]{10}")


def exit_code(error: FimadError) -> int:
    """The exit code that a command ends with after this error."""
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, SetupError):
        return ENVIRONMENT
    if isinstance(error, DatasetError):
        return SOME_FAILED
    return SOME_FAILED


def _with_ids(command: Any, args: list[str]) -> list[str]:
    """Arguments in which a YouTube id that begins with a hyphen, and so looks like options, is an address.

    Only a whole word of eleven signs is one, where it is no option of the command, no value of one, and no short option with
    a file or folder that exists.
    """
    takes_value = {name: not getattr(option, "is_flag", False) for option in command.params for name in option.opts}
    known = {*takes_value, *(name for option in command.params for name in option.secondary_opts)}
    found: list[str] = []
    for at, arg in enumerate(args):
        if arg == "--":
            return [*found, *args[at:]]
        is_value = at > 0 and takes_value.get(args[at - 1], False) and args[at - 1].startswith("-")
        is_short = takes_value.get(arg[:2], False) and os.path.lexists(arg[2:])
        if _HYPHEN_ID.fullmatch(arg) and not (is_value or is_short or arg in known or arg == "--help"):
            arg = f"https://www.youtube.com/watch?v={arg}"
        found.append(arg)
    return found


class ErrorGroup(TyperGroup):
    """Prints the three parts of a `FimadError` instead of a traceback (`FIMAD_TRACEBACK=1` shows both)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        command = self.get_command(ctx, args[0]) if args else None
        return super().parse_args(ctx, args if command is None else [args[0], *_with_ids(command, args[1:])])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FimadError as error:
            if os.environ.get("FIMAD_TRACEBACK"):
                raise
            print_error(error)
            ctx.exit(exit_code(error))
        except ImportError as error:
            from fimad import libraries

            setup = libraries.explain(error, ("build",))
            if setup is None or os.environ.get("FIMAD_TRACEBACK"):
                raise
            print_error(setup)
            ctx.exit(ENVIRONMENT)
        except KeyboardInterrupt:
            err.print("Interrupted. The same command goes on where this one stopped.")
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output went away (`fimad status | head`): not worth a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(OK)


app = typer.Typer(
    name="fimad",
    cls=ErrorGroup,
    help="Fitness videos in, a training-ready parallel multimodal dataset out.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"fimad {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


for _name in MODULES:
    if find_spec(f"fimad.cli.{_name}") is not None:
        import_module(f"fimad.cli.{_name}").register(app)

"""The configuration as commented TOML: what `fimad init` writes, and the reference of all options."""

from __future__ import annotations

import json
import textwrap
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from fimad.config import Config, Section

_WIDTH = 100


def config_toml(sources: tuple[str, ...] = (), config: Config | None = None) -> str:
    """Every option with its meaning. Options at their default are commented out; `load_config` reads it back."""
    config = config or Config()
    if sources:
        config = config.model_copy(update={"sources": sources})
    lines = [
        "# Configuration of fimad. A line that begins with # shows an option at its default.",
        "# A changed option redoes its own stage and what rests on it, and nothing else; [http] and [run] redo nothing.",
        "",
    ]
    sections: list[tuple[str, Section]] = []
    for name, field in Config.model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Section):
            sections.append((name, value))
        else:
            lines += _option(name, field, value)
    for name, section in sections:
        lines += ["", *section_lines(name, section)]
    return "\n".join(lines) + "\n"


def section_lines(name: str, section: Section) -> list[str]:
    """One section as commented TOML, line by line."""
    lines = [f"[{name}]", *_comment((type(section).__doc__ or "").strip())]
    for key, field in type(section).model_fields.items():
        lines += _option(field.alias or key, field, getattr(section, key))
    return lines


def _option(name: str, field: FieldInfo, value: Any) -> list[str]:
    about = field.description or ""
    choices = _choices(field.annotation)
    if choices:
        about = f"{about} ({choices})" if about else choices
    if value is None:
        # TOML has no null: an option that is not set can only be left out.
        return [*_comment(about), f"# {name}: not set"]
    line = f"{name} = {toml_value(value)}"
    if value == field.get_default(call_default_factory=True):
        line = f"# {line}"
    return [*_comment(about), line]


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _choices(annotation: Any) -> str:
    """The values that a Literal allows, also within a tuple."""
    if get_origin(annotation) is tuple:
        return _choices(get_args(annotation)[0])
    values = [value for value in get_args(annotation) if isinstance(value, str)]
    return "one of: " + ", ".join(values) if values else ""


def toml_value(value: Any) -> str:
    """A plain value as TOML. A JSON string is a TOML basic string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(each) for each in value) + "]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(str(key))} = {toml_value(each)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    raise TypeError(f"no TOML form for {type(value).__name__}")

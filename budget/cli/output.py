"""What all commands share in talking: colour, tables, JSON, messages, files written whole or not at all."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import shlex
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from budget.errors import CannotBeMet, Fault, InvalidInput, LabelBudgetError

Command = TypeVar("Command", bound=Callable[..., Any])

NOT_THE_ANSWER = ("--output", "--language", "--force", "--json", "--color", "--verbose", "--quiet")
_META = "budget.cli."  # of keys in click's `ctx.meta`, which a whole command line shares


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """What a stream cannot show, as JSON writes it: so that documents stay JSON."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def escape_what_cannot_be_shown() -> None:
    """Streams of any encoding take any text: what theirs lacks is escaped."""
    codecs.register_error("labelbudget", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="labelbudget")


class Number(click.FloatRange):
    """A number within its range, and never nan, which no range refuses."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


def options(command: Command) -> Command:
    """Add --color, -q and -v to a command."""
    command = click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        expose_value=False,
        callback=_set_color,
        help="Colour: on a terminal (auto; NO_COLOR and FORCE_COLOR are heeded), always or never.",
    )(command)
    command = click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=_remember("verbose"), help="Say more on stderr."
    )(command)
    return click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=_remember("quiet"), help="Only errors on stderr."
    )(command)


def language_option(command: Command) -> Command:
    """Add --language to a command that draws a page: it gets `language`."""
    languages = ("en", "de")
    option = click.option(
        "--language",
        type=click.Choice(languages),
        default="en",
        show_default=True,
        envvar="LABELBUDGET_LANGUAGE",
        show_envvar=True,
        help="Of the page or the charts, with their numbers and dates: English or German.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    """Add --json to a command: it gets `as_json`, and errors become JSON too."""
    help_text = "One JSON document on stdout and nothing else."
    option = click.option("--json", "as_json", is_flag=True, is_eager=True, callback=_remember("json"), help=help_text)
    return option(command)


def _remember(key: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    def callback(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
        ctx.meta[_META + key] = value
        return value

    return callback


def _set_color(ctx: click.Context, parameter: click.Parameter, value: str) -> None:
    wanted: bool | None = {"always": True, "never": False}.get(value)
    if wanted is None and (os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"):
        wanted = False
    elif wanted is None and os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        wanted = True
    ctx.find_root().color = ctx.color = wanted


def command_line() -> str:
    """This command as one would type it again: its arguments, and the options that were given and change the answer."""
    ctx = click.get_current_context()
    words = ctx.command_path.split()
    for parameter in ctx.command.params:
        value, name = ctx.params.get(parameter.name or ""), parameter.opts[-1]
        given = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if not given or name in NOT_THE_ANSWER or value is None:
            continue
        for each in value if isinstance(value, tuple) else [value]:
            words += [str(each)] if isinstance(parameter, click.Argument) else [name, str(each)]
    return shlex.join(words)


def is_set(key: str) -> bool:
    """Whether this command line has -v ("verbose"), -q ("quiet") or --json ("json")."""
    return bool(click.get_current_context().meta.get(_META + key))


def say(text: str, detail: bool = False) -> None:
    """A message on stderr, unless -q; a detail only with -v."""
    if not is_set("quiet") and (is_set("verbose") or not detail):
        click.echo(text, err=True)


def warn(text: str) -> None:
    """A message on stderr that a person should not miss."""
    if not is_set("quiet"):
        click.secho(text, err=True, fg="yellow")


def refuse(ctx: click.Context, error: LabelBudgetError) -> None:
    """An error of ours, for people on stderr and, with --json, as a document on stdout."""
    refuse_json(ctx, error_document(error))
    lines = str(error).splitlines()
    title = {InvalidInput: "Invalid input", CannotBeMet: "The brief cannot be met"}.get(type(error), "Error")
    count = f" ({len(lines)} faults)" if isinstance(error, InvalidInput) and len(lines) > 1 else ""
    click.secho(f"{title}{count}:", err=True, fg="red")
    for line in lines:
        click.echo(f"  {line}", err=True)


def refuse_json(ctx: click.Context, document: dict[str, Any]) -> None:
    """With --json, what went wrong as a document on stdout."""
    if ctx.meta.get(_META + "json"):
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))


def error_document(error: LabelBudgetError) -> dict[str, Any]:
    """An error as JSON: its status and every fault, or every reason with its smallest repair."""
    if isinstance(error, InvalidInput):
        return {"status": "invalid", "faults": [asdict(fault) for fault in error.faults]}
    if isinstance(error, CannotBeMet):
        return {"status": "cannot be met", "reasons": [asdict(shortfall) for shortfall in error.shortfalls]}
    return {"status": "failed", "reason": str(error)}


def answer(text: str) -> None:
    """The answer, on stdout."""
    click.echo(text)


def answer_json(document: Any) -> None:
    """The answer as one JSON document, on stdout."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table in plain text: the first `left` columns flush left, the others flush right.

    >>> print(table(["task", "buy"], [["detection", "12,100"], ["boxes", "9"]]))
    task          buy
    ---------  ------
    detection  12,100
    boxes           9
    """
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            _padded(cell, width, index < left) for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.category(letter) in ("Mn", "Cf") for letter in text)


def _padded(text: str, width: int, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: beside it first, then renamed."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:  # which may name the file beside it, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def _umask() -> int:
    """The process's mask for new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def refuse_existing(paths: Iterable[Path], ours: Callable[[Path], bool], force: bool) -> None:
    """Raise InvalidInput if any of these files is there and not `ours`, unless `force`."""
    if force:
        return
    hint = "--force to replace it, or another folder"
    faults = tuple(
        Fault(str(path), "", "a file that is there already", "a path that is free", hint)
        for path in paths
        if path.exists() and not ours(path)
    )
    if faults:
        raise InvalidInput(faults)

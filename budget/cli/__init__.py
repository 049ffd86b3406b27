"""The command `labelbudget`: a group whose subcommands are loaded when they are called, and its exit statuses.

It loads nothing but click, so that `labelbudget --help` answers at once.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from budget import __version__
from budget.cli.output import escape_what_cannot_be_shown, refuse, refuse_json
from budget.errors import LabelBudgetError

INTERRUPTED = 130

# Name -> (module:command, one line of help). In the order in which one needs them.
COMMANDS = {
    "demo": ("budget.cli.demo:demo", "The whole way on the built-in data: pilots, fit, plan, report."),
    "init": ("budget.cli.demo:init", "Write a commented brief to start from."),
    "pilot": ("budget.cli.pilot:pilot", "Measure: run pilots, see how far they are, import, export."),
    "fit": ("budget.cli.planning:fit", "What the pilots say: laws, exponents, intervals, trust."),
    "plan": ("budget.cli.planning:plan", "What to buy: plan.json, allocation.csv, report.html."),
    "frontier": ("budget.cli.planning:frontier", "The best score for a range of budgets."),
    "report": ("budget.cli.report:report", "The page again, from plan.json alone."),
    "backtest": ("budget.cli.planning:backtest", "Hide the largest pilots, predict them, say how well that went."),
}


class Commands(click.Group):
    """A group that knows its commands by name, and turns our errors into messages and exit statuses."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        escape_what_cannot_be_shown()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from budget.messages import nearest

            hint = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no command {args[0]!r}; {hint or 'there are: ' + ', '.join(COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LabelBudgetError as error:
            refuse(ctx, error)
            ctx.exit(error.exit_status)
        except KeyboardInterrupt:
            kept = " What was finished is kept; the same command goes on from there."
            goes_on = ctx.invoked_subcommand in ("demo", "pilot")
            click.secho(f"\nStopped.{kept if goes_on else ''}", err=True, fg="yellow")
            ctx.exit(INTERRUPTED)
        except click.UsageError as error:
            refuse_json(ctx, {"status": "invalid", "reason": error.format_message()})
            raise
        except BrokenPipeError:
            raise  # the reader of our output has gone: click ends quietly
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
            refuse_json(ctx, {"status": "failed", "reason": reason})
            click.secho(f"Error: {reason}", err=True, fg="red")
            ctx.exit(LabelBudgetError.exit_status)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Answers go to stdout, progress and messages to stderr. Exit status: 0 done, 1 failed, "
    "2 wrong use or invalid input, 3 the brief cannot be met.",
)
@click.version_option(__version__, prog_name="labelbudget")
def main() -> None:
    """Split a fixed budget for labels between shared pretraining data and each team's own labels, from measured
    learning curves. Begin with `labelbudget demo`, or with `labelbudget init` for a brief of your own."""

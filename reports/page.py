"""render(plan): the whole page as one string, with its style, its script, its pictures and the plan itself inside."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from budget.errors import CannotBeMet, Shortfall
from budget.plan import Plan
from reports.embedded import embed, json_text
from reports.view import view_of
from reports.view.parts import name_of
from reports.wording import decision, labels
from reports.wording.grammar import sentence


def render(plan: Plan) -> str:
    """One self-contained page for this plan: HTML that is well-formed XML, with no request to anywhere.

    The page holds the plan itself in `<script type="application/json" id="plan">`, so that it can be drawn again.
    """
    view = view_of(plan)
    style, script = source("style.css"), source("script.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            view=view,
            say=labels,
            plan=embed(plan),
            states=json_text({"chosen": view.frontier.chosen, "states": view.frontier.states}),
            style=Markup(style),
            script=Markup(script),
            policy=_policy(style, script),
        )
    )


def render_refusal(error: CannotBeMet, title: str = "") -> str:
    """One page for a brief that no plan can keep to: every reason, each with its smallest repair."""
    style = source("style.css")
    return (
        _environment()
        .get_template("refusal.html.j2")
        .render(
            title=name_of(title or labels.UNTITLED),
            headline=decision.cannot_be_met(len(error.shortfalls)),
            shortfalls=[Shortfall(*map(sentence, (one.reason, one.repair))) for one in error.shortfalls],
            say=labels,
            style=Markup(style),
            policy=_policy(style, ""),
        )
    )


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded, and only this style and this script may run."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    allowed = f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


@cache
def _environment() -> Environment:
    return Environment(
        autoescape=True, loader=FunctionLoader(source), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


@cache
def _folder() -> Traversable:
    """The templates: beside this package once installed, or at the top of a checkout."""
    shipped = files("reports") / "_templates"
    return shipped if shipped.is_dir() else Path(__file__).parents[1] / "templates"


def source(name: str) -> str:
    """The text of one of the templates, the style or the script."""
    return (_folder() / name).read_text(encoding="utf-8")

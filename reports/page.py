"""render(plan): the whole page as one string, with its style, its script, its pictures and the plan itself inside."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from budget.errors import CannotBeMet, Fault, InvalidInput, Shortfall
from budget.inputs import read_text
from budget.plan import Plan
from reports.brand import Brand
from reports.embedded import embed, json_text
from reports.language import Language, language_of, sentence
from reports.view import view_of
from reports.view.parts import clean, name_of


def render(plan: Plan, brand: Brand = Brand(), language: str = "en") -> str:  # noqa: B008 (it is frozen)
    """One self-contained page for this plan: HTML that is well-formed XML, with no request to anywhere.

    The page holds the plan itself in `<script type="application/json" id="plan">`, so that it can be drawn again.
    `brand`: what an organisation puts on it; `language`: `en` or `de`.
    Raises InvalidInput for a plan that no brief could have led to, and for templates of one's own that are at fault.
    """
    view = view_of(plan, language)
    style, script = source("style.css", brand.templates) + accent_style(brand), source("script.js", brand.templates)
    try:
        return (
            _environment(brand.templates)
            .get_template("page.html.j2")
            .render(
                view=replace(view, title=name_of(brand.title)) if brand.title else view,
                brand=brand,
                say=language_of(language),
                plan=embed(plan),
                states=json_text({"chosen": view.frontier.chosen, "states": view.frontier.states}),
                style=Markup(style),
                script=Markup(script),
                policy=_policy(style, script, pictures=bool(brand.logo)),
            )
        )
    except TemplateError as error:
        if brand.templates is None:
            raise
        found, allowed = f"a template that cannot be used ({error})", "Jinja templates that fit ours"
        raise InvalidInput((Fault(str(brand.templates), "--template-dir", found, allowed),)) from error


def accent_style(brand: Brand) -> str:
    """The rules for the accent colour, lightened in the dark."""
    if not brand.accent:
        return ""
    dark = f":root {{ --accent: color-mix(in srgb, {brand.accent} 45%, white); }}"
    return f":root {{ --accent: {brand.accent}; }}\n@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"


def render_refusal(error: CannotBeMet, title: str = "", language: str = "en", currency: str = "") -> str:
    """One page for a brief that no plan can keep to: every reason, each with its smallest repair, in its currency."""
    say = language_of(language)
    style = source("style.css")
    return (
        _environment()
        .get_template("refusal.html.j2")
        .render(
            title=name_of(title or say("page.untitled")),
            headline=say("refusal.headline", len(error.shortfalls)),
            lead=say("refusal.lead", len(error.shortfalls)),
            money=say("refusal.money", currency=clean(currency)) if currency else "",
            shortfalls=[_in_words(say, one) for one in error.shortfalls],
            say=say,
            style=Markup(style),
            policy=_policy(style, ""),
        )
    )


def _in_words(say: Language, one: Shortfall) -> Shortfall:
    """A reason and its repair as sentences of the page's language."""
    return Shortfall(*(sentence(say.translated(words)) for words in (one.reason, one.repair)))


def _policy(style: str, script: str, pictures: bool = False) -> str:
    """Nothing may be loaded, and only this style and this script may run; pictures only from inside the page."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    allowed = f"style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'" + (
        "; img-src data:" if pictures else ""
    )
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


@cache
def _environment(own: Path | None = None) -> Environment:
    loader = FunctionLoader(lambda name: source(name, own))
    return Environment(autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@cache
def _folder() -> Traversable:
    """The templates: beside this package once installed, or at the top of a checkout."""
    shipped = files("reports") / "_templates"
    return shipped if shipped.is_dir() else Path(__file__).parents[1] / "templates"


def source(name: str, own: Path | None = None) -> str:
    """The text of one of the templates, the style or the script: from the folder `own` if it is there."""
    if own and (own / name).is_file():
        return read_text(own / name)
    return (_folder() / name).read_text(encoding="utf-8")

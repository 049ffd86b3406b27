"""The languages: the same texts in each, grammatical at every count, numbers their way, and nothing left in English."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

import budget.allocation.audit
import budget.fitting.trust
import reports
from budget.allocation import optimum
from budget.cli import main
from budget.errors import CannotBeMet, Shortfall
from budget.fitting.laws import LAWS
from budget.plan import Plan
from reports import render, render_refusal, to_markdown, to_svg
from reports.language import LANGUAGES, Language, language_of
from reports.numbers import Numbers
from reports.view.parts import name_of
from reports.wording import decision, outlook
from tests.reports.plans import PLANS

EN, DE = (language_of(code) for code in LANGUAGES)
OURS = Path(reports.__file__).parent
# Words that both languages write alike: words of the trade, and names and units of the plans above.
ALIKE = {
    *("label", "labels", "plan", "pool", "pools", "budget", "name", "training", "position", "status", "exponent", "an"),
    *("in", "am", "so", "was", "die", "also", "hat", "will", "version", "optimal", "september", "november", "april"),
    *("alternative", "band", "budgets", "cent", "element", "form", "optimum", "plans", "rest", "system"),
}


def leaves(texts: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in texts.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield path + key, value


def facts(text: object) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", str(text).replace("{N}", "{n}")))


def test_every_text_stands_in_every_language_with_the_same_facts() -> None:
    english, german = dict(leaves(EN.texts)), dict(leaves(DE.texts))
    assert list(english) == list(german)
    assert {key for key in english if facts(english[key]) != facts(german[key])} == set()
    assert {key for key in english if isinstance(english[key], list) and len(english[key]) != len(german[key])} <= {
        "numbers.words"
    }


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    paths = [*sorted(OURS.rglob("*.py")), *sorted((OURS.parent / "templates").glob("*.j2"))]
    source = "\n".join(path.read_text(encoding="utf-8") for path in paths).replace('" ~ ', '{}" ~ ')
    found = re.findall(r"[\"']([a-z_]+(?:\.[A-Za-z_{}]+)+)[\"']", re.sub(r"\{'[^}]*\}", "{}", source))
    asked = [key for key in found if key.split(".")[0] in EN.texts and not key.endswith((".html", ".pdf"))]
    patterns = [re.compile(re.sub(r"\\{[^}]*}", r"[^.]+", re.escape(key))) for key in asked]
    keys = {re.sub(r"\.(zero|one|other)$", "", key) for key, _ in leaves(EN.texts)}
    groups = {key.rpartition(".")[0] for key in keys}
    there = [any(map(pattern.fullmatch, keys | groups)) for pattern in patterns]
    assert [key for key, known in zip(asked, there, strict=True) if not known] == []
    used = {key for key in keys for pattern in patterns if pattern.fullmatch(key)}
    whole = {group for group in groups for pattern in patterns if pattern.fullmatch(group)}
    assert {key for key in keys - used if key.rpartition(".")[0] not in whole} == set()


@pytest.mark.parametrize(
    ("tasks", "of_tasks", "pools", "of_pools", "said"),
    [
        (0, 4, 0, 1, "Es wird nichts gekauft"),
        (1, 1, 0, 0, "Die Aufgabe bekommt Labels"),
        (2, 2, 0, 0, "Beide Aufgaben bekommen Labels"),
        (1, 4, 0, 1, "Eine von vier Aufgaben bekommt Labels, kein gemeinsamer Pool"),
        (3, 4, 1, 1, "Drei von vier Aufgaben und der gemeinsame Pool bekommen Labels"),
        (4, 4, 1, 3, "Alle vier Aufgaben und einer von drei gemeinsamen Pools bekommen Labels"),
        (0, 4, 1, 1, "Nur der gemeinsame Pool bekommt Labels"),
        (0, 4, 2, 2, "Nur beide gemeinsamen Pools bekommen Labels"),
        (40, 40, 0, 0, "Alle 40 Aufgaben bekommen Labels"),
    ],
)
def test_german_names_who_gets_labels(tasks: int, of_tasks: int, pools: int, of_pools: int, said: str) -> None:
    assert decision.allocation_headline(DE, tasks, of_tasks, pools, of_pools) == said


@pytest.mark.parametrize(
    ("count", "stops", "said"),
    [
        (0, 0, "Nichts davon braucht die Entscheidung eines Menschen"),
        (1, 0, "Ein Befund, der vor der Unterschrift anzusehen ist"),
        (2, 0, "Zwei Befunde, die vor der Unterschrift anzusehen sind"),
        (1, 1, "Ein Befund, der vor jeder Unterschrift zu entscheiden ist"),
        (2, 2, "Zwei Befunde, die vor jeder Unterschrift zu entscheiden sind"),
        (13, 3, "13 Befunde für einen Menschen, drei davon vor jeder Unterschrift"),
    ],
)
def test_german_counts_findings(count: int, stops: int, said: str) -> None:
    assert decision.findings_headline(DE, count, stops) == said


def test_german_says_where_the_money_goes() -> None:
    def said(pools: float, tasks: float, kinds: int = 1, cheapest: bool = False) -> str:
        return decision.purchase(DE, ("5 €", "2 €", "3 €"), (pools, tasks), kinds, cheapest)

    assert said(0, 0) == "Nichts kaufen."
    assert said(0, 0, cheapest=True) == "Nichts kaufen: Jedes Ziel wird mit den vorhandenen Labels erreicht."
    assert said(1, 1) == "5 € ausgeben: 2 € für gemeinsame Labels und 3 € für die eigenen Labels der Aufgaben."
    assert said(1, 0) == "5 € ausgeben: alles für gemeinsame Labels."
    assert said(0, 1).endswith("alles für die eigenen Labels der Aufgaben, nichts für gemeinsame.")
    assert said(0, 1, kinds=0) == "5 € ausgeben: alles für die eigenen Labels der Aufgaben."
    assert said(1, 0, cheapest=True).startswith("5 € ausgeben, das Wenigste, womit jedes Ziel erreicht wird: alles")


@pytest.mark.parametrize(
    ("gain", "start"),
    [
        ((3.0, 1e-9, 6.0), "Das ist 3,0 Punkte besser als die gleichmäßige Aufteilung"),
        ((3.0, 0.0, 6.0), "Gegen die gleichmäßige Aufteilung liegt der Plan 3,0 Punkte vorn, das ist innerhalb"),
        ((-1.0, -2.0, 0.0), "Gegen die gleichmäßige Aufteilung liegt der Plan 3,0 Punkte zurück, das ist innerhalb"),
        ((-1.0, -2.0, -1e-9), "Die gleichmäßige Aufteilung schneidet voraussichtlich 3,0 Punkte besser ab"),
        ((0.0, 0.0, 0.0), "Die gleichmäßige Aufteilung bringt voraussichtlich dasselbe."),
    ],
)
def test_german_calls_a_difference_one_only_beyond_the_noise(gain: tuple[float, float, float], start: str) -> None:
    rival = DE("verdict.even_split")
    said = decision.advantage(DE, rival, "3,0 Punkte", "90-%-Bereich a bis b", "97 %", gain)
    assert said.startswith(start)


@pytest.mark.parametrize(
    ("inside", "total", "said"),
    [
        (0, 0, "Kein Pilotlauf wurde zurückgehalten"),
        (1, 1, "Er fiel in seinen 90-%-Bereich."),
        (0, 1, "Er fiel nicht in seinen 90-%-Bereich."),
        (0, 4, "Keiner fiel in seinen"),
        (1, 4, "Vier der größten Pilotläufe wurden verdeckt und aus den kleineren vorhergesagt: Einer fiel in seinen"),
        (3, 4, "Drei fielen in ihren"),
    ],
)
def test_german_says_how_often_the_range_held(inside: int, total: int, said: str) -> None:
    assert said in outlook.backtest_sentence(DE, inside, total, "90")


@pytest.mark.parametrize(("say", "zero", "one", "many"), [
    (EN, "None of three", "One finding", "13 findings"),
    (DE, "Keine der drei", "Ein Befund", "13 Befunde"),
])  # fmt: skip
def test_none_one_and_many_read_like_the_language(say: Language, zero: str, one: str, many: str) -> None:
    assert decision.alternatives_headline(say, 0, 3).startswith(zero)
    assert not re.search(r"\beins\b", decision.alternatives_headline(say, 1, 3))
    assert decision.findings_headline(say, 1, 0).startswith(one)
    assert decision.findings_headline(say, 13, 0).startswith(many)


def counted() -> Iterator[str]:
    """The keys of all texts that have forms."""
    return (key.removesuffix(".other") for key, _ in leaves(EN.texts) if key.endswith(".other"))


@pytest.mark.parametrize("say", [EN, DE], ids=LANGUAGES)
@pytest.mark.parametrize("key", [*counted()])
def test_every_counted_text_has_a_form_of_its_own_for_one_and_shows_the_number_of_many(say: Language, key: str) -> None:
    text = say.part(key)
    given = dict.fromkeys(facts(text) - {"n"}, "x")
    one, many = say(key, 1, **given), say(key, 13, **given)
    assert one != many
    assert not re.search(r"\beins\b|\b1\b", one)  # `eine`, `ein`, never the bare number
    assert ("13" in many) == bool({"{n}", "{N}"} & set(re.findall(r"\{[nN]\}", text["other"])))


def test_numbers_and_dates_are_written_the_german_way() -> None:
    n = Numbers("EUR", DE)
    assert n.money(1234567.5) == "1.234.567,50\u00a0EUR"
    assert Numbers("€", DE).money(-12) == "−12\u00a0€"
    assert n.percent(0.1666, 1) == "16,7\u00a0%"
    assert n.probability(1.0) == "über 99\u00a0%"
    assert n.signed(-1234.5, 1) == "−1.234,5"
    assert n.compact(200000) == "200\u00a0Tsd."
    assert n.times(6.23) == "6,2-mal"
    assert DE.moment("2026-03-01T06:08:42Z") == "1. März 2026, 06:08 UTC"


@cache
def page(name: str, language: str) -> str:
    return render(PLANS[name](), language=language)


def words(text: str) -> set[str]:
    """Words of a page: text, and what a screen reader hears."""
    found, whole = set(), text.replace("<!DOCTYPE html>", "").replace("\u00ad", "")  # without places to break a word
    for element in ElementTree.fromstring(whole.strip()).iter():
        if element.tag.rpartition("}")[2] not in ("script", "style"):
            heard = [element.get(key, "") for key in ("aria-label", "title", "data-label", "alt", "aria-valuetext")]
            found |= set(re.findall(r"[^\W\d_]{2,}", " ".join([element.text or "", *heard]).lower()))
        found |= set(re.findall(r"[^\W\d_]{2,}", (element.tail or "").lower()))
    return found


def from_outside(plan: Plan) -> set[str]:
    """Words of names, units, laws, versions and the command: no language's."""
    names = [name_of(name) for name in (*plan.pools, *plan.tasks)]
    lines = [
        *(name.whole for name in names),
        *(name.short for name in names),
        *(line.metric for line in plan.tasks.values()),
        plan.currency,
        plan.title,
    ]
    source = plan.provenance
    lines += [*source.versions, source.command, source.brief_sha256, source.measurements_sha256, *LAWS, "labelbudget"]
    lines += [
        plan.certificate.solver,
        *source.versions.values(),
        "UTC SHA",
        *plan.notes,
        *(x.text for x in plan.limits),
    ]
    lines += [plan.unspent_reason] if "<" in plan.unspent_reason else []
    return set(re.findall(r"[^\W\d_]{2,}", " ".join(lines).lower()))


@pytest.mark.parametrize("name", PLANS)
def test_no_english_word_is_left_on_the_german_page(name: str) -> None:
    german, english = page(name, "de"), page(name, "en")
    assert '<html lang="de"' in german
    assert "eins" not in words(german)  # the bare number, where a noun needs `ein` or `eine`
    assert words(german) & words(english) - ALIKE - from_outside(PLANS[name]()) == set()


@pytest.mark.parametrize("name", ["one", "four", "hostile"])
def test_no_english_word_is_left_in_the_other_german_formats(name: str) -> None:
    plan = PLANS[name]()
    german, english = (set(re.findall(r"[^\W\d_]{3,}", to_markdown(plan, code).lower())) for code in ("de", "en"))
    assert german & english - ALIKE - from_outside(plan) == set()
    for german_chart, english_chart in zip(to_svg(plan, "de").values(), to_svg(plan, "en").values(), strict=True):
        both = words(german_chart) & words(english_chart)
        assert both - ALIKE - from_outside(plan) == set()


def spoken(module: Any, call: str) -> Iterator[str]:
    """What a module of the plan says in calls of this name: texts with every fact replaced by a number."""
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == call:
            yield from (text for argument in node.args if " " in (text := said(argument)))


def said(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join("7" if isinstance(part, ast.FormattedValue) else said(part) for part in node.values)
    return ""


def test_every_reason_that_the_fit_can_give_has_german_words() -> None:
    reasons = [*spoken(budget.fitting.trust, "Trust")]
    assert len(reasons) > 20
    assert [text for text in reasons if DE.translated(text) == text] == []
    dip = "the score falls with more labels near 1,234 labels; only 2 pilot sizes."
    assert (
        DE.translated(dip) == "das Ergebnis fällt bei etwa 1.234 Labels, obwohl es steigen sollte; nur 2 Pilotgrößen."
    )


def test_every_reason_why_a_brief_cannot_be_met_has_german_words() -> None:
    said = {
        "what is asked for costs 7200.5, the budget is 60: min_labels 1000 of cars; the target 0.9 of b": (
            "was verlangt wird, kostet 7200,5, das Budget ist 60: min_labels 1000 von cars; das Ziel 0,9 von b"
        ),
        "these limits cannot hold: a.cost <= 3": "diese Grenze ist nicht einzuhalten: a.cost <= 3",
        "these limits contradict each other: a.cost <= 3; the budget 10": (
            "diese Grenzen widersprechen einander: a.cost <= 3; das Budget 10"
        ),
        "the target 0.99 of cars with probability 0.9 is out of reach; 0.86 is all that 2999.85 buys": (
            "das Ziel 0,99 von cars mit Wahrscheinlichkeit 0,9 ist unerreichbar; 0,86 ist alles, was 2999,85 kaufen"
        ),
        "the target 0.99 of cars is out of reach within these limits: annotator hours <= 4; 0.86 is the most": (
            "das Ziel 0,99 von cars ist innerhalb dieser Grenzen unerreichbar: Annotationsstunden <= 4; "
            "0,86 ist das Höchste"
        ),
        "move one: set hours to 4001.5, or raise the budget to 7200": (
            "eine davon ändern: hours auf 4001,5 setzen, oder das Budget auf 7200 erhöhen"
        ),
        "move one: write a.buy <= 5 for a.buy <= 3, or set max_labels of a to 5": (
            "eine davon ändern: a.buy <= 5 schreiben statt a.buy <= 3, oder max_labels von a auf 5 setzen"
        ),
        "set the target of cars to 0.8": "das Ziel von cars auf 0,8 setzen",
        "not all of this is proved: 3 programs were stopped after 20 seconds, so that there may be a plan after all": (
            "nicht alles davon ist bewiesen: 3 Programme wurden nach 20 Sekunden abgebrochen, sodass es doch einen "
            "Plan geben kann"
        ),
    }
    assert {words: DE.translated(words) for words in said} == said
    spoken_of = [*spoken(budget.allocation.audit, "Shortfall")]
    assert spoken_of
    assert [text for text in spoken_of if DE.translated(text) == text] == []


def test_the_program_that_was_solved_and_the_reason_for_it_have_german_words() -> None:
    both = f"{optimum.TANGENT}, then {optimum.CHOICES}"
    forms = [optimum.TANGENT, optimum.CHOICES, optimum.CUTS, optimum.LOOKED_UP, optimum.KNOWN, both]
    reasons = [optimum.ONE_PRICE, "the score of cars bends up along its labels, by 0.012 of its range at most"]
    for words in [*forms, f"{optimum.CHOICES}, over 12 boxes of pools", *reasons, optimum.GAP]:
        assert DE.translated(words) != words
    asked = "the brief has set-up costs, tiers, least orders, targets, the goal cheapest"
    assert DE.translated(f"{optimum.CHOICES}; {asked}") == (
        "Programm über ganze Entscheidungen; "
        "in den Vorgaben: Einrichtungskosten, Preisstaffeln, Mindestbestellungen, Ziele, das Ziel cheapest"
    )


def test_words_that_are_not_known_stay_as_they_are() -> None:
    assert DE.translated("a reason of tomorrow; lot sizes") == "a reason of tomorrow; Losgrößen"
    assert EN.translated("lot sizes; anything.") == "lot sizes; anything."


def test_a_refused_brief_is_refused_in_german_too() -> None:
    error = CannotBeMet(
        (
            Shortfall(
                "what is asked for costs 7200.5, the budget is 60: the target 0.9 of a", "raise the budget to 7200.5"
            ),
        )
    )
    refusal = render_refusal(error, "", "de")
    assert "Diese Vorgaben lassen sich nicht erfüllen, aus einem Grund." in refusal
    assert "Was verlangt wird, kostet 7200,5, das Budget ist 60: das Ziel 0,9 von a." in refusal
    assert "Das Budget auf 7200,5 erhöhen." in refusal


def test_the_command_writes_german_by_option_or_environment(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(PLANS["one"]().to_json(), encoding="utf-8")
    assert CliRunner().invoke(main, ["report", str(plan), "--language", "de"]).exit_code == 0
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert written == page("one", "de")
    shown = CliRunner().invoke(
        main, ["report", str(plan), "--format", "md", "-o", "-"], env={"LABELBUDGET_LANGUAGE": "de"}
    )
    assert "Zu erwarten: accuracy" in shown.stdout
    refused = CliRunner().invoke(main, ["report", str(plan), "--language", "fr"])
    assert refused.exit_code == 2
    assert all(code in refused.stderr for code in LANGUAGES)

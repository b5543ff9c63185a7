"""Formats the figures as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from bench.model import Figure, Section, Table

INTRODUCTION = """\
# Performance

Written by `make bench`; do not edit. Figures are ratios between sides that were measured alternately in one run,
each with the median, minimum and maximum of its repetitions. On another machine the times differ, and to a smaller
extent the ratios. Targets apply to the median, or to the worst value where that is stated. The file is in the page
cache for all sides.
"""


def page(
    sections: Sequence[Section],
    machine: Mapping[str, str],
    versions: Mapping[str, str],
    volume: str,
    reasons: Mapping[str, str],
    quick: bool,
    introduction: str = INTRODUCTION,
) -> str:
    """The page; `reasons` explains missed targets by section key. Without a `volume` none is described."""
    parts = [introduction]
    if quick:
        parts.append("**A quick run**: few repetitions and small volumes, not to be quoted.\n")
    if volume:
        parts.append(f"The reference volume: {volume}.\n")
    parts.append(_facts("Machine", machine))
    parts.append(_facts("Versions", versions))
    parts.append("## Targets\n")
    parts.append(_summary(sections))
    parts.append("## Missed targets\n")
    parts.append(_missed(sections, reasons))
    for section in sections:
        parts.append(f"## {section.title}\n")
        parts.append(section.method + "\n")
        if section.figures:
            parts.append(_figures(section.figures))
        parts.extend(_table(table) for table in section.tables)
        if section.remarks:
            parts.append(
                "\n".join(f"- {remark}" for remark in dict.fromkeys(section.remarks)) + "\n"
            )
    return "\n".join(parts)


def number(value: float) -> str:
    """A number with three significant digits, without an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"


def _summary(sections: Sequence[Section]) -> str:
    rows = [
        [
            f"{section.title}: {figure.what}{_worst(figure)}",
            _mark(figure.floor, figure.unit),
            _mark(figure.aim, figure.unit),
            _value(figure),
            figure.verdict,
        ]
        for section in sections
        for figure in section.figures
        if figure.floor is not None
    ]
    return _rows(("figure", "floor", "aim", "median (least … greatest, n)", ""), rows)


def _figures(figures: Sequence[Figure]) -> str:
    rows = [
        [
            figure.what + _worst(figure),
            _value(figure),
        ]
        for figure in figures
    ]
    return _rows(("", "median (least … greatest, n)"), rows)


def _worst(figure: Figure) -> str:
    return " (the worst counts)" if figure.judge == "worst" else ""


def _value(figure: Figure) -> str:
    if not figure.values:
        return "–"
    median_text = f"{number(median(figure.values))} {figure.unit}"
    if len(figure.values) == 1:
        return f"{median_text} (1)"
    low, high = number(min(figure.values)), number(max(figure.values))
    return f"{median_text} ({low} … {high}, {len(figure.values)})"


def _mark(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:g} {unit}"


def _missed(sections: Sequence[Section], reasons: Mapping[str, str]) -> str:
    lines = []
    for section in sections:
        missed = [figure.what for figure in section.figures if figure.missed]
        if missed:
            reason = reasons.get(section.key, "Not explained yet.")
            lines.append(f"- **{section.title}** ({'; '.join(missed)}): {reason}")
    return "\n".join(lines or ["Every floor is reached."]) + "\n"


def _facts(title: str, facts: Mapping[str, str]) -> str:
    return f"{title}: " + " · ".join(f"{name} {value}" for name, value in facts.items()) + "\n"


def _table(table: Table) -> str:
    return (f"### {table.title}\n\n" if table.title else "") + _rows(table.headings, table.rows)


def _rows(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(headings), "|" + "---|" * len(headings), *(_line(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

"""HTML pages of one file: no request, no script, every name escaped."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# A longer table folds the rest.
MOST_ROWS = 20


def render(template: str, **values: Any) -> str:
    """A page from a template beside this module; equal values give equal bytes."""
    environment = Environment(
        loader=PackageLoader("factory_core.evaluate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _grouped
    return environment.get_template(template).render(most_rows=MOST_ROWS, **values)


def _grouped(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}")


def as_text(value: float | None, *, ratio: bool, signed: bool = False) -> str:
    """A number as people read it; empty for None.

    Args:
        value: The number.
        ratio: Of samples, shown with three decimals; else a count or a rate, shown whole where it
            is whole or large.
        signed: Show the sign of positive ones too.
    """
    if value is None:
        return ""
    sign = "+" if signed else ""
    if abs(value) >= 100 or not (ratio or value % 1):
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.3f}" if ratio else f"{value:{sign}.3g}"

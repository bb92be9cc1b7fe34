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


def as_text(value: float | None, *, whole: bool, signed: bool = False) -> str:
    """A number as people read it: counts whole, ratios with three decimals; empty for None."""
    if value is None:
        return ""
    sign = "+" if signed else ""
    if whole or abs(value) >= 1000:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.1f}"

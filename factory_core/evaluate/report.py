"""The report of a split: one HTML file that needs nothing beside itself."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

JPEG_QUALITY = 86
SCREEN_DPI = 96
HEADLINE = {
    "f1": ("F1", "harmonic mean of precision and recall"),
    "precision": ("Precision", "share of the detections that are right"),
    "recall": ("Recall", "share of the labels that were found"),
    "ap50": (
        "AP50",
        "mean precision over all recalls at an overlap of 0.50, without a limit of detections",
    ),
    "ap50_95": ("AP50:95", "the same, over the overlaps 0.50 to 0.95, without a limit"),
    "pixel_iou": ("Pixel IoU", "pixels of both detections and labels, over pixels of either"),
}


@dataclass(frozen=True)
class Picture:
    """An image of the report.

    Attributes:
        title: What it shows.
        image: Address of its bytes, `data:...`.
        width_px: Width at which its letters are as large as the text of the page.
    """

    title: str
    image: str
    width_px: int


def render_report(
    *,
    detector: str,
    split: str,
    metrics: dict[str, Any],
    ranges: dict[str, dict[str, str]],
    charts: dict[str, bytes | None],
    places: Sequence[Picture],
    scenes: Sequence[Picture],
) -> str:
    """The report as HTML; equal inputs give equal bytes.

    Args:
        detector: Name of the detector.
        split: `val` or `test`.
        metrics: Of `metrics.measure`.
        ranges: For each context, name of a slice -> the values in it.
        charts: PNG of `precision_recall`, `confusion` and `training`; None where there is none.
        places: Pictures of the worst places.
        scenes: Pictures of whole scenes, the worst first.
    """
    environment = Environment(
        loader=PackageLoader("factory_core.evaluate", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ratio": _ratio, "percent": _percent, "number": _number}
    return environment.get_template("report.html.jinja").render(
        detector=detector,
        split=split,
        metrics=metrics,
        headline={key: texts for key, texts in HEADLINE.items() if key in metrics},
        ranges=ranges,
        charts={name: chart and _chart(chart, title=name) for name, chart in charts.items()},
        places=places,
        scenes=scenes,
    )


def _chart(png: bytes, *, title: str) -> Picture:
    with Image.open(BytesIO(png)) as image:
        width_px = round(image.width * SCREEN_DPI / image.info["dpi"][0])
    return Picture(title, f"data:image/png;base64,{b64encode(png).decode()}", width_px)


def photo(path: Path, *, title: str) -> Picture:
    """A picture to stand in the HTML itself, as JPEG: a fifth of its PNG."""
    file = BytesIO()
    with Image.open(path) as image:
        image.save(file, format="JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
        width_px = image.width
    return Picture(title, f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}", width_px)


def _ratio(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{THIN SPACE}")

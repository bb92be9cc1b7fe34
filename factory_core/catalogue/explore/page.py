"""The page: what a catalogue holds, as one HTML file that needs nothing beside itself."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from factory_core.catalogue.explore.findings import find_imbalances
from factory_core.catalogue.explore.maps import draw_maps, legend
from factory_core.catalogue.explore.pictures import draw_scenes
from factory_core.catalogue.explore.read import Collection, read_collection
from factory_core.catalogue.explore.tables import cross_contexts, describe_contexts, list_classes
from factory_core.catalogue.explore.words import listed, number, percent, title
from factory_core.kernel import io


def write_page(catalogue: Path, *, out: Path, raw: Path | None = None) -> None:
    """Write the page of a catalogue; equal catalogues give equal bytes.

    Args:
        catalogue: What the stage catalogue wrote.
        out: HTML file to write.
        raw: The raw data, for pictures of the scenes.

    Raises:
        OutputError: A table is missing, damaged or of an older make.
        SceneError: A scene is not under `raw`, or damaged.
    """
    text = render_page(read_collection(catalogue), name=_name(catalogue), raw=raw)
    with io.staged_file(out) as work:
        work.write_text(text, encoding="utf-8")


def _name(catalogue: Path) -> str:
    """Of the folder that holds the catalogue, or the repository, where that says no more."""
    names = [part for part in catalogue.resolve().parts if part not in ("data", "catalogue", "/")]
    return names[-1] if names else "Catalogue"


def render_page(collection: Collection, *, name: str, raw: Path | None) -> str:
    """The page as HTML.

    Args:
        collection: What to show.
        name: Of the collection.
        raw: The raw data, for pictures of the scenes.
    """
    environment = Environment(
        loader=PackageLoader("factory_core.catalogue.explore", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "measure": _measure}
    scenes = collection.scenes
    overview, places = draw_maps(scenes)
    unknown = [title(c) for c in collection.contexts if scenes[c].isna().all()]
    return environment.get_template("explore.html.jinja").render(
        name=name,
        scenes=len(scenes),
        labels=len(collection.labels),
        classes=collection.labels["leaf"].nunique(),
        area_km2=float(scenes["area_km2"].sum()),
        when=_period(collection),
        gsd=_span(scenes["gsd"].min(), scenes["gsd"].max()),
        findings=find_imbalances(collection),
        overview=overview,
        places=places,
        legend=legend(scenes),
        class_rows=list_classes(collection),
        contexts=describe_contexts(collection),
        unknown=listed(unknown, most=20) if unknown else "",
        crossed=cross_contexts(collection),
        pictures=draw_scenes(scenes, raw=raw) if raw else [],
    )


def _period(collection: Collection) -> str:
    known = collection.scenes["taken"].dropna()
    if known.empty:
        return ""
    first, last = f"{known.min():%B %Y}", f"{known.max():%B %Y}"
    return first if first == last else f"{first} to {last}"


def _span(low: float, high: float) -> str:
    first, last = f"{low:.2g}", f"{high:.2g}"
    return first if first == last else f"{first} to {last}"


def _measure(value: float | None) -> str:
    if value is None:
        return "\N{EN DASH}"
    return number(value) if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"

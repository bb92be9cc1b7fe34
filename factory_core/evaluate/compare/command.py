"""`factory compare`: two versions of a detector, each as it was committed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import OmegaConf

from factory_core.evaluate.compare.differences import Difference, by_importance, differences
from factory_core.evaluate.compare.findings import Findings, told
from factory_core.evaluate.compare.objects import Change, as_one, count_by_class, find_changes
from factory_core.evaluate.compare.page import render_comparison
from factory_core.evaluate.compare.places import draw_side_by_side, places_that_differ
from factory_core.evaluate.compare.verdict import changed_parameters, judge
from factory_core.evaluate.compare.versions import Pair, bring_score_maps, gather
from factory_core.evaluate.contexts import read_contexts
from factory_core.evaluate.metric import LEAST_SCENES, Metric, draw_weights
from factory_core.evaluate.metrics import cut_by_context, edges_of
from factory_core.evaluate.results import Results
from factory_core.evaluate.scenes import read_scenes
from factory_core.evaluate.settings import Settings
from factory_core.kernel import config as configuration
from factory_core.kernel import io
from factory_core.kernel.compute import progress
from factory_core.kernel.errors import ConfigError, TaxonomyError
from factory_core.kernel.revisions import Revision, Workspace, open_revision

SPLITS = ("val", "test")
# Where it was computed changes nothing, both are evaluated by the settings of the second, and
# every release of the factory has other fingerprints.
OF_NO_MATTER = ("compute", "evaluate", "fingerprint")


def compare(
    first: str,
    second: str | None,
    *,
    split: str = "test",
    by: str | None = None,
    root: Path = Path(),
    out: Path | None = None,
    objects: Path | None = None,
    as_json: bool = False,
) -> None:
    """Compare two versions on the scenes that are in a split of both, and print what comes out.

    Args:
        first: Revision or experiment.
        second: The same, the newer one, whose labels and settings count; None is the workspace.
        split: `val` or `test`.
        by: Name of the number that decides; None is the first of the headline.
        root: Root of the repository.
        out: HTML file to write.
        objects: File for the objects that came out otherwise: .parquet, .geojson or .gpkg.
        as_json: Print JSON.
    """
    from rich.console import Console

    if split not in SPLITS:
        raise ConfigError(f"`--split` is val or test. Received: {split!r}.")
    versions = (open_revision(root, first), open_revision(root, second))
    with tempfile.TemporaryDirectory() as folder:
        pair = gather(*versions, split=split, folder=Path(folder))
        found, changes = measure(pair, versions, split=split, by=by)
        if objects is not None:
            io.write_vectors(as_one(changes), objects)
        if out is not None:
            _write_page(found, changes, pair, out=out)
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    console = Console()
    for line in told(found):
        console.print(line)
    for file in (out, objects):
        if file is not None:
            console.print(f"{file} is written.")


def measure(
    pair: Pair,
    versions: tuple[Workspace | Revision, Workspace | Revision],
    *,
    split: str,
    by: str | None = None,
) -> tuple[Findings, list[Change]]:
    """Measure two versions alike, and find where they differ."""
    settings: Settings = configuration.section(pair.config, "evaluate", Settings)
    metrics: list[Metric] = configuration.build_chain(
        pair.config.evaluate.metrics, where="evaluate.metrics"
    )
    if any(metric.reads == "score_map" for metric in metrics):
        bring_score_maps(pair, *versions, split=split)
    first, second = _results(pair, settings, split=split)
    found = by_importance(list(_differences(metrics, first, second, pair, settings)))
    changes = find_changes(first, second)
    counts = count_by_class(changes, classes=second.taxonomy.names)
    parameters = [
        row
        for row in changed_parameters(
            *(OmegaConf.to_container(params, resolve=True) for params in pair.params)  # type: ignore[arg-type]
        )
        if row[0].partition(".")[0] not in OF_NO_MATTER
    ]
    findings = Findings(
        detector=str(pair.config.detector),
        names=pair.names,
        split=split,
        scenes=list(pair.areas),
        left_out=pair.left_out,
        area_km2=pair.area_km2,
        verdict=judge(found, names=pair.names, by=by, objects=counts),
        differences=found,
        objects=counts,
        parameters=parameters,
        iou=settings.iou,
        draws=settings.draws,
        warnings=_warnings(pair, second, split=split),
    )
    return findings, changes


def _results(pair: Pair, settings: Settings, *, split: str) -> tuple[Results, Results]:
    """The results of both versions; the labels are read once."""
    taxonomy = configuration.taxonomy(pair.config)
    scenes = read_scenes(
        detections=pair.folder / "second" / "detections.parquet",
        predictions=pair.folder / "second" / "predictions",
        scenes=pair.folder / "processed",
        catalogue=pair.folder / "catalogue",
        selection=pair.folder / "selection",
        split=split,
        taxonomy=taxonomy,
    )
    second = settings.results(
        scenes,
        taxonomy=taxonomy,
        compute=configuration.build(pair.config.compute, where="compute"),
    )
    try:
        first = second.detecting(dict(io.read_by_scene(pair.folder / "first/detections.parquet")))
    except TaxonomyError as error:
        raise TaxonomyError(
            f"{pair.names[0]} detects a class that {pair.names[1]} does not know: {error} Both are "
            f"measured by the taxonomy of {pair.names[1]}; name a version with the same classes."
        ) from error
    maps = pair.folder / "first" / "predictions"
    own = [
        replace(scene, score_map=scene.score_map and maps / scene.score_map.name)
        for scene in first.scenes
    ]
    return replace(first, scenes=own), second


def _differences(
    metrics: Sequence[Metric], first: Results, second: Results, pair: Pair, settings: Settings
) -> Iterator[Difference]:
    """Every number of every metric, then the headline of every slice by context."""
    weights = draw_weights(len(second.scenes), draws=settings.draws, seed=settings.seed)
    contexts = read_contexts(pair.config, pair.folder / "catalogue" / "scenes.parquet")
    edges = edges_of(contexts, shares=settings.context_edges)
    slices = list(cut_by_context(second, contexts, edges=edges))
    for metric in progress(metrics, label="compare"):
        tallies = metric(first), metric(second)
        yield from differences(
            *tallies, weights, gives=metric.gives, min_samples=settings.min_labels
        )
        for context, name, inside in slices if metric.sliced else ():
            for difference in differences(
                *tallies,
                weights * inside,
                gives=metric.gives,
                min_samples=settings.min_labels,
                context=f"{context.replace('_', ' ')}: {name}",
            ):
                if "/" not in difference.name:
                    yield difference


def _warnings(pair: Pair, results: Results, *, split: str) -> list[str]:
    """What to mind when reading the comparison."""
    warnings = []
    scenes = len(pair.areas)
    if scenes < LEAST_SCENES:
        warnings.append(
            f"Only {scenes} scene{'s' if scenes != 1 else ''} in common: an interval over fewer "
            f"than {LEAST_SCENES} says nothing, so none is given. Add test scenes."
        )
    if not len(results.labels):
        warnings.append("There is no label on this ground: only false detections can be compared.")
    common, *own = pair.area_km2
    for name, area in zip(pair.names, own, strict=True):
        if common < 0.8 * area:
            warnings.append(
                f"Only {common / area:.0%} of the ground of {split} in {name} is compared: the "
                "rest is not in that split of the other."
            )
    if pair.left_out:
        named = "; ".join(f"{name}: {why}" for name, why in list(pair.left_out.items())[:3])
        more = f"; and {len(pair.left_out) - 3} more" if len(pair.left_out) > 3 else ""
        warnings.append(f"{len(pair.left_out)} left out of the comparison: {named}{more}.")
    if split == "val":
        warnings.append(
            "These are scenes of val, on which running points are searched: what was tuned on "
            "them looks better than it is."
        )
    return warnings


def _write_page(found: Findings, changes: Sequence[Change], pair: Pair, *, out: Path) -> None:
    settings: Settings = configuration.section(pair.config, "evaluate", Settings)
    places = draw_side_by_side(
        places_that_differ(changes, size_px=settings.place_px, count=settings.places),
        names=pair.names,
        max_px=settings.picture_px,
        compute=configuration.build(pair.config.compute, where="compute"),
    )
    with io.staged_file(out) as work:
        work.write_text(render_comparison(found, places=places), encoding="utf-8")

"""Catalogues in files: what they may link to, how they are walked, what a validator says."""

import json
import shutil
from pathlib import Path

import pytest

from factory_core.kernel.errors import LabelError, SceneError
from factory_core.sources.annotations import Ledger
from factory_core.sources.formats.stac import Stac
from factory_core.sources.images import ImageFolder
from tests.contract.exchange import SHAPES, annotate, write_images
from tests.stac_server import serve_files

NO_IMAGES = ImageFolder(None)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A catalogue of five scenes with two labels on one of them."""
    folder = tmp_path_factory.mktemp("stac")
    images = ImageFolder(write_images(folder / "images"), resolution_m=0.5)
    rows = [{"label": name, "geometry": SHAPES["boxes"]} for name in ("car", "truck")]
    # With a dot, as in the name of a folder that is not finished.
    Stac().write(annotate(images, rows, on=["metres"]), folder / ".out.partial", ledger=Ledger())
    return (folder / ".out.partial").rename(folder / "out")


@pytest.fixture
def catalogue(written, tmp_path):
    """A copy of it to be broken."""
    return shutil.copytree(written, tmp_path / "catalogue")


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_writes_valid_stac(written):
    import pystac

    catalogue = pystac.Catalog.from_file(str(written / "catalog.json"))
    catalogue.validate_all()
    items = {item.id: item for item in catalogue.get_items(recursive=True)}
    labels = items["metres-labels"]
    assert labels.properties["label:classes"] == [{"name": "label", "classes": ["car", "truck"]}]
    (source,) = labels.get_links("source")
    assert source.resolve_stac_object(catalogue).target.id == "metres"
    # It can be moved: no file tells where it was written.
    assert not any(str(written) in path.read_text() for path in written.rglob("*.json"))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """pystac validates the core by schemas that it brings; extensions would be fetched."""
    from pystac.validation import stac_validator

    monkeypatch.setattr(
        stac_validator.JsonSchemaSTACValidator, "validate_extension", lambda *_, **__: None
    )


def test_goes_to_a_relative_path_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = ImageFolder(write_images(tmp_path / "images"), resolution_m=0.5)
    sent = annotate(images, [{"label": "car", "geometry": SHAPES["boxes"]}], on=["metres"])
    Stac().write(sent, Path("out"), ledger=Ledger())
    assert len(Stac().read(Path("out"), images=NO_IMAGES, ledger=Ledger())) == 1


def test_reads_a_lone_item_and_a_collection_of_items(written, tmp_path):
    item = written / "metres-labels" / "metres-labels.json"
    found = Stac(allow_outside=True).read(item, images=NO_IMAGES, ledger=Ledger())
    assert list(found.labels) == ["metres"]
    paths = [written / name / f"{name}.json" for name in ("metres", "degrees")]
    features = [json.loads(path.read_text()) for path in paths]
    for feature in features:
        name = feature["id"]
        feature["assets"]["image"]["href"] = f"./{name}/{name}.tif"
    together = written / "items.json"
    together.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    found = Stac().read(together, images=NO_IMAGES, ledger=Ledger())
    together.unlink()
    assert sorted(found.images) == ["degrees", "metres"]


def test_a_link_out_of_the_folder_is_refused_unless_allowed(catalogue, tmp_path):
    outside = tmp_path / "outside.tif"
    shutil.copy(catalogue / "metres" / "metres.tif", outside)
    item = catalogue / "metres" / "metres.json"
    edit(item, lambda each: each["assets"]["image"].update(href="../../outside.tif"))
    with pytest.raises(LabelError, match=r"item 'metres'.*outside\.tif.*allow_outside=true"):
        Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())
    found = Stac(allow_outside=True).read(catalogue, images=NO_IMAGES, ledger=Ledger())
    assert found.images["metres"].path.resolve() == outside.resolve()
    ledger = Ledger(keep_going=True)
    found = Stac().read(catalogue, images=NO_IMAGES, ledger=ledger)
    assert "metres" not in found.images
    assert sorted(each.record for each in ledger.problems) == [
        "item 'metres'",
        "item 'metres-labels'",
    ]


def test_a_symbolic_link_out_of_the_folder_is_refused(catalogue, tmp_path):
    scene = catalogue / "metres" / "metres.tif"
    scene.rename(tmp_path / "elsewhere.tif")
    scene.symlink_to(tmp_path / "elsewhere.tif")
    with pytest.raises(LabelError, match="allow_outside"):
        Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())


@pytest.mark.parametrize(
    "href",
    [
        pytest.param("file:///etc/passwd", id="file address"),
        pytest.param("/etc/passwd", id="absolute path"),
        pytest.param("../../../../../../../etc/passwd", id="climbing"),
        pytest.param("%2e%2e/%2e%2e/%2e%2e/etc/passwd", id="climbing in disguise"),
        pytest.param("s3://bucket/scene.tif", id="another scheme"),
    ],
)
@pytest.mark.parametrize("where", ["asset", "child", "source"])
def test_links_do_not_lead_to_secrets(catalogue, href, where):
    if where == "asset":
        path = catalogue / "metres" / "metres.json"
        edit(path, lambda each: each["assets"]["image"].update(href=href))
    elif where == "child":
        path = catalogue / "catalog.json"
        edit(path, lambda each: each["links"].append({"rel": "child", "href": href}))
    else:
        path = catalogue / "metres-labels" / "metres-labels.json"
        edit(path, lambda each: _source(each).update(href=href))
    with pytest.raises((LabelError, SceneError), match=r"link|no file") as raised:
        Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())
    assert "root:" not in str(raised.value)


def _source(item):
    return next(link for link in item["links"] if link["rel"] == "source")


def test_a_link_to_the_network_is_refused_unless_allowed(catalogue, tmp_path):
    with serve_files(catalogue / "metres") as (url, asked):
        item = catalogue / "metres" / "metres.json"
        edit(item, lambda each: each["assets"]["image"].update(href=f"{url}/metres.tif"))
        with pytest.raises(LabelError, match=r"item 'metres'.*network.*allow_http=true"):
            Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())
        assert not asked
        images = ImageFolder(None, fetched=tmp_path / "fetched")
        found = Stac(allow_http=True).read(catalogue, images=images, ledger=Ledger())
        assert asked == ["metres.tif"]
    assert found.images["metres"].path.is_relative_to(tmp_path / "fetched")


def test_reads_a_catalogue_on_a_server(catalogue, tmp_path):
    with serve_files(catalogue) as (url, _):
        images = ImageFolder(None, fetched=tmp_path / "fetched")
        found = Stac().read(f"{url}/catalog.json", images=images, ledger=Ledger())
        assert (len(found.images), len(found)) == (5, 2)
        item = catalogue / "metres" / "metres.json"
        edit(item, lambda each: each["assets"]["image"].update(href="http://127.0.0.1:9/x.tif"))
        with pytest.raises(LabelError, match="allow_http"):
            Stac().read(f"{url}/catalog.json", images=images, ledger=Ledger())


def test_a_circle_of_links_is_refused_and_left(catalogue):
    child = {"type": "Catalog", "id": "child", "stac_version": "1.1.0", "description": "-"}
    child["links"] = [{"rel": "child", "href": "../catalog.json"}]
    (catalogue / "child").mkdir()
    (catalogue / "child" / "catalog.json").write_text(json.dumps(child))
    edit(
        catalogue / "catalog.json",
        lambda each: each["links"].append({"rel": "child", "href": "./child/catalog.json"}),
    )
    with pytest.raises(LabelError, match=r"child/catalog\.json, link child.*circle"):
        Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())
    ledger = Ledger(keep_going=True)
    assert len(Stac().read(catalogue, images=NO_IMAGES, ledger=ledger).images) == 5
    assert len(ledger.problems) == 1


def spoil(path, change):
    return lambda catalogue: edit(catalogue / path, change)


LABELS = "metres-labels/metres-labels.json"


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        pytest.param(
            spoil("metres/metres.json", lambda each: each.update(id="../metres")),
            r"'\.\./metres' cannot be a file name",
            id="an id that climbs",
        ),
        pytest.param(
            spoil("metres/metres.json", lambda each: each["assets"].clear()),
            "which asset is the scene",
            id="no asset",
        ),
        pytest.param(
            spoil(
                "metres/metres.json", lambda each: each["assets"]["image"].update({"file:size": 5})
            ),
            r"catalogue says 5 \(`file:size`\)",
            id="another size",
        ),
        pytest.param(
            lambda catalogue: (catalogue / "metres" / "metres.tif").write_bytes(b"II*\0"),
            "metres.tif has 4 bytes",
            id="a scene cut off",
        ),
        pytest.param(
            lambda catalogue: (catalogue / "metres" / "metres.tif").unlink(),
            "no file .*metres.tif",
            id="a scene that is not there",
        ),
        pytest.param(
            spoil(LABELS, lambda each: each["properties"].update({"label:type": "raster"})),
            "type 'raster'.*polygons",
            id="labels as a raster",
        ),
        pytest.param(
            spoil(
                LABELS, lambda each: each["properties"]["label:classes"][0].update(classes=["cart"])
            ),
            r"the class '\w+' is not among `label:classes` \(cart\)",
            id="a class that is not listed",
        ),
        pytest.param(
            spoil(LABELS, lambda each: each["properties"].update({"label:properties": ["a", "b"]})),
            "which property holds the class.*class_property",
            id="two properties",
        ),
        pytest.param(
            spoil("metres/metres.json", lambda each: each.update(type="Featur")),
            "metres.json.*no STAC",
            id="another type",
        ),
        pytest.param(
            lambda catalogue: (catalogue / "catalog.json").write_text("<html></html>"),
            "catalog.json, line 1: not JSON",
            id="a web page",
        ),
    ],
)
def test_broken_catalogues_are_refused(catalogue, break_it, message):
    break_it(catalogue)
    with pytest.raises((LabelError, SceneError), match=message):
        Stac().read(catalogue, images=NO_IMAGES, ledger=Ledger())

"""When and from where: each kind of sidecar, and what is refused."""

import json
from datetime import UTC, datetime

import pytest

from factory_core.catalogue.acquisition import read_acquisition
from factory_core.kernel.errors import SceneError

DIMAP_2 = """<?xml version="1.0" encoding="UTF-8"?>
<Dimap_Document>
  <Metadata_Identification><METADATA_PROFILE>PHR_SENSOR</METADATA_PROFILE></Metadata_Identification>
  <Dataset_Sources><Source_Identification><Strip_Source>
    <IMAGING_DATE>2013-08-05</IMAGING_DATE><IMAGING_TIME>10:42:18.0Z</IMAGING_TIME>
  </Strip_Source></Source_Identification></Dataset_Sources>
  <Geometric_Data><Use_Area>
    <Located_Geometric_Values>
      <LOCATION_TYPE>Top Center</LOCATION_TYPE><TIME>2013-08-05T10:42:20Z</TIME>
      <Acquisition_Angles><VIEWING_ANGLE unit="deg">11</VIEWING_ANGLE></Acquisition_Angles>
      <Solar_Incidences><SUN_ELEVATION unit="deg">61</SUN_ELEVATION></Solar_Incidences>
    </Located_Geometric_Values>
    <Located_Geometric_Values>
      <LOCATION_TYPE>Center</LOCATION_TYPE><TIME>2013-08-05T10:42:19.4Z</TIME>
      <Acquisition_Angles><VIEWING_ANGLE_ALONG_TRACK unit="deg">-9.1</VIEWING_ANGLE_ALONG_TRACK>
        <VIEWING_ANGLE unit="deg">10.5</VIEWING_ANGLE></Acquisition_Angles>
      <Solar_Incidences><SUN_AZIMUTH unit="deg">147.3</SUN_AZIMUTH>
        <SUN_ELEVATION unit="deg">60.2</SUN_ELEVATION></Solar_Incidences>
    </Located_Geometric_Values>
  </Use_Area></Geometric_Data>
</Dimap_Document>"""
DIMAP_1 = """<Dimap_Document><Dataset_Sources><Source_Information><Scene_Source>
  <IMAGING_DATE>2006-05-04</IMAGING_DATE><IMAGING_TIME>11:02:03</IMAGING_TIME>
  <VIEWING_ANGLE>-18.25</VIEWING_ANGLE><SUN_AZIMUTH>150.0</SUN_AZIMUTH>
  <SUN_ELEVATION>55.5</SUN_ELEVATION></Scene_Source></Source_Information></Dataset_Sources>
</Dimap_Document>"""
ISD = """<isd><IMD><IMAGE><FIRSTLINETIME>2016-01-02T10:20:30.5Z</FIRSTLINETIME>
  <MEANSUNAZ>160.1</MEANSUNAZ><MEANSUNEL>22.2</MEANSUNEL>
  <MEANOFFNADIRVIEWANGLE>27.3</MEANOFFNADIRVIEWANGLE></IMAGE></IMD></isd>"""
IMD = """version = "28.3";
BEGIN_GROUP = IMAGE_1
    satId = "WV03";
    firstLineTime = 2016-01-02T10:20:30.500000Z;
    meanSunAz = 160.1;
    meanSunEl = 22.2;
    meanOffNadirViewAngle = 27.3;
END_GROUP = IMAGE_1
END;
"""
MOSAIC = """BEGIN_GROUP = MAP_PROJECTED_PRODUCT
    earliestAcqTime = 2016-01-02T10:20:30Z;
    latestAcqTime = 2016-03-02T10:20:30Z;
END_GROUP = MAP_PROJECTED_PRODUCT
"""


def item(**properties):
    return json.dumps({"type": "Feature", "stac_version": "1.0.0", "properties": properties})


STAC = item(
    datetime="2020-05-06T07:08:09Z",
    **{"view:off_nadir": 3.5, "view:sun_elevation": 44, "view:sun_azimuth": 100.5},
)


@pytest.fixture
def acquire(write_scene, tmp_path):
    """Read the acquisition of a scene with the given sidecars and tags."""

    def read(sidecars=None, **tags):
        path = write_scene("one", tags=tags or None)
        files = []
        for name, text in (sidecars or {}).items():
            files.append(tmp_path / name)
            files[-1].write_text(text)
        return read_acquisition(path, files, longitude_deg=15.0, latitude_deg=48.0)

    return read


@pytest.mark.parametrize(
    ("name", "text", "moment", "sun_elevation_deg", "off_nadir_deg"),
    [
        pytest.param("a.xml", DIMAP_2, "2013-08-05T10:42:19.4", 60.2, 10.5, id="DIMAP 2"),
        pytest.param("a.XML", DIMAP_1, "2006-05-04T11:02:03", 55.5, 18.25, id="DIMAP 1"),
        pytest.param("a.xml", ISD, "2016-01-02T10:20:30.5", 22.2, 27.3, id="isd"),
        pytest.param("a.IMD", IMD, "2016-01-02T10:20:30.5", 22.2, 27.3, id="IMD"),
        pytest.param("a.json", STAC, "2020-05-06T07:08:09", 44, 3.5, id="STAC"),
    ],
)
def test_reads(acquire, name, text, moment, sun_elevation_deg, off_nadir_deg):
    found = acquire({name: text})
    assert found.start == found.end == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert found.sun_elevation_deg == sun_elevation_deg
    assert found.off_nadir_deg == off_nadir_deg


@pytest.mark.parametrize(
    ("name", "text", "first", "last"),
    [
        pytest.param("a.IMD", MOSAIC, "2016-01-02T10:20:30", "2016-03-02T10:20:30", id="IMD"),
        pytest.param(
            "a.json",
            item(
                datetime=None,
                start_datetime="2020-01-01T00:00:00Z",
                end_datetime="2020-02-01T00:00:00Z",
            ),
            "2020-01-01T00:00:00",
            "2020-02-01T00:00:00",
            id="STAC",
        ),
    ],
)
def test_reads_a_range_of_time(acquire, name, text, first, last):
    found = acquire({name: text})
    assert found.start == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert found.end == datetime.fromisoformat(last).replace(tzinfo=UTC)


def test_reads_tags(acquire):
    found = acquire(ACQUISITIONDATETIME="2024-06-01T12:00:00+02:00", SUN_ELEVATION="31.5")
    assert found.start == datetime(2024, 6, 1, 10, tzinfo=UTC)
    assert found.sun_elevation_deg == 31.5


def test_the_first_sidecar_wins_and_the_rest_fills_gaps(acquire):
    found = acquire(
        {"a.json": item(datetime="2020-05-06T07:08:09Z"), "a.IMD": IMD}, SUN_ELEVATION="1"
    )
    assert found.start.year == 2020
    assert found.sun_elevation_deg == 22.2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.json", '{"type": "Feature", "id": "vendor"}', id="other JSON"),
        pytest.param("a.json", "[1, 2]", id="a list"),
        pytest.param("a.xml", "<metadata><SUN_ELEVATION>3</SUN_ELEVATION></metadata>", id="XML"),
        pytest.param("a.txt", "SUN_ELEVATION = 3;", id="text"),
    ],
)
def test_passes_over_what_is_no_metadata_of_a_scene(acquire, name, text):
    found = acquire({name: text})
    assert (found.start, found.sun_elevation_deg, found.off_nadir_deg) == (None, None, None)


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;"><!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;">]>
<Dimap_Document><TIME>&lol3;</TIME></Dimap_Document>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>
<Dimap_Document><TIME>&file;</TIME></Dimap_Document>"""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("a.xml", DIMAP_2[:600], "not readable XML", id="cut off"),
        pytest.param("a.xml", "", "not readable XML", id="empty XML"),
        pytest.param("a.xml", BOMB, "declares entities", id="billion laughs"),
        pytest.param("a.xml", OUTSIDE, "declares entities", id="a file from outside"),
        pytest.param("a.IMD", "no metadata", "holds no line", id="no IMD"),
        pytest.param("a.json", STAC[:50], "is not JSON", id="cut JSON"),
        pytest.param(
            "a.json", json.dumps({"stac_version": "1.0.0"}), "without `properties`", id="no STAC"
        ),
        pytest.param("a.json", item(datetime="yesterday"), "time that is none", id="no time"),
        pytest.param(
            "a.json",
            item(datetime=None, start_datetime="2020-01-01T00:00:00Z"),
            "range of time",
            id="half a range",
        ),
        pytest.param(
            "a.json",
            item(start_datetime="2021-01-01T00:00:00Z", end_datetime="2020-01-01T00:00:00Z"),
            "range of time",
            id="backwards",
        ),
        pytest.param(
            "a.json", item(**{"view:off_nadir": "steep"}), "off nadir of 'steep'", id="no number"
        ),
        pytest.param(
            "a.IMD", "meanSunEl = 95.0;\n", "sun elevation of 95.0 degrees", id="no angle"
        ),
    ],
)
def test_refuses_and_names_the_file(acquire, tmp_path, name, text, message):
    with pytest.raises(SceneError, match=message) as raised:
        acquire({name: text})
    assert str(tmp_path / name) in str(raised.value)

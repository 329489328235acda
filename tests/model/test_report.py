from __future__ import annotations

import json
from pathlib import Path

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, make_planes
from napari_tmaps.model.report import import_report, report_text


def a_scan(*oddities: Oddity) -> Scan:
    planes = make_planes(
        well=["B02", "B02", "B03"],
        site=[1, 2, 1],
        path=["a.tif", "b.tif", ""],
        missing=[False, True, True],
        height=10,
        width=12,
        dtype="uint16",
    )
    return Scan("Test", Path("/data"), planes, (Channel("C01"),), oddities=oddities)


def test_every_missing_plane_is_listed():
    report = import_report(a_scan(Oddity("missing", "2 images are missing.")))
    assert [(row["well"], row["site"], row["file"]) for row in report["missing"]] == [
        ("B02", 2, "b.tif"),
        ("B03", 1, ""),
    ]
    assert report["wells_incomplete"] == {"B02": 1, "B03": 1}
    assert report["problems"] == [{"kind": "missing", "message": "2 images are missing."}]
    assert report["planes"] == 1
    assert json.loads(json.dumps(report)) == report


def test_text():
    text = report_text(import_report(a_scan(Oddity("doubtful", "Pixels of 25,400 µm."))))
    for words in ("B02, B03", "10 × 12 px", "1 there, 2 missing", "Doubtful",
                  "25,400", "plate01 B02 site 2 C01 z 0 t 0: b.tif", "1 to 2 a well"):  # fmt: skip
        assert words in text
    assert "Nothing odd" in report_text(import_report(a_scan()))

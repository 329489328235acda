"""Files of an experiment, part by part."""

from __future__ import annotations

import sqlite3

import pytest

from napari_tmaps.client import TmClient
from napari_tmaps.errors import NotFoundError, TmapsError
from napari_tmaps.store.parts import part_of

PARTS = [
    pytest.param("experiment.db", "", id="tables"),
    pytest.param("experiment.db-wal", None, id="journal of the tables"),
    pytest.param("features/Cells/plate=p/B02.parquet", "", id="features"),
    pytest.param("plates/p.ome.zarr/zarr.json", "", id="plate"),
    pytest.param("plates/p.ome.zarr/B/zarr.json", "", id="row"),
    pytest.param("plates/p.ome.zarr/B/03/zarr.json", "plates/p.ome.zarr/B/03", id="well"),
    pytest.param("plates/p.ome.zarr/B/03/1/0/c/0", "plates/p.ome.zarr/B/03", id="chunk"),
    pytest.param("plates/p.ome.zarr/B/03/1/.zattrs", "plates/p.ome.zarr/B/03", id="version 0.4"),
    pytest.param("maps/p/map.json", "", id="state of a map"),
    pytest.param("maps/p/k.ome.zarr/1/c/0", "maps/p/k.ome.zarr", id="map"),
    pytest.param("workflow/coordinator.json", "", id="who is at work"),
    pytest.param("workflow/jterator/batches/jobs.jsonl", "", id="jobs"),
    pytest.param(
        "workflow/jterator/batches/run-1.json", "workflow/jterator/batches", id="batch"
    ),
    pytest.param("workflow/jterator/results/r/run-1.json", None, id="result of a job"),
    pytest.param("logs/jterator/run-1.log", "logs/jterator", id="log"),
    pytest.param("uploads/p/a/x.tif", None, id="upload"),
    pytest.param(".tmaps-server.db", None, id="users"),
    pytest.param("features/.x.part", None, id="being written"),
    pytest.param("../other/experiment.db", None, id="elsewhere"),
    pytest.param("/etc/passwd", None, id="from the root"),
    pytest.param("features\\x", None, id="backslash"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "part"), PARTS)
def test_part_of(path, part):
    assert part_of(path) == part


def files(client: TmClient, part: str = "") -> dict[str, list]:
    answer = client.session.json("GET", "/api/experiments/MQ==/files", query={"part": part})
    assert answer["write_access"] is True
    return {row[0]: row[1:] for row in answer["data"]}


def test_what_belongs_to_parts(client: TmClient, screen):
    first = files(client)
    assert {"experiment.db", "plates/plate01.ome.zarr/zarr.json"} <= set(first)
    assert first["plates/plate01.ome.zarr/B/02/1"][0] == -1
    assert not [name for name in first if "/c/" in name]
    well = files(client, "plates/plate01.ome.zarr/B/02")
    there = screen / "plates" / "plate01.ome.zarr" / "B" / "02"
    count = sum(path.is_file() for path in there.rglob("*"))
    assert len(well) == count
    size, modified, text = well["plates/plate01.ome.zarr/B/02/1/zarr.json"]
    file = there / "1" / "zarr.json"
    assert text == file.read_text()
    assert (size, modified) == (len(text), file.stat().st_mtime_ns // 1000)


def test_the_same_list_is_not_sent_again(client: TmClient):
    address = "/api/experiments/MQ==/files"
    with client.session.open("GET", address) as answer:
        tag = answer.headers["ETag"]
        assert answer.read()
    with client.session.open("GET", address, tag=tag) as answer:
        assert answer.status == 304
        assert answer.read() == b""


def test_the_tables_are_sent_as_of_now(client: TmClient, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_bytes(client.session.fetch("GET", "/api/experiments/MQ==/files/experiment.db"))
    with sqlite3.connect(copy) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        assert db.execute("select name from plates").fetchall() == [("plate01",)]
    db.close()


@pytest.mark.parametrize(
    "path", ["../test.tmaps/experiment.db", "%2e%2e/x", ".tmaps-server.db", "uploads/x", "none"]
)
def test_what_is_no_file_of_it(client: TmClient, path):
    with pytest.raises(NotFoundError):
        client.session.fetch("GET", f"/api/experiments/MQ==/files/{path}")


@pytest.mark.parametrize("part", ["..", "plates/../..", "uploads", "features", "/etc"])
def test_what_is_no_part(client: TmClient, part):
    with pytest.raises(NotFoundError, match="There is no part"):
        files(client, part)


BAD = [
    pytest.param("features/Discs/x.parquet", b"x", "nothing that can be sent", id="features"),
    pytest.param("experiment.db", b"x", "nothing that can be sent", id="tables"),
    pytest.param("pipelines/.x.yaml", b"x", "nothing that can be sent", id="hidden"),
    pytest.param("pipelines/a/b.yaml", b"x", "nothing that can be sent", id="deep"),
    pytest.param("gates/Nobody.json", b"{}", "no object type 'Nobody'", id="type"),
    pytest.param("gates/Discs.json", b"[", "holds no gates", id="gates"),
    pytest.param("selections/Discs.parquet", b"PAR1", "holds no selections", id="selections"),
    pytest.param("pipelines/x.yaml", b"[1]", "x.yaml", id="pipeline"),
    pytest.param("plate_map.csv", b"a,b\n1,2\n", "plate_map.csv", id="plate map"),
]


@pytest.mark.parametrize(("path", "content", "text"), BAD)
def test_what_is_not_taken(client: TmClient, screen, path, content, text):
    with pytest.raises(TmapsError, match=text):
        client.session.fetch("PUT", f"/api/experiments/MQ==/files/{path}", content=content)
    if path not in ("experiment.db",):
        assert not (screen / path).exists()

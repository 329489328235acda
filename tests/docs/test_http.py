"""The examples that ask a server: Python runs; R and Matlab by their shape, and where they are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.server.conftest import client, port, screen  # noqa: F401
from tests.workflow.screen import plane

from napari_tmaps.client import TmClient

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "http.md").read_text()
BLOCKS = dict(re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
ROUTES = (
    "/auth",
    "/api/experiments",
    "/api/experiments/{experiment_id}/channels",
    "/api/experiments/{experiment_id}/channels/{channel_id}/image-file",
    "/api/experiments/{experiment_id}/mapobject_types",
    "/api/experiments/{experiment_id}/mapobject_types/{type_id}/feature-values",
)


def code(language: str, port: int) -> str:  # noqa: F811
    """An example, asking the server and the names of these tests."""
    return (
        BLOCKS[language]
        .replace(":8002", f":{port}")
        .replace("D03", "C03")
        .replace("Cells", "Discs")
    )


def test_there_are_three() -> None:
    assert set(BLOCKS) == {"python", "r", "matlab"}


def test_python(client: TmClient, port: int) -> None:  # noqa: F811
    pytest.importorskip("requests")
    names: dict[str, object] = {}
    exec(compile(code("python", port), "http.md", "exec"), names)
    np.testing.assert_array_equal(names["image"], plane("C03", 1, "DAPI", 0))
    assert len(names["values"]) == len(client.download_object_feature_values("Discs"))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["python", "r", "matlab"])
def test_what_is_asked_for_are_routes_with_such_parameters(port: int, language: str) -> None:  # noqa: F811
    text = BLOCKS[language]
    described = httpx.get(f"http://127.0.0.1:{port}/openapi.json").json()["paths"]
    for route in ROUTES:
        assert route in described
        for part in re.sub(r"\{\w+\}", " ", route.removeprefix("/api/experiments")).split():
            assert part.rstrip("/") in text, route
    quoted = {*re.findall(r"/[a-z_/-]+", text.replace("application/json", ""))} - {"//localhost"}
    known = {part for route in ROUTES for part in re.findall(r"/[a-z_-]+", route)}
    assert {part for each in quoted for part in re.findall(r"/[a-z_-]+", each)} <= known
    image = {row["name"] for row in described[ROUTES[3]]["get"]["parameters"]}
    used = set(re.findall(r"\b(plate_name|well_\w+|tpoint|zplane|cycle_index)\b", text))
    assert {"plate_name", "well_name"} <= used <= image
    for opening, closing in ("()", "[]", "{}"):
        assert text.count(opening) == text.count(closing)


@pytest.mark.parametrize(
    ("language", "program", "ending", "check"),
    [
        ("r", "Rscript", ".R", "stopifnot(max(image) > 1000, nrow(values) == 8)"),
        (
            "matlab",
            "octave",
            ".m",
            "assert(max(image(:)) > 1000 && isa(image, 'uint16')); assert(rows(values.data) == 8);",
        ),
    ],
)
def test_where_the_language_is_installed(
    port: int,  # noqa: F811
    tmp_path: Path,
    language: str,
    program: str,
    ending: str,
    check: str,
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    script = tmp_path / f"example{ending}"
    script.write_text(f"{code(language, port)}\n{check}\n")
    done = subprocess.run(
        [program, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if re.search("no package called|weboptions' undefined", done.stderr):
        pytest.skip(f"{program} lacks what the example needs: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr

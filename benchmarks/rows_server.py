"""The server on loopback, in a process of its own, against the same without a server."""

from __future__ import annotations

import atexit
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import quantiles
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd

from large_plate import make_plate
from napari_tmaps.client import TmClient
from napari_tmaps.client.sending import local_files
from napari_tmaps.client.session import Session
from napari_tmaps.server.tiles import tile
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import open_map
from timing import Contest

_READERS = 200


@cache
def _serve(folder: Path) -> TmClient:
    """A server of the experiments in a folder, and a client that is logged in."""
    port = _free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "napari_tmaps.cli",
            "serve",
            str(folder),
            "-u",
            "me",
            "-P",
            str(port),
        ],
        env={**os.environ, "TM_PASSWORD": "benchmark"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(process, port)
    return TmClient("127.0.0.1", port, "me", "benchmark")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until a server listens; it ends with this process."""
    atexit.register(process.wait)
    atexit.register(process.terminate)
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


def uploading(folder: Path, full: bool) -> Contest:
    """Small files: many in a request, against a request for each, one after the other."""
    number, share = (10_000, 0.02) if full else (1_000, 0.05)
    source = folder / "files"
    source.mkdir()
    for n in range(number):
        (source / f"image_{n:05d}.tif").write_bytes(os.urandom(4096))
    (folder / "served").mkdir()
    client = _serve(folder / "served")
    client.create_experiment("uploads")
    client.create_plate("plate")
    rounds = iter(range(1000))
    files = local_files(source)

    def target() -> str:
        name = f"acquisition {next(rounds)}"
        client.create_acquisition("plate", name)
        return name

    def ours() -> int:
        return len(client.upload_microscope_files("plate", target(), source))

    def peer() -> int:
        address = client._acquisition("plate", target())
        some = files[: int(number * share)]
        expected = [{"name": each.name, "size": each.size} for each in some]
        client.session.json("POST", f"{address}/upload/register", body={"files": expected})
        for each in some:
            client.session.fetch(
                "PUT",
                f"{address}/upload/files/{each.name}",
                content=each.path.read_bytes(),
                query={"offset": 0},
            )
        return int(len(some) / share)

    return Contest(
        "a request for each file, one after the other",
        ours,
        peer,
        lambda a, b: a / b,
        "share of the files that arrived",
        peer_share=share,
        in_this_process=False,
    )


@cache
def _plate(folder: Path, full: bool) -> Path:
    """The experiment of the rows of the map, alone in its folder."""
    rows, columns = (16, 24) if full else (4, 6)
    return make_plate(folder / "plates", rows, columns)


def one_tile(folder: Path, full: bool) -> Contest:
    """50 tiles of a whole plate at all zooms, against reading and coding them without a server."""
    path = _plate(folder, full)
    client = _serve(path.parent)
    layer = client.get_channel_layers()[0]
    random = np.random.default_rng(0)
    places = []
    for _ in range(50):
        zoom = int(random.integers(0, layer["max_zoom"] + 1))
        step = 2 ** (layer["max_zoom"] - zoom) * layer["tile_size"]
        y = int(random.integers(0, -(-layer["image_height"] // step)))
        x = int(random.integers(0, -(-layer["image_width"] // step)))
        places.append((zoom, y, x))
    make = _maker(path, layer)
    return Contest(
        "the same 50 tiles without a server",
        lambda: [client.download_tile(layer["id"], *place) for place in places],
        lambda: [make(*place) for place in places],
        lambda a, b: sum(x == y for x, y in zip(a, b, strict=True)) / len(a),
        "share of the tiles that are the same",
        in_this_process=False,
    )


def _maker(path: Path, layer: dict[str, Any]) -> Callable[[int, int, int], bytes]:
    """Makes the tiles of a layer without a server: by zoom, y, x."""
    experiment = Experiment.open(path)
    atexit.register(experiment.close)
    plate = open_map(experiment, layer["plate_name"])
    levels = plate.channel(layer["channel_name"])
    low, high = layer["min_intensity"], layer["max_intensity"]

    def make(zoom: int, y: int, x: int) -> bytes:
        pixels = tile(plate, levels, zoom, y, x, 0, 0).astype(np.float32)
        grey = np.clip((pixels - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
        return bytes(imagecodecs.jpeg_encode(grey, level=90))

    return make


def image_png(folder: Path, full: bool) -> Contest:
    """Ten images of 2160 × 2160 as PNG of 16 bit."""
    return _images(folder, "png", imagecodecs.png_decode)


def image_tiff(folder: Path, full: bool) -> Contest:
    """The same as TIFF."""
    import tifffile

    return _images(folder, "tiff", lambda content: tifffile.imread(io.BytesIO(content)))


_IMAGES = 10


def _images(folder: Path, form: str, decode: Callable[[bytes], Any]) -> Contest:
    path = _one_image(folder)
    client = _serve(path.parent)
    address = f"{client._find('channel', 'channels', 'DAPI')}/image-file"
    query = {"plate_name": "p", "well_name": "A01", "format": form}
    with Experiment.open(path) as experiment:
        array = experiment.plate("p").image_path("A01", 1) / "0"
        truth = experiment.image("p", "A01", 1, "DAPI")[0]
    plain = Session("127.0.0.1", _serve_by_libraries(array))

    def same(ours: list[bytes], _: bytes) -> float:
        return float(np.mean([decode(content) == truth for content in ours]))

    return Contest(
        "FastAPI, zarr and imageio",
        lambda: [client.session.fetch("GET", address, query=query) for _ in range(_IMAGES)],
        lambda: plain.fetch("GET", f"/image/{form}"),
        same,
        "share of the pixels that are the same",
        peer_share=1 / _IMAGES,
        in_this_process=False,
    )


@cache
def _one_image(folder: Path) -> Path:
    return make_plate(folder / "image", 1, 1, sites=1, size=2160)


@cache
def _serve_by_libraries(array: Path) -> int:
    """A server of one image as one writes it in ten lines."""
    program = (
        "import sys, fastapi, uvicorn, zarr\n"
        "import imageio.v3 as iio\n"
        "app = fastapi.FastAPI()\n"
        "@app.get('/image/{form}')\n"
        "def image(form: str):\n"
        "    pixels = zarr.open_array(sys.argv[1], mode='r')[0, 0, 0]\n"
        "    content = iio.imwrite('<bytes>', pixels, extension='.' + form)\n"
        "    return fastapi.Response(content, media_type='image/' + form)\n"
        "uvicorn.run(app, port=int(sys.argv[2]), log_level='error')\n"
    )
    return _start(program, str(array))


def readers(folder: Path, full: bool) -> Contest:
    """200 readers at the same time, each of other tiles, of the server and of one that only sends.

    The accuracy is the time within which 99 of 100 tiles were there when nobody had seen them
    before; NaN if one was not the tile.
    """
    path = _plate(folder, full)
    client = _serve(path.parent)
    layer = client.get_channel_layers()[0]
    address = f"{client._address()}/channel_layers/{layer['id']}/tiles"
    zoom, each = layer["max_zoom"] - 1, 5
    columns = -(-layer["image_width"] // (2 * layer["tile_size"]))
    make = _maker(path, layer)
    content = folder / "tile.jpg"
    content.write_bytes(make(zoom, 1, 1))
    plain = Session("127.0.0.1", _serve_bytes(content))
    Seen = list[tuple[float, int, int, bytes]]

    def read(session: Session, number: int, seen: Seen) -> None:
        for n in range(each):
            y, x = divmod(number * each + n, columns)
            begin = time.perf_counter()
            got = session.fetch("GET", address, query={"x": x, "y": y, "z": zoom})
            seen.append((time.perf_counter() - begin, y, x, got))
            time.sleep(1.0)  # a person looks at what came
        session.close()

    def all_of(session: Session) -> Seen:
        seen: list[Seen] = [[] for _ in range(_READERS)]
        threads = [
            threading.Thread(target=read, args=(session, n, own)) for n, own in enumerate(seen)
        ]
        for thread in threads:
            thread.start()
            time.sleep(1.0 / _READERS)  # nobody starts in the same moment as all others
        for thread in threads:
            thread.join()
        return [one for own in seen for one in own]

    def p99(seen: Seen) -> float:
        whole = len(seen) == each * _READERS
        return quantiles([row[0] for row in seen], n=100)[98] if whole else float("nan")

    def right(seen: Seen, _: Seen) -> float:
        same = all(got == make(zoom, y, x) for _, y, x, got in seen[::20])
        return p99(seen) if same else float("nan")

    return Contest(
        "the same readers of a server that only sends bytes",
        lambda: all_of(client.session),
        lambda: all_of(plain),
        right,
        "seconds until 99 of 100 tiles were there, all as they should be",
        p99,
        in_this_process=False,
    )


def _serve_bytes(file: Path) -> int:
    """A server that answers everything with a file: what is left when nothing is done."""
    program = (
        "import sys, uvicorn\n"
        "body = open(sys.argv[1], 'rb').read()\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http': return\n"
        "    head = [(b'content-length', str(len(body)).encode())]\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': head})\n"
        "    await send({'type': 'http.response.body', 'body': body})\n"
        "uvicorn.run(app, port=int(sys.argv[2]), log_level='error')\n"
    )
    return _start(program, str(file))


def _start(program: str, argument: str) -> int:
    """Run a program that serves something at a port; returns the port."""
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-c", program, argument, str(port)])
    _wait_for(process, port)
    return port


def values(folder: Path, full: bool) -> Contest:
    """Features of 10^5 objects (full: 10^6) as CSV, against pandas writing the same."""
    number = 1_000_000 if full else 100_000
    from napari_tmaps.store.features import INDEX

    path = folder / "tables" / "test.tmaps"
    with Experiment.create(path) as experiment:
        random = np.random.default_rng(0)
        frame = pd.DataFrame(dict.fromkeys(INDEX, 0), index=range(number))
        frame[["plate", "well"]] = ["plate", "B02"]
        frame["label"] = np.arange(1, number + 1)
        frame = frame.assign(**{f"F{n}": random.normal(size=number) for n in range(10)})
        part = folder / "part.parquet"
        experiment.features.write_part(part, [frame])
        experiment.features.collect("Cells", [part], [("plate", "B02", 0)])
        experiment.catalogue.set_object_type("Cells", "", number, 10)
    client = _serve(path.parent)
    columns = [f"F{n}" for n in range(10)]

    def ours() -> pd.DataFrame:
        address = f"{client._type('Cells')}/feature-values"
        return pd.read_csv(io.BytesIO(client.session.fetch("GET", address)))[columns]

    def peer() -> pd.DataFrame:
        with Experiment.open(path) as experiment:
            text = experiment.features.read("Cells")[columns].to_csv(index=False)
        return pd.read_csv(io.StringIO(text))

    def largest(a: Any, b: Any) -> float:
        return float(np.abs(a.to_numpy() - b.to_numpy()).max())

    return Contest(
        "pandas.read_parquet, to_csv, without a server",
        ours,
        peer,
        largest,
        "largest difference",
        in_this_process=False,
    )

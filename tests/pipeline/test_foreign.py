"""Objects of another program become objects like all others."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.analysed import SIZE, analysed, analysed_once  # noqa: F401
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline.foreign import create_type, forget_type, put_labels, put_values
from napari_tmaps.pipeline.foreign_files import import_labels, import_values
from napari_tmaps.store.corrections import SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import GateStore, make_gate
from napari_tmaps.store.selections import Selection, SelectionStore

PLACE = SiteObjects("Drops", "P1", "B02", 1)


def drops() -> np.ndarray:
    """Object 3 inside, object 7 at the border; numbers need not be without gaps."""
    labels = np.zeros((SIZE, SIZE), np.uint16)
    labels[10:20, 10:15] = 3
    labels[40:50, 90:] = 7
    return labels


@pytest.fixture
def experiment(analysed: Path):  # noqa: F811
    with Experiment.open(analysed) as opened:
        yield opened


def test_labels_and_values_are_kept_like_our_own(experiment: Experiment) -> None:
    create_type(experiment, "Drops")
    assert put_labels(experiment, PLACE, drops()) == 2
    np.testing.assert_array_equal(experiment.labels("P1", "B02", 1, "Drops")[0], drops())
    table = experiment.features.read("Drops")
    assert table.index.tolist() == [("P1", "B02", 1, 0, 3), ("P1", "B02", 1, 0, 7)]
    assert table["is_border"].tolist() == [False, True]
    put_values(experiment, PLACE, [7, 3], {"Area": [60, 50]})
    put_values(experiment, PLACE, [3], {"Score": [0.5]})
    table = experiment.features.read("Drops")
    assert table["Area"].tolist() == [50, 60]
    assert table["Score"].iloc[0] == 0.5
    assert np.isnan(table["Score"].iloc[1])
    (row,) = [
        r for r in experiment.catalogue.object_types().to_dict("records") if r["name"] == "Drops"
    ]
    assert (row["objects"], row["features"], row["stale"]) == (2, 3, False)


def test_a_second_import_takes_the_place_of_the_first(experiment: Experiment) -> None:
    create_type(experiment, "Drops")
    put_labels(experiment, PLACE, drops())
    other = PLACE._replace(site=2)
    put_labels(experiment, other, drops())
    put_values(experiment, other, [3, 7], {"Area": [1, 2]})
    put_labels(experiment, PLACE, np.where(drops() == 3, 4, 0))
    table = experiment.features.read("Drops")
    assert table.index.get_level_values("label").tolist() == [4, 3, 7]
    assert table["Area"].iloc[1:].tolist() == [1, 2]
    put_labels(experiment, PLACE, np.zeros((SIZE, SIZE), int))
    assert experiment.features.count("Drops") == 2


def test_a_pipeline_may_start_from_them_and_an_analysis_leaves_them(experiment: Experiment) -> None:
    import yaml

    from napari_tmaps.model.pipeline import PipelineDescription
    from napari_tmaps.workflow import analyse

    create_type(experiment, "Drops")
    for site in (1, 2):
        for well in ("B02", "B03"):
            put_labels(experiment, SiteObjects("Drops", "P1", well, site), drops())
    pipeline = PipelineDescription.model_validate(
        yaml.safe_load("""\
name: around
input:
  channels: [{name: DAPI}]
  objects: [{name: Drops}]
pipeline:
  - {name: grow, module: expand_or_shrink, inputs: {image: Drops}, settings: {n: 2}}
  - {name: register, module: register_objects, inputs: {mask: grow.expanded_image},
     outputs: {objects: Rings2}}
output:
  objects: [{name: Rings2}]
""")
    )
    assert not run(analyse(experiment, pipeline))
    assert experiment.features.count("Rings2") == 8
    np.testing.assert_array_equal(experiment.labels("P1", "B02", 1, "Drops")[0], drops())


def test_a_type_is_forgotten_with_all_that_it_has(experiment: Experiment) -> None:
    create_type(experiment, "Drops")
    put_labels(experiment, PLACE, drops())
    gates = GateStore(experiment.path / "gates")
    selections = SelectionStore(experiment.path / "selections")
    gates.save("Drops", "all", make_gate({"kind": "range", "column": "site", "low": 1, "high": 1}))
    first = pd.DataFrame({"plate": ["P1"], "well": ["B02"], "site": [1], "t": [0], "label": [1]})
    selections.set("Drops", "first", Selection(first, "#ff0000"))
    forget_type(experiment, "Drops")
    assert "Drops" not in experiment.features.object_types()
    assert not gates.load("Drops")
    assert not selections.load("Drops")
    assert "Drops" not in experiment.plate("P1").label_names("B02", 1)
    assert "Blocks" in experiment.plate("P1").label_names("B02", 1)
    create_type(experiment, "Drops")


WRONG_LABELS = [
    pytest.param(np.zeros((5, 5), int), "are 5 × 5 pixels .* the image is 96 × 96", id="size"),
    pytest.param(np.zeros((SIZE, SIZE)), "whole numbers .* these are float64", id="floats"),
    pytest.param(np.full((SIZE, SIZE), -1), "from 0 to", id="negative"),
    pytest.param(np.zeros(SIZE, int), "shape", id="line"),
]


@pytest.mark.parametrize(("labels", "message"), WRONG_LABELS)
def test_labels_that_do_not_fit(experiment: Experiment, labels: np.ndarray, message: str) -> None:
    create_type(experiment, "Drops")
    with pytest.raises(InputError, match=message):
        put_labels(experiment, PLACE, labels)
    assert "Drops" not in experiment.plate("P1").label_names("B02", 1)


def test_objects_of_a_pipeline_are_left_alone(experiment: Experiment) -> None:
    blocks = PLACE._replace(object_type="Blocks")
    before = experiment.labels("P1", "B02", 1, "Blocks")
    with pytest.raises(InputError, match="made by the pipeline 'blocks'"):
        put_labels(experiment, blocks, drops())
    with pytest.raises(InputError, match="made by the pipeline 'blocks'"):
        put_values(experiment, blocks, [1], {"Area": [1]})
    with pytest.raises(InputError, match="made by the pipeline 'blocks'"):
        forget_type(experiment, "Blocks")
    with pytest.raises(ExistsError, match="There are objects of type 'Blocks' already"):
        create_type(experiment, "Blocks")
    np.testing.assert_array_equal(experiment.labels("P1", "B02", 1, "Blocks"), before)


def test_what_is_not_there(experiment: Experiment) -> None:
    with pytest.raises(NotFoundError, match="no object type 'Drops'"):
        put_labels(experiment, PLACE, drops())
    create_type(experiment, "Drops")
    with pytest.raises(NotFoundError, match="no time point 4; there are 1"):
        put_labels(experiment, PLACE._replace(t=4), drops())
    put_labels(experiment, PLACE, drops())
    with pytest.raises(NotFoundError, match="no object 5 among the Drops of P1 B02 site 1"):
        put_values(experiment, PLACE, [3, 5], {"Area": [1, 2]})
    with pytest.raises(InputError, match="2 values for 1 objects"):
        put_values(experiment, PLACE, [3], {"Area": [1, 2]})
    with pytest.raises(InputError, match="'label' cannot be the name of a feature"):
        put_values(experiment, PLACE, [3], {"label": [1]})
    with pytest.raises(InputError, match="name an object twice"):
        put_values(experiment, PLACE, [3, 3], {"Area": [1, 2]})
    with pytest.raises(InputError, match="'a b' cannot be the name of objects"):
        create_type(experiment, "a b")


def write_files(folder: Path) -> tuple[Path, Path]:
    (folder / "masks").mkdir()
    tifffile.imwrite(folder / "masks" / "one.tif", drops())
    iio.imwrite(folder / "masks" / "two.png", drops())
    (folder / "broken.tif").write_bytes(b"II*")
    labels, values = folder / "labels.csv", folder / "values.csv"
    labels.write_text(
        "well,site,labels\nB02,1,masks/one.tif\nB3,2,masks/two.png\nB03,1,broken.tif\n"
    )
    values.write_text("well,site,label,Area\nB02,1,3,50\nB02,1,7,60\nB03,2,3,51\nB03,1,3,9\n")
    return labels, values


def test_files_of_another_program(experiment: Experiment, tmp_path: Path) -> None:
    labels, values = write_files(tmp_path)
    failed = run(import_labels(experiment, "Drops", labels))
    assert len(failed) == 1
    assert "'broken.tif'" in failed[0].message
    failed = run(import_values(experiment, "Drops", values))
    assert len(failed) == 1
    assert "no object 3 among the Drops of P1 B03 site 1" in failed[0].message
    table = experiment.features.read("Drops")
    assert table["Area"].fillna(0).tolist() == [50, 60, 51, 0]


WRONG_TABLES = [
    pytest.param("well,labels\nB02,a.tif\n", "has no column 'site'", id="column"),
    pytest.param("well,site,labels\nB02,x,a.tif\n", "whole numbers only", id="site"),
    pytest.param("well,site,labels\n?,1,a.tif\n", "'\\?'", id="well"),
]


@pytest.mark.parametrize(("text", "message"), WRONG_TABLES)
def test_tables_that_do_not_fit(experiment: Experiment, tmp_path: Path, text, message) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        run(import_labels(experiment, "Drops", tmp_path / "t.csv"))
    with pytest.raises(NotFoundError, match="Check the path"):
        run(import_labels(experiment, "Drops", tmp_path / "none.csv"))
    (tmp_path / "v.csv").write_text("well,site,label,Kind\nB02,1,3,round\n")
    with pytest.raises(InputError, match=r"'Kind' .* has text; features are numbers"):
        run(import_values(experiment, "Drops", tmp_path / "v.csv"))


def test_the_command(analysed: Path, tmp_path: Path) -> None:  # noqa: F811
    labels, values = write_files(tmp_path)
    text = labels.read_text().replace("B03,1,broken.tif\n", "")
    labels.write_text(text)
    values.write_text(values.read_text().replace("B03,1,3,9\n", ""))
    words = ["import-objects", str(analysed), "Drops", "--labels", str(labels)]
    done = CliRunner().invoke(app, [*words, "--features", str(values)])
    assert done.exit_code == 0, done.output
    assert "4 objects of type 'Drops'" in done.output
    with Experiment.open(analysed) as opened:
        assert pd.Series(opened.features.read("Drops")["Area"]).notna().sum() == 3
    done = CliRunner().invoke(app, words[:3])
    assert done.exit_code == 1
    assert "Say what to import" in done.output

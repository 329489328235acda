from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import points_in_poly

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.store.gates import GateStore, make_gate
from napari_tmaps.tools.gating import objects_in

BIG = {"kind": "range", "column": "Area", "low": 40, "high": 60}
FIRST = {"kind": "filter", "text": "label == 1"}
CASES = [
    pytest.param(BIG, [4, 5, 6], id="range with its ends"),
    pytest.param(
        {"kind": "rectangle", "x": "Area", "y": "label", "x_low": 0, "x_high": 65, "y_low": 2,
         "y_high": 3},
        [2, 6], id="rectangle",
    ),
    pytest.param(
        {"kind": "polygon", "x": "Area", "y": "label",
         "vertices": [[0, 0], [100, 0], [0, 10]]},
        [1, 2, 4, 5, 6], id="polygon",
    ),
    pytest.param({"kind": "and", "gates": [BIG, FIRST]}, [5], id="and"),
    pytest.param({"kind": "or", "gates": [BIG, FIRST]}, [1, 4, 5, 6], id="or"),
    pytest.param({"kind": "not", "gates": [BIG, FIRST]}, [2, 3, 7, 8], id="not"),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "expected"), CASES)
def test_objects_in_gates(table, gate, expected):
    found = objects_in(make_gate(gate), table)
    assert (np.flatnonzero(found) + 1).tolist() == expected


def test_a_polygon_that_crosses_itself_and_one_on_logarithms(table):
    area, noise = table.numbers("Area"), table.numbers("Noise")
    star = [(5, -2), (85, 0.3), (5, 0.5), (70, -2), (40, 3)]
    gate = make_gate({"kind": "polygon", "x": "Area", "y": "Noise", "vertices": star})
    crossings = np.zeros(8, int)  # the even-odd rule, worked out edge by edge
    for (xa, ya), (xb, yb) in zip(star, star[1:] + star[:1], strict=True):
        for n in range(8):
            if min(ya, yb) < noise[n] <= max(ya, yb):
                crossings[n] += area[n] < xa + (noise[n] - ya) / (yb - ya) * (xb - xa)
    assert objects_in(gate, table).tolist() == (crossings % 2 == 1).tolist()
    corners = [(10, 0.5), (80, 1.5), (15, 5)]
    log = make_gate(
        {"kind": "polygon", "x": "Area", "y": "label", "vertices": corners, "log_x": True}
    )
    points = np.column_stack([np.log(area), table.numbers("label")])
    polygon = [(np.log(x), y) for x, y in corners]
    assert objects_in(log, table).tolist() == points_in_poly(points, polygon).tolist()


@pytest.mark.parametrize(
    ("gate", "match"),
    [
        pytest.param({"kind": "circle"}, "polygon", id="kind"),
        pytest.param({"kind": "range", "column": "a", "low": 2, "high": 1}, "smaller", id="range"),
        pytest.param(
            {"kind": "rectangle", "x": "a", "y": "b", "x_low": 2, "x_high": 1, "y_low": 0,
             "y_high": 1}, "smaller", id="rectangle"),
        pytest.param(
            {"kind": "polygon", "x": "a", "y": "b", "vertices": [[0, 0], [1, 1]]}, "at least 3",
            id="two corners"),
        pytest.param(
            {"kind": "polygon", "x": "a", "y": "b", "log_y": True,
             "vertices": [[0, 0], [1, 1], [2, 0]]}, "logarithms", id="logarithm of 0"),
        pytest.param(
            {"kind": "range", "column": "a", "low": float("nan"), "high": 1}, "low", id="NaN"),
    ],
)  # fmt: skip
def test_gates_that_are_none(gate, match):
    with pytest.raises(InputError, match=match):
        make_gate(gate)


def test_gates_are_kept(tmp_path, table):
    store = GateStore(tmp_path / "gates")
    assert store.load("Nuclei") == {}
    store.save("Nuclei", "big", make_gate(BIG))
    store.save("Nuclei", "rest", make_gate({"kind": "not", "gates": ["big"]}))
    loaded = GateStore(tmp_path / "gates").load("Nuclei")
    assert loaded["big"] == make_gate(BIG)
    assert objects_in(loaded["rest"], table, loaded).sum() == 5
    with pytest.raises(InputError, match="'rest' uses 'big'"):
        store.remove("Nuclei", "big")
    with pytest.raises(InputError, match="part of itself"):
        store.save("Nuclei", "big", make_gate({"kind": "or", "gates": ["rest"]}))
    with pytest.raises(NotFoundError, match="no gate 'bog'"):
        store.save("Nuclei", "both", make_gate({"kind": "or", "gates": ["bog"]}))
    with pytest.raises(InputError, match="needs a name"):
        store.save("Nuclei", " ", make_gate(BIG))
    with pytest.raises(NotFoundError, match="no gate 'bog'"):
        store.remove("Nuclei", "bog")
    store.remove("Nuclei", "rest")
    assert list(store.load("Nuclei")) == ["big"]


def test_a_gate_on_a_column_or_gate_that_is_gone(table):
    gate = make_gate({**BIG, "column": "Perimeter"})
    with pytest.raises(NotFoundError, match=r"no column 'Perimeter'.*The gate itself is kept"):
        objects_in(gate, table)
    with pytest.raises(NotFoundError, match="no gate 'gone'"):
        objects_in(make_gate({"kind": "not", "gates": ["gone"]}), table)


def test_a_damaged_file_of_gates(tmp_path):
    (tmp_path / "Nuclei.json").write_text('{"gates": {"a": {"kind": 3}}}')
    with pytest.raises(FormatError, match="holds no gates"):
        GateStore(tmp_path).load("Nuclei")


def test_gates_have_colours_and_other_names(tmp_path):
    gates = GateStore(tmp_path / "gates")
    gates.save("Nuclei", "big", make_gate(BIG), "#ff0000")
    gates.save("Nuclei", "both", make_gate({"kind": "and", "gates": ["big", FIRST]}))
    gates.save("Nuclei", "big", make_gate(BIG))
    assert gates.colors("Nuclei") == {"big": "#ff0000"}, "a new shape has the old colour"
    gates.rename("Nuclei", "big", "large")
    assert list(gates.load("Nuclei")) == ["large", "both"]
    assert gates.load("Nuclei")["both"] == make_gate({"kind": "and", "gates": ["large", FIRST]})
    assert gates.colors("Nuclei") == {"large": "#ff0000"}
    with pytest.raises(InputError, match="a gate 'both' already"):
        gates.rename("Nuclei", "large", "both")
    with pytest.raises(NotFoundError, match="gate 'big'"):
        gates.rename("Nuclei", "big", "huge")
    with pytest.raises(InputError, match="needs a name"):
        gates.rename("Nuclei", "large", " ")
    with pytest.raises(InputError, match="'red' is no colour"):
        gates.save("Nuclei", "large", make_gate(BIG), "red")
    gates.remove("Nuclei", "both")
    gates.remove("Nuclei", "large")
    assert gates.colors("Nuclei") == {}

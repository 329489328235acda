"""Everything that can be wrong with a pipeline is found before it runs."""

from __future__ import annotations

import pytest

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.pipeline import Target, check, find_problems


def test_a_right_pipeline_is_decided_in_full(description, modules):
    checked = check(
        description, channels=["DAPI", "Alexa 488/GFP", "other"], objects=[], modules=modules
    )
    assert checked.channels == ("DAPI", "Alexa 488/GFP")
    assert checked.output_objects == ("Cells",)
    assert checked.input_objects == ()
    assert [step.number for step in checked.steps] == list(range(1, 11))
    assert str(checked.steps[0]) == "Step 1 ('brighter', module add)"
    assert checked.steps[0].settings == {"offset": 1}
    assert checked.steps[2].outputs == {"left": "halves.left", "right": "halves.right"}
    assert [step.target for step in checked.steps[7:]] == [
        Target("Cells", "", ""),
        Target("Cells", "", "_Alexa 488/GFP"),
        Target("Cells", "Left_", "_brighter_sum"),
    ]
    assert checked.items["foreground"] is Kind.MASK_IMAGE
    assert checked.items["Cells"] is Kind.SEGMENTED_OBJECTS
    assert checked.hints == ()


def test_inactive_steps_are_left_out(edited, modules):
    checked = check(
        edited(("- name: left_dapi", "- active: false\n  name: left_dapi")), modules=modules
    )
    assert [step.number for step in checked.steps] == list(range(1, 10))


CASES = [
    pytest.param(
        [("module: above", "module: xyz")],
        [
            (
                "Step 2 ('threshold'): there is no module 'xyz'. Modules: 'add', 'above', 'split', "
                "'columns', 'register', 'measure'."
            )
        ],
        id="module-like-no-other",
    ),
    pytest.param(
        [("module: above", "module: abov")],
        [
            "Step 2 ('threshold'): there is no module 'abov'. Did you mean 'above'?",
        ],
        id="module-without-followers",
    ),
    pytest.param(
        [("inputs: {image: DAPI}", "inputs: {image: DAPY}")],
        [
            (
                "Step 1 ('brighter'): 'image' needs IntensityImage but is 'DAPY', which the "
                "pipeline neither reads nor makes (Did you mean 'DAPI'?). Items that fit: "
                "'DAPI', 'Alexa 488/GFP'."
            )
        ],
        id="unknown-item",
    ),
    pytest.param(
        [("labels: label.labels", "labels: foreground")],
        [
            (
                "Step 5 ('register_cells'): 'labels' needs LabelImage but is 'foreground' "
                "(MaskImage). Items that fit: 'label.labels'."
            )
        ],
        id="wrong-kind",
    ),
    pytest.param(
        [("inputs: {image: brighter.sum}", "inputs: {}")],
        [
            (
                "Step 2 ('threshold'): 'image' needs IntensityImage but is not wired. Items that "
                "fit: 'DAPI', 'Alexa 488/GFP', 'brighter.sum'."
            )
        ],
        id="missing-wire",
    ),
    pytest.param(
        [("inputs: {image: brighter.sum}", "inputs: {image: brighter.sum, imge: DAPI}")],
        [
            (
                "Step 2 ('threshold'): module 'above' has no input 'imge'. Did you mean 'image'? "
                "It has: 'image'."
            )
        ],
        id="unknown-input",
    ),
    pytest.param(
        [("outputs: {mask: foreground}", "outputs: {mask: foreground, msk: x}")],
        [
            (
                "Step 2 ('threshold'): module 'above' has no output 'msk'. Did you mean 'mask'? It "
                "has: 'mask'."
            )
        ],
        id="unknown-output",
    ),
    pytest.param(
        [("inputs: {image: DAPI}", "inputs: {image: DAPI}\n  settings: {offset: 101, ofset: 1}")],
        [
            "Step 1 ('brighter'): offset is 101, but must be at most 100.",
            (
                "Step 1 ('brighter'): there is no setting 'ofset'. Did you mean 'offset'? "
                "Settings: 'offset'."
            ),
        ],
        id="settings",
    ),
    pytest.param(
        [("name: halves", "name: threshold"), ("halves.", "threshold.")],
        ["Step 3 ('threshold'): step 2 has the same name; rename one."],
        id="duplicate-step",
    ),
    pytest.param(
        [
            ("{objects: Left}", "{objects: cells}"),
            ("extract_objects: Left", "extract_objects: Cells"),
        ],
        [
            (
                "Step 7 ('register_left'): 'cells' is the name of an output of step 5 already; "
                "choose another for 'objects'."
            )
        ],
        id="duplicate-but-for-capitals",
    ),
    pytest.param(
        [
            ("inputs: {mask: foreground}", "inputs: {mask: halves.left}"),
            ("{mask: foreground}", "{mask: DAPI}"),
        ],
        [
            (
                "Step 2 ('threshold'): 'DAPI' is the name of an input of the pipeline already; "
                "choose another for 'mask'."
            ),
            (
                "Step 3 ('halves'): 'mask' needs MaskImage but is 'halves.left', which this very "
                "step makes. Items that fit: none."
            ),
        ],
        id="duplicate-of-channel-and-cycle",
    ),
    pytest.param(
        [("- name: halves", "- active: false\n  name: halves")],
        [
            (
                "Step 6 ('label_left'): 'mask' needs MaskImage but is 'halves.left' of step 3, "
                "which is switched off; switch it on. Items that fit: 'foreground', "
                "'label.labels', 'Cells'."
            )
        ],
        id="inactive",
    ),
    pytest.param(
        [
            ("inputs: {image: DAPI}", "inputs: {image: later.sum}"),
            ("output:\n", "- name: later\n  module: add\n  inputs: {image: DAPI}\noutput:\n"),
        ],
        [
            (
                "Step 1 ('brighter'): 'image' needs IntensityImage but is 'later.sum', which step "
                "11 makes only later; move that step up. Items that fit: 'DAPI', 'Alexa 488/GFP'."
            )
        ],
        id="forward",
    ),
    pytest.param(
        [("\n  outputs: {objects: Left}", ""), ("extract_objects: Left", "extract_objects: Cells")],
        ["Step 7 ('register_left'): the objects need a name, e.g. outputs: {objects: Nuclei}."],
        id="nameless-objects",
    ),
    pytest.param(
        [
            (
                "{extract_objects: Cells, assign_objects: Cells}",
                "{extract_objects: Cells, assign_objects: label.labels}",
            )
        ],
        [
            (
                "Step 8 ('area'): 'assign_objects' needs SegmentedObjects but is 'label.labels' "
                "(LabelImage). Items that fit: 'Cells', 'Left'."
            )
        ],
        id="measured-not-registered",
    ),
    pytest.param(
        [
            (
                "extract_objects: Left, assign_objects: Cells, intensity_image: brighter.sum",
                "extract_objects: Cells, assign_objects: Cells",
            )
        ],
        ["Step 10 ('left_dapi'): it measures the same as step 8 ('area'); remove one."],
        id="measured-twice",
    ),
    pytest.param(
        [
            (
                "  - name: Cells\n",
                "  - name: Cells\n  - name: Cels\n  - name: Cells\n  - name: foreground\n",
            )
        ],
        [
            (
                "Output: 'Cels' is registered by no step. Did you mean 'Cells'? Registered "
                "objects: 'Cells', 'Left'. Add a step such as register_objects whose output is "
                "named 'Cels'."
            ),
            "Output: 'Cells' is listed twice; remove one of them.",
            (
                "Output: 'foreground' is MaskImage, but only registered objects can be kept. "
                "Registered objects: 'Cells', 'Left'. Add a step such as register_objects whose "
                "output is named 'foreground'."
            ),
        ],
        id="outputs",
    ),
    pytest.param(
        [
            ("- name: register_left", "- active: false\n  name: register_left"),
            ("extract_objects: Left", "extract_objects: Cells"),
            ("  - name: Cells\n", "  - name: Left\n"),
        ],
        [
            (
                "Output: 'Left' comes from step 7, which is switched off. Registered objects: "
                "'Cells'. Add a step such as register_objects whose output is named 'Left'."
            )
        ],
        id="output-of-inactive",
    ),
    pytest.param(
        [("module: register\n  inputs: {labels: label.labels}", "module: registr\n  inputs: {}")],
        [
            "Step 5 ('register_cells'): there is no module 'registr'. Did you mean 'register'?",
        ],
        id="unknown-module-of-output",
    ),
    pytest.param(
        [("  - name: Alexa 488/GFP", "  - name: Alexa 488/GFP\n  - name: DAPI")],
        ["Input: 'DAPI' is listed twice; remove one of them."],
        id="duplicate-channel",
    ),
]


@pytest.mark.parametrize(("edits", "sentences"), CASES)
def test_a_problem_is_told(edited, modules, edits, sentences):
    description = edited(*edits)
    assert [str(problem) for problem in find_problems(description, modules=modules)] == sentences
    with pytest.raises(PipelineError) as caught:
        check(description, modules=modules)
    assert all(sentence in str(caught.value) for sentence in sentences)


def test_all_problems_are_told_at_once_and_by_field(edited, modules):
    description = edited(("image: DAPI", "image: x"), ("label_left.labels", "foreground"))
    problems = find_problems(description, modules=modules)
    assert [(problem.step, problem.field) for problem in problems] == [(1, "image"), (7, "labels")]
    with pytest.raises(PipelineError, match="The pipeline 'two halves' has 2 problems:\n- Step 1"):
        check(description, modules=modules)


def test_channels_and_objects_must_be_the_experiments(edited, modules):
    description = edited(("pipeline:\n", "  objects:\n  - name: Nuclei\npipeline:\n"))
    problems = find_problems(
        description, channels=["DAPI", "Alexa 488_GFP"], objects=("nuclei",), modules=modules
    )
    assert [str(problem) for problem in problems] == [
        (
            "Input: there is no channel 'Alexa 488/GFP'. Did you mean 'Alexa 488_GFP'? "
            "There are: 'DAPI', 'Alexa 488_GFP'."
        ),
        ("Input: there is no object type 'Nuclei'. Did you mean 'nuclei'? There are: 'nuclei'."),
    ]
    assert find_problems(description, modules=modules) == ()
    assert len(find_problems(description, objects=(), modules=modules)) == 1


def test_input_objects_can_be_measured_and_kept(edited, modules):
    description = edited(
        ("pipeline:\n", "  objects:\n  - name: Nuclei\npipeline:\n"),
        ("extract_objects: Left", "extract_objects: Nuclei"),
        ("  - name: Cells\n", "  - name: Cells\n  - name: Nuclei\n"),
    )
    assert check(description, modules=modules).steps[-1].target.prefix == "Nuclei_"


def test_what_is_probably_not_meant_is_hinted_at(edited, modules):
    lost = edited(("  - name: Cells\n", "  - name: Left\n"))
    hints = check(lost, modules=modules).hints
    assert len(hints) == 3
    assert hints[0] == (
        "Step 8 ('area', module measure) measures for 'Cells', which is not among the output "
        "objects, so these features are not kept."
    )
    nothing = edited(("output:\n  objects:\n  - name: Cells\n", "output: {}\n"))
    assert check(nothing, modules=modules).hints[0].startswith("The pipeline keeps no objects")


def test_an_inactive_step_may_stand_for_another_way_to_the_same_item(edited, modules):
    description = edited(
        (
            "- name: halves",
            (
                "- name: other\n  module: above\n  active: false\n  inputs: {image: nothing}\n"
                "  outputs: {mask: foreground}\n- name: halves"
            ),
        )
    )
    assert len(check(description, modules=modules).steps) == 10

"""What goes into a pipeline and what comes out."""

from __future__ import annotations

from qtpy.QtWidgets import QMenu, QWidgetAction
from tests.gui.pipeline.tuned import blocks, build, is_marked, settle

from napari_tmaps.pipeline import edit


def action(widget, section: str, name: str):
    """An action of the menu In and out, by the heading that it stands below."""
    current = ""
    for found in widget.ports.fill().actions():
        if isinstance(found, QWidgetAction):
            current = found.text()
        elif current.startswith(section) and found.text() == name:
            return found
    raise AssertionError(f"no {name} under {section}")


def test_what_goes_in_and_out(widget, viewer):
    viewer.add_image(blocks() // 2, name="Actin")
    settle(widget)
    build(widget, "threshold_manual", "register_objects")
    assert [c.name for c in widget.value().input.channels] == ["DAPI", "Actin"]
    action(widget, "Corrects", "Actin").trigger()
    assert [c.correct for c in widget.value().input.channels] == [False, True]
    action(widget, "Keeps", "Objects").trigger()
    assert widget.value().output.objects == ()
    action(widget, "Keeps", "Objects").trigger()
    assert [o.name for o in widget.value().output.objects] == ["Objects"]
    action(widget, "Reads", "DAPI").trigger()
    assert [c.name for c in widget.value().input.channels] == ["Actin"]
    settle(widget)
    assert is_marked(widget, 0)  # its image is no longer read
    widget.undo()
    settle(widget)
    assert not is_marked(widget, 0)


def test_a_pipeline_of_other_channels(widget, viewer):
    from napari_tmaps.pipeline import ready_pipelines

    foreign = edit.rename_channel(ready_pipelines()["nuclei"], "DAPI", "Hoechst")
    widget.setValue(foreign)
    settle(widget)
    assert "no channel 'Hoechst'" in widget._message.text()
    (menu,) = widget.ports.fill().findChildren(QMenu)
    assert menu.title() == "Read instead of Hoechst"
    menu.actions()[0].trigger()
    assert widget.value() == ready_pipelines()["nuclei"]
    settle(widget)
    assert "Hoechst" not in widget._message.text()

"""What is known of an image is told only as long as it is true."""

import numpy as np

from napari_tmaps.measure.histogram import histogram
from napari_tmaps.measure.known import Known


def test_of_an_array_that_nobody_can_change():
    known: Known[int] = Known()
    image = np.zeros((3, 4), np.uint16)
    image.flags.writeable = False
    known.keep(image, 7)
    assert known.of(image) == 7
    assert known.of(image.copy()) is None
    image.flags.writeable = True  # its owner may
    assert known.of(image) is None


def test_nothing_of_what_may_change():
    known: Known[int] = Known()
    image = np.zeros((3, 4), np.uint16)
    view = image[:2]
    view.flags.writeable = False
    assert known.keep(image, 7) == 7
    known.keep(view, 7)
    assert known.of(image) is None
    assert known.of(view) is None


def test_what_is_gone_is_forgotten():
    known: Known[int] = Known()
    image = np.zeros((3, 4), np.uint16)
    image.flags.writeable = False
    known.keep(image, 7)
    del image
    assert not known._facts


def test_histogram_of_an_image_that_was_changed():
    image = np.zeros((3, 4), np.uint16)
    assert histogram(image)[:2].tolist() == [12, 0]
    image[0, 0] = 1
    assert histogram(image)[:2].tolist() == [11, 1]

"""Pictures become the tensors that ultralytics makes of them."""

import cv2
import numpy as np
import pytest

from models.blob import PAD_VALUE, BlobMaker, blob_of


def test_a_picture_is_padded_with_grey_and_comes_as_rgb() -> None:
    image = np.zeros((50, 100, 3), np.uint8)
    image[:] = (0, 102, 255)  # blue, green, red

    blob = blob_of(image, (64, 64))

    assert blob.shape == (1, 3, 64, 64)
    assert blob.dtype == np.float32
    np.testing.assert_allclose(blob[:, :, :16], PAD_VALUE / 255, rtol=1e-6)
    np.testing.assert_allclose(blob[:, :, 48:], PAD_VALUE / 255, rtol=1e-6)
    for plane, value in zip(blob[0, :, 16:48], (1.0, 0.4, 0.0), strict=True):
        np.testing.assert_allclose(plane, value, rtol=1e-6)


@pytest.mark.parametrize("shape", [(40, 90, 3), (90, 40, 3), (64, 96, 3), (1, 1, 3), (200, 17, 3)])
def test_pixels_are_those_of_a_bilinear_letterbox(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    maker = BlobMaker((shape[1], shape[0]), (96, 64))
    for _ in range(2):  # the second goes into used memory
        image = rng.integers(0, 255, shape, np.uint8)
        (w, h), top, left = maker.fitted.inner_wh, maker.fitted.top_px, maker.fitted.left_px
        boxed = np.full((64, 96, 3), PAD_VALUE, np.uint8)
        boxed[top : top + h, left : left + w] = cv2.resize(image, (w, h))
        np.testing.assert_allclose(
            maker.blob(image)[0], boxed[..., ::-1].transpose(2, 0, 1) / np.float32(255), rtol=1e-6
        )


@pytest.mark.parametrize("shape", [(40, 90, 3), (90, 40, 3), (64, 96, 3)])
def test_a_mirrored_blob_is_that_of_the_mirror_image(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(4).integers(0, 255, shape, np.uint8)
    before = image.copy()
    maker = BlobMaker((shape[1], shape[0]), (96, 64))
    mirrored = maker.blob(image, mirrored=True).copy()

    np.testing.assert_array_equal(image, before)
    # Bilinear weights are rounded to 11 bits, from the left: a grey level of difference here and there.
    np.testing.assert_allclose(mirrored, maker.blob(image[:, ::-1]), atol=1.01 / 255)


def test_a_part_of_a_picture_and_a_read_only_one_are_taken() -> None:
    whole = np.random.default_rng(2).integers(0, 255, (128, 192, 3), np.uint8)
    part = whole[32:96, 48:144]
    part.flags.writeable = False

    np.testing.assert_array_equal(blob_of(part, (96, 64)), blob_of(part.copy(), (96, 64)))


@pytest.mark.parametrize("shape", [(0, 10, 3), (10, 0, 3)])
def test_an_empty_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="positive sides"):
        blob_of(np.zeros(shape, np.uint8), (64, 64))


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (20, 10, 3)])
def test_another_picture_than_the_buffers_are_for_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="takes pictures of shape"):
        BlobMaker((10, 10), (64, 64)).blob(np.zeros(shape, np.uint8))

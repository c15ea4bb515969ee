"""The picture of a drawn set."""

import numpy as np

from face_forgery.forgery.rendering.demo_contact_sheet import contact_sheet
from face_forgery.forgery.rendering.rendered_forgeries import FORGERY_KINDS


def test_a_sheet_has_a_row_for_each_kind_and_masks_beside_the_forgeries():
    sheet = np.asarray(contact_sheet(seed=1, triples=1, tile=64)).astype(int)
    gap = sheet.shape[0] // len(FORGERY_KINDS) - 64
    assert 0 < gap < 20
    for row in range(len(FORGERY_KINDS)):
        bottom = sheet.shape[0] - (len(FORGERY_KINDS) - 1 - row) * 68 - 4
        tiles = sheet[bottom - 64 : bottom, -(3 * 68 + 4) : -4].reshape(64, 3, 68, 3)[:, :, :64]
        real, forged, mask = tiles[:, 0], tiles[:, 1], tiles[:, 2]
        changed = np.abs(real - forged).mean(axis=2)
        assert set(np.unique(mask[:, :, 0])) >= {0, 255}
        assert changed[mask[:, :, 0] > 200].mean() > 1.5 * changed[mask[:, :, 0] == 0].mean()

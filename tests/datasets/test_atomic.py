"""Files are replaced in one step, and a full disk is called a full disk."""

import errno
import os
from pathlib import Path

import pytest

from face_forgery.datasets.atomic import replacing


def full_disk(monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_writer_that_hides_a_full_disk_ends_in_what_the_system_says(tmp_path, monkeypatch):
    full_disk(monkeypatch)
    target = tmp_path / "state.pt"
    target.write_text("old")

    def write():
        with replacing(target) as partial:
            partial.write_text("half")
            raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(OSError, match=r"state\.pt") as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("state.pt", "old")]


def test_an_error_of_the_writer_stays_what_it_is_where_the_disk_has_room(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "x.json"):
        raise KeyError("x")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_removed_the_first_error_is_told(tmp_path, monkeypatch):
    def unlink(path, missing_ok=False):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", unlink)
    with pytest.raises(OSError, match="No space left"), replacing(tmp_path / "x.json"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

"""What a crash left behind, found at the next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.data_dir import StoreOpener
from api.evidence.salvage import CRASHED, CRASHED_EARLY, NOT_BEGUN, NOT_FINISHED, recover
from api.records import new_event_id
from api.times import WallTime
from tests.support.desk import Filmed, utc
from tests.support.filming_child import desk_in, new_event, settings_in
from tests.support.packets import film, numbers_in
from vision.clips.files import make_folder, write_whole


def broken_off(folder: Path, packets: int) -> Filmed:
    """A clip whose process was killed: nothing was closed."""
    made = Filmed(folder)
    clip = made.clip(0.0)
    made.feed(film(packets), clip)
    return made


def test_a_clip_that_broke_off_is_kept_up_to_there(tmp_path: Path) -> None:
    before = broken_off(tmp_path, 42)
    again = Filmed(tmp_path)
    assert recover(again.desk) == 1
    (file,) = again.files
    assert (file.state, file.reason) == ("repaired", CRASHED)
    assert (file.id, file.event_id) == (before.files[0].id, before.files[0].event_id)
    assert file.started_at == utc(0)
    shown = numbers_in(again.path(file))
    assert shown == [n % 31 for n in range(len(shown))]
    assert 42 - len(shown) <= 7  # half a second at 10 frames/s, and the picture that completes it
    assert file.duration_s == pytest.approx(len(shown) / 10, abs=0.11)
    assert again.left_over == []


def test_a_clip_without_a_whole_fragment_says_why_there_is_none(tmp_path: Path) -> None:
    broken_off(tmp_path, 3)
    again = Filmed(tmp_path)
    recover(again.desk)
    assert [(f.state, f.reason) for f in again.files] == [("failed", CRASHED_EARLY)]
    assert again.left_over == []


def test_a_clip_of_a_single_picture_says_why_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(tmp_path, 42)
    monkeypatch.setattr(
        "api.evidence.salvage.duration_of", lambda path: 0.0
    )  # as one fragment of one picture has
    again = Filmed(tmp_path)
    recover(again.desk)
    assert [(f.state, f.reason) for f in again.files] == [("failed", CRASHED_EARLY)]
    assert again.left_over == []


def test_a_clip_whose_row_did_not_reach_the_store_is_told_again(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    lost = Filmed(tmp_path)
    lost.store.broken = True
    clip = made.clip(0.0)
    made.feed(film(30), clip)
    made.desk.sink.__self__.store = lost.store  # type: ignore[attr-defined]
    with pytest.raises(OSError, match="told to fail"):
        clip.finish()
    again = Filmed(tmp_path)
    recover(again.desk)
    (file,) = again.files
    assert (file.state, file.reason) == ("stored", None)
    assert len(numbers_in(again.path(file))) == 30
    assert again.left_over == []


@pytest.mark.parametrize("published", [True, False])
def test_a_picture_is_whole_or_not_there(tmp_path: Path, published: bool) -> None:
    made = Filmed(tmp_path)
    piece = made.desk.piece(new_event_id(), "snapshot", 0, 1.0)
    part = piece.part(tmp_path)
    make_folder(part.parent)
    write_whole(part, b"picture")
    if published:
        made.desk.publish(piece, part)
    recover(made.desk)
    (file,) = made.files
    assert (file.state, file.reason) == (("stored", None) if published else ("failed", NOT_FINISHED))
    assert made.path(file).exists() is published
    assert made.left_over == []


def test_what_is_none_of_ours_is_left_alone(tmp_path: Path) -> None:
    made = Filmed(tmp_path)
    make_folder(made.desk.parts)
    (made.desk.parts / "notes.txt").write_text("mine")
    assert recover(made.desk) == 0
    assert made.left_over == ["notes.txt"]


def test_an_event_whose_clip_was_not_even_begun_says_so(tmp_path: Path) -> None:
    settings, times = settings_in(tmp_path), WallTime()
    store = StoreOpener(settings)()
    lost, filmed = new_event(times), new_event(times)
    store.start_event(lost)
    store.start_event(filmed)
    store.put_file(desk_in(settings, times, lambda _: None).piece(filmed.id, "clip", 0, 0.0).file("writing"))
    store.close()
    again = StoreOpener(settings)()  # marks the events as interrupted
    recover(desk_in(settings, times, lambda write: write.do(again)))
    recover(desk_in(settings, times, lambda write: write.do(again)))  # saying it twice adds nothing
    assert [(f.state, f.reason) for f in again.files(lost.id)] == [("failed", NOT_BEGUN)]
    assert [(f.state, f.reason) for f in again.files(filmed.id)] == [("failed", NOT_FINISHED)]
    again.close()

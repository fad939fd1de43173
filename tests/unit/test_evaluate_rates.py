"""Rates, matching and false holds, with a detector that says what it is told to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.confusion import confusion, draw
from models.evaluate import (
    Rate,
    at_operating_point,
    evaluate,
    kind_without_e_bike,
    main,
    match_boxes,
    render,
)
from models.looks import look
from models.sets import Labelled, read_set
from models.threshold import Scored, choose, for_manifest, operating_point, score
from vision.errors import ConfigError, LiftguardError
from vision.types import BICYCLE, CLASS_NAMES, E_BIKE, PERSON, STROLLER, WHEELCHAIR, Detections, Image

CONFS = [0.5] * len(CLASS_NAMES)


class Told:
    """A detector that returns prepared detections, picture by picture."""

    def __init__(self, answers: list[Detections]) -> None:
        self._answers = iter(answers)

    def detect(self, image: Image, conf: float | None = None) -> Detections:
        return next(self._answers)


def found(*rows: tuple[int, float, tuple[float, float, float, float]]) -> Detections:
    """Detections from (class, conf, xyxy)."""
    if not rows:
        return Detections.empty()
    return Detections(
        np.array([r[2] for r in rows], np.float32),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[0] for r in rows], np.int64),
    )


def picture(*boxes: tuple[int, tuple[float, float, float, float]]) -> tuple[Labelled, Image]:
    """A black picture with true boxes."""
    xyxy = np.array([b[1] for b in boxes], np.float32).reshape(-1, 4)
    class_id = np.array([b[0] for b in boxes], np.int64)
    truth = Labelled(Path("a.jpg"), xyxy, class_id, frozenset(b[0] for b in boxes), (100, 100))
    return truth, np.zeros((100, 100, 3), np.uint8)


def test_wilson_interval_of_a_known_case() -> None:
    rate = Rate.of(81, 263)  # Newcombe, Statistics in Medicine 1998, table I
    assert (rate.low, rate.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_wilson_interval_holds_the_share(hits: int, more: int) -> None:
    rate = Rate.of(hits, hits + more)
    assert 0 <= rate.low <= rate.share + 1e-9 <= rate.high + 2e-9 <= 1 + 2e-9


def test_more_hits_than_tries_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        Rate.of(3, 2)


@pytest.mark.parametrize(
    ("present", "kind"),
    [
        ({WHEELCHAIR, PERSON}, "wheelchair"),
        ({STROLLER, BICYCLE}, "stroller"),
        ({BICYCLE, PERSON}, "bicycle"),
        ({PERSON}, "person only"),
        ({5}, "other"),
        (set(), "empty"),
    ],
)
def test_what_most_needs_to_pass_names_the_rate(present: set[int], kind: str) -> None:
    truth, _ = picture(*((class_id, (0, 0, 9, 9)) for class_id in sorted(present)))
    assert kind_without_e_bike(truth) == kind


def test_pictures_of_arbitrary_things_count_on_their_own(tmp_path: Path) -> None:
    write_set(tmp_path / "negative", "")
    ((truth, _),) = read_set(tmp_path / "negative")
    assert kind_without_e_bike(truth) == "unrelated"


def test_two_detections_cannot_match_one_box() -> None:
    truth, _ = picture((E_BIKE, (0, 0, 50, 50)))
    twice = found((E_BIKE, 0.9, (0, 0, 50, 50)), (E_BIKE, 0.8, (1, 1, 50, 50)))
    assert match_boxes(twice, truth, E_BIKE) == (1, 2, 1)


def test_each_class_has_its_own_operating_point() -> None:
    confs = [0.6, *[0.2] * 5]
    seen = found((E_BIKE, 0.59, (0, 0, 9, 9)), (BICYCLE, 0.21, (0, 0, 9, 9)))
    assert at_operating_point(seen, confs).class_id.tolist() == [BICYCLE]


def test_a_set_report_counts_hits_and_false_holds() -> None:
    moped = (0.0, 0.0, 50.0, 50.0)
    pictures = [
        picture((E_BIKE, moped)),
        picture((E_BIKE, moped)),
        picture((WHEELCHAIR, moped)),
        picture((STROLLER, moped)),
        picture(),
    ]
    answers = [
        found((E_BIKE, 0.9, moped)),
        found((E_BIKE, 0.4, moped)),  # below the operating point: missed
        found((E_BIKE, 0.7, moped)),  # a false hold
        found((STROLLER, 0.7, moped)),
        found(),
    ]
    ticks = iter(range(100))
    looks = look(Told(answers), pictures, clock=lambda: float(next(ticks)))
    report = evaluate("toy", looks, CONFS)
    assert (report.pictures, report.median_ms) == (5, 1000.0)
    assert (report.image_recall["e_bike"].hits, report.image_recall["e_bike"].tries) == (1, 2)
    assert report.image_recall["wheelchair"].hits == 0
    assert (report.box_precision["e_bike"].hits, report.box_precision["e_bike"].tries) == (1, 2)
    assert {k: (r.hits, r.tries) for k, r in report.false_hold.items()} == {
        "wheelchair": (1, 1),
        "stroller": (0, 1),
        "empty": (0, 1),
    }
    assert "false hold     wheelchair   1/1" in render(report)


def test_confusion_counts_each_true_box_once() -> None:
    moped = (0.0, 0.0, 50.0, 50.0)
    far = (60.0, 60.0, 90.0, 90.0)
    pictures = [picture((E_BIKE, moped), (PERSON, far)), picture((STROLLER, moped))]
    answers = [found((E_BIKE, 0.9, moped)), found((E_BIKE, 0.9, moped), (PERSON, 0.9, far))]
    table = confusion(look(Told(answers), pictures), CONFS)
    assert table[E_BIKE, E_BIKE] == 1
    assert table[PERSON, -1] == 1  # missed
    assert table[STROLLER, E_BIKE] == 1  # mixed up
    assert table[-1, PERSON] == 1  # made up
    assert table.sum() == 4
    assert draw(table).std() > 0


def test_confusion_of_silence_is_all_missed() -> None:
    table = confusion(
        look(Told([found()]), [picture((E_BIKE, (0, 0, 9, 9)), (PERSON, (5, 5, 20, 20)))]), CONFS
    )
    assert (table[E_BIKE, -1], table[PERSON, -1], table.sum()) == (1, 1, 2)


def test_the_operating_point_is_the_lowest_within_the_limits() -> None:
    scored = [Scored("e_bike", 0.9), Scored("e_bike", 0.42)]
    scored += [Scored("wheelchair", 0.41)] + [Scored("wheelchair", 0.1)] * 50
    best = choose(scored)
    assert best is not None
    assert best.conf == pytest.approx(0.42)
    assert (best.recall.hits, best.recall.tries) == (2, 2)
    assert operating_point(scored, 0.4).false_hold["wheelchair"].hits == 1


def test_a_limit_may_be_broken_by_no_more_than_chance() -> None:
    scored = [Scored("wheelchair", 0.41)] + [Scored("wheelchair", 0.1)] * 77
    best = choose(scored, shown=True)
    assert best is not None
    assert best.conf == pytest.approx(0.35)  # 1 of 78 is no proof of more than 1 %
    many = choose(scored + [Scored("wheelchair", 0.37)] * 3, shown=True)
    assert many is not None
    assert many.conf == pytest.approx(0.38)


def test_the_manifest_keeps_every_limit_where_that_costs_few_e_bikes() -> None:
    wheelchairs = [Scored("wheelchair", 0.41)] + [Scored("wheelchair", 0.1)] * 77
    sure = for_manifest([*wheelchairs, *[Scored("e_bike", 0.8)] * 19, Scored("e_bike", 0.38)])
    assert sure is not None
    assert sure.conf == pytest.approx(0.42)
    assert sure.recall.hits == 19
    faint = for_manifest([*wheelchairs, *[Scored("e_bike", 0.8)] * 18, *[Scored("e_bike", 0.38)] * 2])
    assert faint is not None
    assert faint.conf == pytest.approx(0.35)
    assert faint.recall.hits == 20
    assert for_manifest([Scored("stroller", 0.99)] * 90) is None


def test_no_operating_point_is_said_so() -> None:
    assert choose([Scored("stroller", 0.99)]) is None


def test_scores_are_the_best_e_bike_of_each_picture() -> None:
    pictures = [picture((E_BIKE, (0, 0, 9, 9))), picture((WHEELCHAIR, (0, 0, 9, 9)))]
    answers = [
        found((E_BIKE, 0.6, (0, 0, 9, 9)), (E_BIKE, 0.3, (0, 0, 5, 5))),
        found((WHEELCHAIR, 0.8, (0, 0, 9, 9))),
    ]
    scored = score(look(Told(answers), pictures))
    assert [s.kind for s in scored] == ["e_bike", "wheelchair"]
    assert [s.score for s in scored] == pytest.approx([0.6, 0.0])


def write_set(folder: Path, labels: str | None) -> None:
    """One picture, and labels if given."""
    images = folder / "images" if labels is not None else folder
    images.mkdir(parents=True)
    cv2.imwrite(str(images / "a.png"), np.zeros((50, 100, 3), np.uint8))
    if labels is not None:
        (folder / "labels").mkdir()
        (folder / "labels/a.txt").write_text(labels)


def test_yolo_sets_are_read_in_pixels(tmp_path: Path) -> None:
    write_set(tmp_path / "s", "3 0.5 0.5 0.2 0.4\n")
    ((truth, image),) = read_set(tmp_path / "s")
    assert image.shape == (50, 100, 3)
    assert truth.xyxy.tolist() == [pytest.approx([40, 15, 60, 35])]
    assert truth.present == {WHEELCHAIR}


def test_plain_folders_need_to_be_told_what_they_hold(tmp_path: Path) -> None:
    write_set(tmp_path / "s", None)
    with pytest.raises(ConfigError, match="--expect"):
        list(read_set(tmp_path / "s"))
    ((truth, _),) = read_set(tmp_path / "s", E_BIKE)
    assert truth.present == {E_BIKE}


@pytest.mark.parametrize("labels", ["7 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1", "e_bike 0.5 0.5 0.1 0.1"])
def test_malformed_labels_name_the_file(tmp_path: Path, labels: str) -> None:
    write_set(tmp_path / "s", labels)
    with pytest.raises(ConfigError, match=r"a\.txt"):
        list(read_set(tmp_path / "s"))


def test_an_empty_folder_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no pictures"):
        list(read_set(tmp_path))


def test_the_command_reports_a_missing_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = tmp_path / "manifest.toml"
    manifest.write_text("")
    assert main([str(tmp_path), "--manifest", str(manifest), "--json"]) == 2
    assert "error:" in capsys.readouterr().err


def test_reports_are_json(tmp_path: Path) -> None:
    from dataclasses import asdict

    report = evaluate("toy", look(Told([found()]), [picture()]), CONFS)
    assert json.loads(json.dumps(asdict(report)))["false_hold"]["empty"]["tries"] == 1


def test_box_figures_need_all_boxes(tmp_path: Path) -> None:
    write_set(tmp_path / "s", "0 0.5 0.5 0.2 0.4\n")
    incomplete = evaluate("toy", look(Told([found()]), read_set(tmp_path / "s", E_BIKE)), CONFS)
    assert (incomplete.box_recall, incomplete.box_precision) == ({}, {})
    assert incomplete.image_recall["e_bike"].tries == 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.txt", "bicycle\ne_bike\n"),
        ("data.yaml", "names: {0: person, 1: e_bike}\n"),
        ("data.yaml", "names: [cat]\n"),
    ],
)
def test_sets_with_other_classes_are_refused(tmp_path: Path, file: str, text: str) -> None:
    write_set(tmp_path / "s", "0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "s" / file).write_text(text)
    with pytest.raises(ConfigError, match="relabel"):
        list(read_set(tmp_path / "s"))


def write_judged(folder: Path, *lines: str) -> Path:
    """Judged events; each line's picture is a.png."""
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.zeros((50, 100, 3), np.uint8))
    (folder / "judged.jsonl").write_text("\n".join(lines))
    return folder


def test_judged_events_say_what_pictures_hold(tmp_path: Path) -> None:
    folder = write_judged(
        tmp_path / "judged",
        '{"image": "a.png", "verdict": "confirmed"}',
        '{"image": "a.png", "verdict": "unsure"}',
        '{"image": "a.png", "verdict": "false_alarm", "reason": "wheelchair"}',
        '{"image": "a.png", "verdict": "false_alarm", "reason": "reflection"}',
    )
    truths = [truth for truth, _ in read_set(folder)]
    assert [t.present for t in truths] == [{E_BIKE}, {WHEELCHAIR}, set()]
    assert not any(t.boxed for t in truths)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 1: needs a JSON object"),
        ('{"image": "a.png", "verdict": "maybe"}', "got 'maybe'"),
        ('{"image": "../a.png", "verdict": "confirmed"}', "outside of the folder"),
        ('{"image": "a.png", "verdict": "unsure"}', "no event is judged"),
    ],
)
def test_judged_events_that_cannot_be_used_are_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        list(read_set(write_judged(tmp_path / "judged", line)))


def test_average_precision_of_a_known_case() -> None:
    pytest.importorskip("faster_coco_eval")
    from models.precision import average_precision

    moped = (0.0, 0.0, 50.0, 50.0)
    pictures = [picture((E_BIKE, moped)), picture((E_BIKE, moped)), picture()]
    answers = [found((E_BIKE, 0.9, moped)), found(), found((E_BIKE, 0.95, moped))]
    looks = list(look(Told(answers), pictures))
    (one,) = average_precision(looks, resamples=20).items()
    # One hit below one false find: precision 0.5 up to recall 0.5, so 51 of COCO's 101 points hold 0.5.
    assert one[0] == "e_bike"
    assert one[1].ap50 == pytest.approx(51 / 101 * 0.5)
    assert one[1].boxes == 2
    assert one[1].low is not None
    assert one[1].high is not None
    assert 0 <= one[1].low <= one[1].ap50 <= one[1].high <= 1
    assert "AP at IoU 0.5" in render(evaluate("toy", looks, CONFS, average_precision(looks)))


def test_average_precision_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.precision import average_precision

    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(LiftguardError, match=r"missing extra eval.*liftguard\[eval\]"):
        average_precision([])

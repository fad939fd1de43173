"""The manifest takes what it documents and refuses the rest, naming key and value."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import get_args

import pytest

from models.manifest import DEFAULT_CONF, MANIFEST_PATH, CanonicalName, load_manifest
from vision.errors import ModelError
from vision.types import CLASS_NAMES, E_BIKE, PERSON

GOOD = """
[[models]]
name = "coco"
file = "coco.onnx"
sha256 = "{sha}"
size_wh = [320, 256]
class_names = ["person", "car", "motorcycle"]
class_map = {{ motorcycle = "e_bike", person = "person" }}
licence = "AGPL-3.0-or-later"
origin = "an export"
operating_conf = {{ e_bike = 0.4 }}
"""
SHA = hashlib.sha256(b"weights").hexdigest()


def write(folder: Path, text: str = GOOD, sha: str = SHA) -> Path:
    path = folder / "manifest.toml"
    path.write_text(text.format(sha=sha), encoding="utf-8")
    return path


def test_canonical_names_are_spelled_as_everywhere() -> None:
    assert get_args(CanonicalName) == CLASS_NAMES


def test_a_mapped_entry_reads_as_documented(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path))
    entry = manifest.get()

    assert entry is manifest.get("coco")
    assert entry.size_wh == (320, 256)
    assert entry.canonical_names == ("person", None, "e_bike")
    assert entry.canonical_ids.tolist() == [PERSON, -1, E_BIKE]
    assert entry.operating_confs[E_BIKE] == 0.4
    assert entry.operating_confs[PERSON] == DEFAULT_CONF
    assert entry.head_shape == (1, 7, 40 * 32 + 20 * 16 + 10 * 8)
    assert manifest.weights_dir == tmp_path / "weights"


def test_without_a_map_names_are_canonical_and_default_wins(tmp_path: Path) -> None:
    plain = GOOD.replace('"person", "car", "motorcycle"', '"e_bike", "person"')
    plain = plain.replace('class_map = {{ motorcycle = "e_bike", person = "person" }}\n', "")
    second = plain.replace('"coco"', '"second"') + "default = true\n"
    manifest = load_manifest(write(tmp_path, plain + second))

    assert manifest.get().name == "second"
    assert manifest.get("coco").canonical_ids.tolist() == [E_BIKE, PERSON]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("licence =", 'colour = "red"\nlicence =', r"models\[0\].colour"),
        ('licence = "AGPL-3.0-or-later"\n', "", r"models\[0\].licence"),
        ("[320, 256]", "[320, 250]", r"\[320, 250\].*multiples of stride 32"),
        ("[320, 256]", "[320]", r"models\[0\].size_wh"),
        ("[320, 256]", "[0, 32]", r"32 to 4096"),
        ("[320, 256]", '["320", 256]', r"models\[0\].size_wh"),
        ("{sha}", "abc", r"models\[0\].sha256.*abc"),
        ("motorcycle =", "moped =", "moped"),
        ('"e_bike", person', '"ebike", person', r"class_map.motorcycle"),
        ('motorcycle = "e_bike", ', "", "nothing would ever be held"),
        ("{{ e_bike = 0.4 }}", "{{ person = 0.4 }}", "must give e_bike"),
        ("0.4", "1.4", r"operating_conf.*1\.4"),
        ("0.4", "0.05", r"candidate_conf 0\.1"),
        ('"person", "car"', '"person", "person"', "twice"),
        ('"coco"', '"../coco"', r"models\[0\].name"),
        ("0.4 }}", "0.4 }}\nstride = 16", "stride"),
        ("[[models]]", "extra = 1\n[[models]]", "unknown keys: extra"),
        ("[[models]]", 'path = "x"\n[[models]]', "unknown keys: path"),
        ("[[models]]", "[[models]", "not TOML"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ModelError, match=says):
        load_manifest(write(tmp_path, GOOD.replace(old, new)))


def test_two_of_a_name_and_two_defaults_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="names must differ"):
        load_manifest(write(tmp_path, GOOD + GOOD))
    defaults = GOOD + "default = true\n" + GOOD.replace('"coco"', '"b"') + "default = true\n"
    with pytest.raises(ModelError, match="only one model may be the default"):
        load_manifest(write(tmp_path, defaults))


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'nano'.*one of: coco"):
        load_manifest(write(tmp_path)).get("nano")


def test_heads_are_found_by_the_model_that_says_so_or_by_the_one_that_runs(tmp_path: Path) -> None:
    other = GOOD.replace('"coco"', '"b"')
    manifest = load_manifest(write(tmp_path, GOOD + "default = true\n" + other + "heads = true\n"))
    assert (manifest.get().name, manifest.for_heads().name) == ("coco", "b")
    manifest = load_manifest(write(tmp_path, GOOD + "default = true\n" + other))
    assert (manifest.for_heads().name, manifest.for_heads("b").name) == ("coco", "b")
    with pytest.raises(ModelError, match="only one model may be the one for heads"):
        load_manifest(write(tmp_path, GOOD + "heads = true\n" + other + "heads = true\n"))


def test_no_default_among_two_asks_for_one(tmp_path: Path) -> None:
    manifest = load_manifest(write(tmp_path, GOOD + GOOD.replace('"coco"', '"b"')))
    with pytest.raises(ModelError, match=r"no default model.*coco, b"):
        manifest.get()


def test_an_empty_manifest_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"add a \[\[models\]\] table"):
        load_manifest(write(tmp_path, "# nothing yet\n")).get()


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.toml.*detector\.manifest"):
        load_manifest(tmp_path / "absent.toml")


def test_weights_are_read_and_their_hash_is_checked(tmp_path: Path) -> None:
    entry = load_manifest(write(tmp_path)).get()
    with pytest.raises(ModelError, match=r"cannot read .*coco\.onnx"):
        entry.read_weights(tmp_path)

    (tmp_path / "coco.onnx").write_bytes(b"weights")
    assert entry.read_weights(tmp_path) == b"weights"

    (tmp_path / "coco.onnx").write_bytes(b"altered")
    with pytest.raises(ModelError, match=f"{hashlib.sha256(b'altered').hexdigest()}.*{SHA}"):
        entry.read_weights(tmp_path)


@pytest.mark.parametrize("file", ["../coco.onnx", "a/../../coco.onnx", "link/coco.onnx"])
def test_a_relative_file_stays_in_the_weights_folder(tmp_path: Path, file: str) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (tmp_path / "coco.onnx").write_bytes(b"weights")
    (weights / "link").symlink_to(tmp_path)
    entry = load_manifest(write(tmp_path, GOOD.replace("coco.onnx", file))).get()

    with pytest.raises(ModelError, match="leads out of the weights folder"):
        entry.read_weights(weights)


def test_an_absolute_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "coco.onnx").write_bytes(b"weights")
    text = GOOD.replace("coco.onnx", str(tmp_path / "coco.onnx"))

    assert load_manifest(write(tmp_path, text)).get().read_weights(tmp_path / "elsewhere") == b"weights"


def test_the_shipped_manifest_and_its_files_are_sound() -> None:
    manifest = load_manifest()

    assert all(entry.read_weights(manifest.weights_dir) for entry in manifest.models)


def test_the_example_in_the_shipped_manifest_can_be_filled_in(tmp_path: Path) -> None:
    text = MANIFEST_PATH.read_text(encoding="utf-8")
    comment = text[text.index("# [[models]]") :].split("\n#\n")[0]
    example = "\n".join(line.removeprefix("# ") for line in comment.splitlines() if line.startswith("#"))
    path = tmp_path / "manifest.toml"
    path.write_text(example.replace("…64 hex digits…", SHA), encoding="utf-8")

    assert load_manifest(path).get().class_names == CLASS_NAMES


def test_slack_wants_trim_and_makes_the_input_of_a_wide_camera_smaller(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"trim_slack 0\.05 means nothing without trim"):
        load_manifest(write(tmp_path, GOOD + "trim_slack = 0.05\n"))
    entry = load_manifest(write(tmp_path, GOOD + "trim = true\n")).get().model_copy
    wide = {slack: entry(update={"size_wh": (352, 352), "trim_slack": slack}) for slack in (0.0, 0.05)}
    assert {slack: one.input_wh((1920, 1080)) for slack, one in wide.items()} == {
        0.0: (352, 224),
        0.05: (352, 192),
    }


def test_the_digest_of_what_is_seen_changes_with_what_changes_it(tmp_path: Path) -> None:
    entry = load_manifest(write(tmp_path)).get()
    same = {"name": "other", "file": "elsewhere.onnx", "default": True, "operating_conf": {"e_bike": 0.9}}
    assert entry.model_copy(update=same).looks_digest == entry.looks_digest
    other = (
        {"sha256": "0" * 64},
        {"size_wh": (352, 352)},
        {"trim": True},
        {"trim": True, "trim_slack": 0.05},
        {"calibration": {"e_bike": (1.5, 0.2)}},
    )
    digests = {entry.model_copy(update=change).looks_digest for change in other}
    assert len(digests | {entry.looks_digest}) == len(other) + 1

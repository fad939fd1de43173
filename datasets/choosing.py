"""Cut-outs that somebody has looked at: a numbered contact sheet, and the list of what was found good.

The list holds the SHA-256 of each file, so a piece that is made anew must be looked at anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from datasets.shapes import Cutout, read_rgba
from datasets.tiles import LINE_PX, tile
from datasets.tiles import sheet as tiled
from vision.errors import ConfigError

LIST: Final = "chosen.json"


def sheet(folder: Path, columns: int = 14, size: int = 130) -> Path:
    """A contact sheet of the RGBA pictures in a folder, numbered in name order, written beside the folder.

    Raises: ValueError for a file that is no such picture.
    """
    tiles = []
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        image, alpha = read_rgba(path)
        share = alpha[..., None].astype(np.float32) / 255
        shown = (image * share + np.array((200, 120, 200)) * (1 - share)).astype(np.uint8)
        tiles.append(tile(shown, (size, round(size * 1.6) + LINE_PX), str(number)))
    path = folder.parent / f"{folder.name}.png"
    if tiles:
        cv2.imwrite(str(path), tiled(tiles, columns))
    return path


def choose(folder: Path, numbers: Mapping[str, str]) -> None:
    """Add what somebody found good to the list in ``folder``.

    Args: numbers: by kind (a folder of pictures), numbers of its contact sheet such as ``7-27,30``.
    Raises: ConfigError for a kind or number there is not.
    """
    chosen: dict[str, list[str]] = {}
    path = folder / LIST
    if path.exists():
        chosen = json.loads(path.read_text("utf-8"))
    for kind, text in numbers.items():
        files = sorted((folder / kind).glob("*.png"))
        try:
            chosen[kind] = [digest(files[n]) for part in text.split(",") for n in _range(part)]
        except (ValueError, IndexError) as exc:
            raise ConfigError(f"{kind} {text!r}: {exc}; numbers are those on the contact sheet") from exc
    path.write_text(json.dumps(chosen, indent=1), "utf-8")


def chosen_pieces(folder: Path, kinds: Mapping[str, int], origin: str) -> Iterator[Cutout]:
    """Every file on the list.

    Args: kinds: class of each kind. origin: name of the set, before the picture's in `Cutout.source`: a file
    is named ``PICTURE-X-Y`` (`datasets.whole`).
    Raises: ConfigError if there is no list, or if it names a kind of which the class is not given;
        ValueError for a file that is no RGBA picture.
    """
    path = folder / LIST
    try:
        chosen: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(
            f"{path}: nobody has chosen cut-outs yet ({exc.strerror}); see python -m datasets.whole --help"
        ) from exc
    for kind, hashes in chosen.items():
        if kind not in kinds:
            raise ConfigError(f"{path}: unknown kind {kind!r}; known: {', '.join(kinds)}")
        for file in sorted((folder / kind).glob("*.png")):
            if digest(file) in hashes:
                source = f"{origin}/{file.stem.rsplit('-', 2)[0]}"
                yield Cutout(*read_rgba(file), kinds[kind], source)


def digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _range(part: str) -> range:
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)

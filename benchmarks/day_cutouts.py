"""Cuts people and wheelchair users out of held-out pictures, for somebody to choose from by eye.

The day of `benchmarks.false_holds` needs whole people: half of what GrabCut cuts is a jacket without a
head, and a detector that takes such a scrap for anything is not at fault. This writes candidates as RGBA
pictures into OUT/day_pieces/<kind>/ with a contact sheet of each kind. Look at the sheets, then write the
good ones into OUT/day_pieces/chosen.json: `--choose person 7-27,30-34 --choose wheelchair 14,20-27`. The
list holds the SHA-256 of each file, so a piece that is made anew must be looked at anew. Real people: never
commit them.

    python -m benchmarks.day_cutouts [--isnet FILE.onnx] [--most N] [--choose KIND NUMBERS]

--isnet names IS-Net (Qin et al., ECCV 2022) exported for 1024 x 1024 px; without it GrabCut cuts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from api.load import load_settings
from benchmarks.report import parser, run
from datasets.boxes import Box, Sample, overlap_share, read_yolo
from datasets.pieces import grab
from datasets.shapes import Cutout, cut_out, largest_part
from datasets.split import is_val
from models.sets import load_picture
from vision.errors import ConfigError
from vision.types import PERSON, WHEELCHAIR, Image

KINDS: Final = {"person": PERSON, "wheelchair": WHEELCHAIR}
LEAST_HIGH_PX: Final = 120
PERSON_SLIM: Final = 1.7  # height over width of somebody who stands or walks, seen whole
MARGIN: Final = (0.15, 0.06)  # around the box, shares of its width and height
IN_PX: Final = 1024  # side of IS-Net's input
FAINT, SOLID = 80, 200
"""Alpha below the first is mist and becomes 0, above the second it becomes 255. Ours, by eye."""
Mask = Callable[[Image, Box], NDArray[np.uint8] | None]


def main() -> None:
    """Cut, or choose."""
    made = parser(__doc__)
    made.add_argument("--isnet", type=Path, help="IS-Net as ONNX (default: GrabCut)")
    made.add_argument("--most", type=int, default=60, help="candidates of a kind (default: 60)")
    made.add_argument("--choose", nargs=2, action="append", metavar=("KIND", "NUMBERS"), help="by the sheets")
    options = made.parse_args()
    folder = options.out / "day_pieces"
    if options.choose:
        choose(folder, dict(options.choose))
        return
    data = load_settings().data
    mask = _isnet(options.isnet) if options.isnet else grab
    console = Console(stderr=True)
    for kind, class_id in KINDS.items():
        into = folder / kind
        into.mkdir(parents=True, exist_ok=True)
        found = sorted(_alone(data / "wheelchair", class_id), key=lambda one: one[1].y1 - one[1].y2)
        for sample, box in track(found[: options.most], kind, console=console):
            path = into / f"{sample.name}-{round(box.x1)}-{round(box.y1)}.png"
            piece = None if path.exists() else _piece(sample, box, mask)
            if piece is not None:
                cv2.imwrite(str(path), np.dstack([piece.image, piece.alpha]))
        console.print(f"{kind}: look at {sheet(into)}")


def choose(folder: Path, numbers: dict[str, str]) -> None:
    """Write the list of what somebody found good. Raises: ConfigError for a kind or number there is not."""
    chosen: dict[str, list[str]] = {}
    path = folder / "chosen.json"
    if path.exists():
        chosen = json.loads(path.read_text("utf-8"))
    for kind, text in numbers.items():
        files = sorted((folder / kind).glob("*.png"))
        try:
            wanted = [n for part in text.split(",") for n in _range(part)]
            chosen[kind] = [digest(files[n]) for n in wanted]
        except (ValueError, IndexError) as exc:
            raise ConfigError(f"{kind} {text!r}: {exc}; numbers are those on the contact sheet") from exc
    path.write_text(json.dumps(chosen, indent=1), "utf-8")


def chosen_pieces(folder: Path) -> Iterator[tuple[str, Cutout]]:
    """(kind, cut-out) of every file on the list. Raises: ConfigError if there is no list."""
    path = folder / "chosen.json"
    try:
        chosen: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(
            f"{path}: nobody has chosen cut-outs yet ({exc.strerror}); "
            "see python -m benchmarks.day_cutouts --help"
        ) from exc
    for kind, hashes in chosen.items():
        for file in sorted((folder / kind).glob("*.png")):
            if digest(file) in hashes:
                rgba = np.asarray(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), np.uint8)
                image = np.ascontiguousarray(rgba[..., :3])
                yield kind, Cutout(image, np.ascontiguousarray(rgba[..., 3]), KINDS[kind], file.stem)


def digest(path: Path) -> str:
    """SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sheet(folder: Path, columns: int = 14, size: int = 130) -> Path:
    """A contact sheet with numbers, beside the folder."""
    tiles = []
    for number, path in enumerate(sorted(folder.glob("*.png"))):
        rgba = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.float32)
        share = rgba[..., 3:] / 255
        shown = (rgba[..., :3] * share + np.array((200, 120, 200)) * (1 - share)).astype(np.uint8)
        scale = min(size * 1.6 / shown.shape[0], size / shown.shape[1])
        small = cv2.resize(shown, None, fx=scale, fy=scale)
        tile = np.full((round(size * 1.6) + 16, size + 1, 3), 255, np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        at = (2, tile.shape[0] - 3)
        cv2.putText(tile, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
        tiles.append(tile)
    path = folder.parent / f"{folder.name}.png"
    if tiles:
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
        rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
        cv2.imwrite(str(path), np.vstack(rows))
    return path


def _range(part: str) -> range:
    low, _, high = part.partition("-")
    return range(int(low), int(high or low) + 1)


def _alone(folder: Path, class_id: int) -> Iterator[tuple[Sample, Box]]:
    """Held-out people and wheelchairs that are whole, large and touch nothing else of their picture."""
    for path in sorted((folder / "images").iterdir()):
        source = f"{folder.name}/{path.stem}"
        if not is_val(source):
            continue
        image = load_picture(path)
        h, w = image.shape[:2]
        boxes = tuple(read_yolo(folder / "labels" / f"{path.stem}.txt", (w, h)))
        for box in boxes:
            wide, high = box.x2 - box.x1, box.y2 - box.y1
            whole = box.x1 > 1 and box.y1 > 1 and box.x2 < w - 1 and box.y2 < h - 1
            apart = all(b is box or overlap_share(box, b) < 0.12 for b in boxes)
            slim = class_id != PERSON or high >= PERSON_SLIM * wide
            if box.class_id == class_id and whole and apart and slim and high >= LEAST_HIGH_PX:
                yield Sample(image, boxes, path.stem, source), box


def _piece(sample: Sample, box: Box, mask: Mask) -> Cutout | None:
    found = mask(sample.image, box)
    return None if found is None else cut_out(sample.image, found, box.class_id, sample.source)


def _isnet(path: Path) -> Mask:
    """What cuts with IS-Net: a mask (H, W) of what stands out in a box."""
    import onnxruntime as ort

    session: Any = ort.InferenceSession(str(path))
    name = session.get_inputs()[0].name

    def mask(image: Image, box: Box) -> NDArray[np.uint8] | None:
        h, w = image.shape[:2]
        dx, dy = MARGIN[0] * (box.x2 - box.x1), MARGIN[1] * (box.y2 - box.y1)
        x1, y1 = max(0, round(box.x1 - dx)), max(0, round(box.y1 - dy))
        crop = image[y1 : min(h, round(box.y2 + dy)), x1 : min(w, round(box.x2 + dx))]
        side = max(crop.shape[:2])
        bottom, right = side - crop.shape[0], side - crop.shape[1]
        square = cv2.copyMakeBorder(crop, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
        fitted = cv2.resize(square, (IN_PX, IN_PX))[..., ::-1].astype(np.float32)
        (out, *_) = session.run(None, {name: ((fitted - 128) / 256).transpose(2, 0, 1)[None]})
        grey = np.clip(np.squeeze(np.asarray(out, np.float32)) * 255, 0, 255)
        alpha = cv2.resize(grey, (side, side))[: crop.shape[0], : crop.shape[1]]
        firm = np.clip((alpha - FAINT) * 255 / (SOLID - FAINT), 0, 255).astype(np.uint8)
        whole = np.zeros((h, w), np.uint8)
        whole[y1 : y1 + crop.shape[0], x1 : x1 + crop.shape[1]] = largest_part(firm)
        return whole

    return mask


if __name__ == "__main__":
    run(main)

"""The manifest: which model files exist, how to read them, and from which confidence to believe them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vision.errors import ModelError
from vision.geometry import trimmed
from vision.types import CLASS_NAMES

CanonicalName = Literal["e_bike", "bicycle", "stroller", "wheelchair", "person", "kick_scooter"]
"""The members of `vision.types.CLASS_NAMES`, spelled out for pydantic (a test compares them)."""

Conf = Annotated[float, Field(gt=0, lt=1)]

Line = tuple[Annotated[float, Field(ge=0.2, le=5)], Annotated[float, Field(ge=-5, le=5)]]
"""Slope and shift (nats) of a class's log-odds."""

MANIFEST_PATH: Final = Path(__file__).with_name("manifest.toml")
"""The shipped manifest; its weights lie in ``weights/`` beside it."""

DROPPED: Final = -1
"""Canonical id of a model class that means nothing here."""

HEAD_STRIDES: Final = (8, 16, 32, 64)
"""Pixels per cell of the YOLOv8 head's levels P3 to P6 (ultralytics: yolov8.yaml, yolov8-p6.yaml)."""

DEFAULT_CONF: Final = 0.25
"""Operating confidence of a class for which the manifest gives none: ultralytics' default for prediction."""


class ModelEntry(BaseModel):
    """One ``[[models]]`` table. Sizes in pixels, confidences and IoU in (0, 1)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    file: str = Field(min_length=1, max_length=1000)  # relative to the weights folder, or absolute
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_wh: tuple[int, int] = Field(strict=False)  # strict would refuse TOML's arrays
    stride: Literal[32, 64] = 32
    trim: bool = False  # leave out padding wider than a stride; the file's height and width must be free
    trim_slack: float = Field(default=0.0, ge=0, le=0.2)  # picture may shrink by this share to save a stride
    class_names: tuple[str, ...] = Field(strict=False, min_length=1, max_length=1000)
    class_map: dict[str, CanonicalName] | None = None  # None: class_names are canonical
    licence: str = Field(min_length=1, max_length=200)
    origin: str = Field(min_length=1, max_length=1000)
    candidate_conf: Conf = 0.10
    nms_iou: Conf = 0.6
    operating_conf: dict[CanonicalName, Conf]
    calibration: dict[CanonicalName, Line] | None = None  # [slope, shift] per class, see models.calibration
    default: bool = False
    heads: bool = False  # finds the heads that are covered where faces may not be seen

    @field_validator("calibration", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        """TOML's arrays are lists; strict wants tuples."""
        if not isinstance(value, dict):
            return value
        return {k: tuple(float(n) for n in v) if _are_numbers(v) else v for k, v in value.items()}

    @field_validator("size_wh")
    @classmethod
    def _size_in_range(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not all(32 <= side <= 4096 for side in value):
            raise ValueError(f"[w, h] must lie in 32 to 4096 pixels; got {list(value)}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> ModelEntry:
        if any(side % self.stride for side in self.size_wh):
            raise ValueError(f"size_wh {list(self.size_wh)} must be multiples of stride {self.stride}")
        if self.trim_slack and not self.trim:
            raise ValueError(f"trim_slack {self.trim_slack} means nothing without trim = true; add it")
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError("class_names holds a name twice; give the model's own list, in output order")
        if self.class_map is None:
            strange = [n for n in self.class_names if n not in CLASS_NAMES]
            hint = f"add class_map, or use {', '.join(CLASS_NAMES)}"
        else:
            strange = [n for n in self.class_map if n not in self.class_names]
            hint = "class_map may only name what class_names holds"
        if strange:
            raise ValueError(f"class names {', '.join(strange[:5])} are not understood; {hint}")
        if "e_bike" not in self.canonical_names:
            raise ValueError("no class becomes e_bike, so nothing would ever be held; map one in class_map")
        if "e_bike" not in self.operating_conf:
            raise ValueError("operating_conf must give e_bike, the class that holds the door")
        low = {n: c for n, c in self.operating_conf.items() if c < self.candidate_conf}
        if low or self.candidate_conf > DEFAULT_CONF:
            raise ValueError(
                f"candidate_conf {self.candidate_conf} must not lie above any operating confidence "
                f"({low or DEFAULT_CONF}); lower it"
            )
        return self

    @property
    def canonical_names(self) -> tuple[str | None, ...]:
        """Canonical name of each model class, in output order. None: dropped."""
        if self.class_map is None:
            return self.class_names
        return tuple(self.class_map.get(name) for name in self.class_names)

    @property
    def canonical_ids(self) -> NDArray[np.int64]:
        """(C,) int64: index into `CLASS_NAMES` of each model class, or `DROPPED`."""
        return np.array(
            [DROPPED if n is None else CLASS_NAMES.index(n) for n in self.canonical_names], np.int64
        )

    @property
    def operating_confs(self) -> tuple[float, ...]:
        """Operating confidence per canonical class id, `DEFAULT_CONF` where none is given."""
        given: dict[str, float] = {str(k): v for k, v in self.operating_conf.items()}
        return tuple(given.get(name, DEFAULT_CONF) for name in CLASS_NAMES)

    @property
    def calibration_lines(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(C,) slopes and (C,) shifts per canonical class id; 1 and 0 where none are given."""
        given: dict[str, tuple[float, float]] = {str(k): v for k, v in (self.calibration or {}).items()}
        lines = np.array([given.get(name, (1.0, 0.0)) for name in CLASS_NAMES], np.float64)
        return lines[:, 0], lines[:, 1]

    @property
    def head_shape(self) -> tuple[int, int, int]:
        """(1, 4 + C, N) of the raw YOLOv8 head: N counts the cells of all levels."""
        return self.head_shape_at(self.size_wh)

    def head_shape_at(self, size_wh: tuple[int, int]) -> tuple[int, int, int]:
        """`head_shape` for another input size, pixels: what a trimmed picture gives."""
        w, h = size_wh
        cells = sum((w // s) * (h // s) for s in HEAD_STRIDES if s <= self.stride)
        return 1, 4 + len(self.class_names), cells

    @property
    def looks_digest(self) -> str:
        """8 hex digits over all that decides what it sees in a picture: file, input, classes, calibration."""
        other = {"name", "licence", "origin", "operating_conf", "default", "heads", "file"}
        return hashlib.sha256(self.model_dump_json(exclude=other).encode()).hexdigest()[:8]

    def input_wh(self, source_wh: tuple[int, int]) -> tuple[int, int]:
        """Width and height, pixels, of the input that a picture of ``source_wh`` gets, padding included."""
        if not self.trim:
            return self.size_wh
        return trimmed(source_wh, self.size_wh, self.stride, self.trim_slack)

    def weights_path(self, weights_dir: Path) -> Path:
        """Where the file lies. Raises: ModelError if a relative path leaves ``weights_dir``."""
        given = Path(self.file)
        if given.is_absolute():
            return given
        root = weights_dir.resolve()
        path = (root / given).resolve()
        if not path.is_relative_to(root):
            raise ModelError(
                f"model {self.name}: file {self.file!r} leads out of the weights folder {root}; "
                "put it there or give an absolute path"
            )
        return path

    def read_weights(self, weights_dir: Path) -> bytes:
        """The bytes of the model file, hash checked (what is checked is what runs).

        Raises: ModelError if it is missing, unreadable or has another sha256.
        """
        path = self.weights_path(weights_dir)
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise ModelError(
                f"model {self.name}: cannot read {path} ({exc.strerror or exc}); "
                "check that the weights are installed there, or correct `file` in the manifest"
            ) from exc
        seen = hashlib.sha256(data).hexdigest()
        if seen != self.sha256:
            raise ModelError(
                f"model {self.name}: {path} ({len(data)} bytes) has sha256 {seen}, the manifest says "
                f"{self.sha256}; fetch the file again, or correct the manifest if you changed the model"
            )
        return data


class Manifest(BaseModel):
    """All models of one manifest file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    models: tuple[ModelEntry, ...] = Field((), strict=False)
    path: Path = Field(MANIFEST_PATH, exclude=True)  # where it was read from; not a key of the file

    @model_validator(mode="after")
    def _names_and_default(self) -> Manifest:
        names = [m.name for m in self.models]
        if len(set(names)) != len(names):
            raise ValueError(f"model names must differ; got {', '.join(names)}")
        defaults = [m.name for m in self.models if m.default]
        if len(defaults) > 1:
            raise ValueError(f"only one model may be the default; got {', '.join(defaults)}")
        heads = [m.name for m in self.models if m.heads]
        if len(heads) > 1:
            raise ValueError(f"only one model may be the one for heads; got {', '.join(heads)}")
        return self

    @property
    def weights_dir(self) -> Path:
        """The folder that relative `file` entries start from: ``weights`` beside the manifest."""
        return self.path.parent / "weights"

    def for_heads(self, name: str | None = None) -> ModelEntry:
        """The model that finds heads to cover; the one called ``name``, as `get`, if none is said to.

        Raises: ModelError if there is none.
        """
        return next((m for m in self.models if m.heads), None) or self.get(name)

    def get(self, name: str | None = None) -> ModelEntry:
        """The model called ``name``; None: the default one, or the only one.

        Raises: ModelError if there is none.
        """
        names = ", ".join(m.name for m in self.models) or "none"
        if name is not None:
            found = [m for m in self.models if m.name == name]
            advice = f"set detector.model to one of: {names}"
        else:
            found = [m for m in self.models if m.default or len(self.models) == 1]
            advice = f"set detector.model, or `default = true` on one of: {names}"
        if not self.models:
            advice = (
                "add a [[models]] table (docs/formats.md shows one) or set detector.manifest to another file"
            )
        if not found:
            wanted = "default model" if name is None else f"model {name!r}"
            raise ModelError(f"no {wanted} in {self.path}, which lists {names}; {advice}")
        return found[0]


def load_manifest(path: Path | None = None) -> Manifest:
    """Read a manifest; None: the shipped one.

    Raises: ModelError naming the file, the key and the value if it is missing, not TOML, or has an unknown
    key or a value out of range.
    """
    path = MANIFEST_PATH if path is None else path
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ModelError(
            f"cannot read the model manifest {path} ({exc.strerror or exc}); correct detector.manifest"
        ) from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ModelError(f"the model manifest {path} is not TOML ({exc}); correct it there") from exc
    if set(table) - {"models"}:
        raise ModelError(
            f"the model manifest {path} has unknown keys: {', '.join(sorted(set(table) - {'models'}))}; "
            "it holds [[models]] tables only"
        )
    try:
        return Manifest.model_validate({**table, "path": path})
    except ValidationError as exc:
        raise ModelError(f"the model manifest {path} is not right: {first_errors(exc)}") from exc


def trim_words(model: Mapping[str, Any]) -> str:
    """How a model trims, for people: nothing, ``trimmed`` or ``trimmed (slack 5%)``.

    Args: model: with ``trim``, and ``trim_slack`` where there is any (files measured earlier have none).
    """
    if not model["trim"]:
        return ""
    slack = model.get("trim_slack", 0.0)
    return f"trimmed (slack {slack:.0%})" if slack else "trimmed"


def _are_numbers(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(n, int | float) for n in value)


def first_errors(exc: ValidationError, limit: int = 3) -> str:
    """The first few problems in one line: key, what is wrong, the value seen."""
    lines = []
    for error in exc.errors(include_url=False)[:limit]:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
        seen = "" if isinstance(error["input"], dict) else f" (got {error['input']!r:.80})"
        lines.append(f"{key.lstrip('.') or 'models'}: {error['msg'].removeprefix('Value error, ')}{seen}")
    more = exc.error_count() - limit
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")

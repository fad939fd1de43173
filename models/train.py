"""Fine-tunes a COCO YOLOv8 into Liftguard's six classes. Needs the ``train`` extra; the product does not.

What is done differently from plain ultralytics training, and why:
- Class rows are copied from the nearest COCO class and the head keeps its width, so training starts from what
  COCO knows (a fresh head forgets: e-bike recall on elevator photos fell from .50 to .20).
- Weights rebuilt from a fused ONNX export carry batch norms with mean 0 and variance 1, which are only right
  while nothing trains. `rebase_batch_norms` measures the real statistics first, so that training starts from
  the same function.
- The optimiser steps after every batch (``nbs`` = batch; ultralytics adds up 64 pictures by default), and the
  rate falls batch by batch: short runs need the steps, and must end annealed.
- The backbone stays frozen first; a second call with ``--freeze 0`` and a low rate lets it move.

``python -m models.train --weights yolov8n_coco.pt --data out/data.yaml --out runs/one``
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.amplitude import mixing_amplitudes
from models.stretch import stretching
from vision.errors import ConfigError, LiftguardError
from vision.types import CLASS_NAMES

COCO_ROWS = {"e_bike": 3, "bicycle": 1, "stroller": 56, "wheelchair": 56, "person": 0, "kick_scooter": 36}
"""COCO class (motorcycle, bicycle, chair, chair, person, skateboard) whose output row starts each of ours."""
COCO_CLASSES = 80


def has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 in hardware (avx512_bf16, amx_bf16; Arm: bf16).

    False where the system does not say.
    """
    try:
        flags = cpuinfo.read_text("utf-8").split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run. Defaults are for two CPU cores; see models/runs.md for what each was chosen by."""

    weights: Path
    data: Path  # data.yaml of datasets.build
    out: Path
    epochs: int = 8
    imgsz: int = 320
    batch: int = 16
    lr: float = 4e-4
    freeze: int = 10  # leading layers kept as they are; 10 = the backbone
    seed: int = 7
    warmup: float = 0.5  # epochs over which the rate rises; little for a run that goes on from another
    mosaic: float = 0.3  # share of training pictures shown four in one
    multi_scale: float = 0.0  # batches vary in size by up to this share of imgsz, in steps of the stride
    stretch: float = 0.0  # batches get shorter or longer along one side by up to this share
    amplitudes: float = 0.0  # share of pictures that take some of another's colours and textures
    ema: float = 0.98  # weights kept are a running mean over about 1 / (1 - ema) steps
    save_minutes: float = 5.0  # last.pt is written at least this often, not only after an epoch
    workers: int = 1
    bf16: bool = field(default_factory=has_bf16)  # forward and backward in bfloat16
    hours: float = (
        0.0  # > 0: stop after this long, with the rate schedule fitted to it, whatever `epochs` says
    )


def _ultralytics() -> Any:
    """The ultralytics package. Raises: LiftguardError if the train extra is not installed."""
    try:
        import ultralytics
    except ImportError as exc:
        raise LiftguardError(
            "training needs torch and ultralytics, which are not installed; missing extra train: "
            "try `pip install 'liftguard[train]'`"
        ) from exc
    return ultralytics


def head_rows(names: tuple[str, ...] = CLASS_NAMES) -> list[int]:
    """COCO row to start each of our class rows from. Raises: ConfigError for a class without one."""
    missing = [n for n in names if n not in COCO_ROWS]
    if missing:
        raise ConfigError(f"no COCO class to start {missing} from; known: {sorted(COCO_ROWS)}")
    return [COCO_ROWS[n] for n in names]


def adapt_head(model: Any) -> Any:
    """Replace the 80 class rows of a COCO detection model by ours, in place, keeping the head's width.

    A model that has our classes already is returned as it is.
    """
    import torch

    detect = model.model[-1]
    if detect.nc == len(CLASS_NAMES):
        return model
    if detect.nc != COCO_CLASSES:
        raise ConfigError(
            f"starting weights have {detect.nc} classes; need COCO's {COCO_CLASSES} or our {len(CLASS_NAMES)}"
        )
    rows = head_rows()
    for branch in detect.cv3:
        old = branch[-1]
        new = torch.nn.Conv2d(old.in_channels, len(rows), 1)
        with torch.no_grad():
            new.weight.copy_(old.weight[rows])
            new.bias.copy_(old.bias[rows])
        branch[-1] = new
    detect.nc, detect.no = len(rows), len(rows) + detect.reg_max * 4
    model.nc, model.names = len(rows), dict(enumerate(CLASS_NAMES))
    model.yaml["nc"] = len(rows)
    return model


def rebase_batch_norms(model: Any, batches: Iterable[Any]) -> int:
    """Give fused-then-rebuilt batch norms true statistics without changing what eval mode computes.

    A fused export leaves ``y = x + b`` (mean 0, variance 1). With measured mean m and variance v of x, the
    same function is ``sqrt(v) * (x - m) / sqrt(v) + (b + m)``, and now train mode agrees with eval mode.

    Args: batches: float tensors (B, 3, S, S) in [0, 1]. Returns: how many batch norms were changed.
    """
    import torch

    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    fused = [m for m in norms if bool((m.running_mean == 0).all()) and bool((m.running_var == 1).all())]
    if not fused:
        return 0
    sums: dict[Any, list[Any]] = {m: [0.0, 0.0, 0] for m in fused}

    def watch(module: Any, args: Any) -> None:
        x = args[0].detach().double()
        entry = sums[module]
        entry[0] = entry[0] + x.sum(dim=(0, 2, 3))
        entry[1] = entry[1] + (x * x).sum(dim=(0, 2, 3))
        entry[2] += x.shape[0] * x.shape[2] * x.shape[3]

    hooks = [m.register_forward_pre_hook(watch) for m in fused]
    model.eval()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for norm, (total, squares, count) in sums.items():
            mean = total / max(count, 1)
            var = (squares / max(count, 1) - mean * mean).clamp(min=1e-6)
            old_gain = norm.weight / (norm.running_var + norm.eps).sqrt()
            norm.bias.copy_((norm.bias.double() + old_gain.double() * mean).float())
            norm.weight.copy_((old_gain.double() * (var + norm.eps).sqrt()).float())
            norm.running_mean.copy_(mean.float())
            norm.running_var.copy_(var.float())
    return len(fused)


def calibration_batches(folder: Path, imgsz: int, count: int = 256, batch: int = 16) -> Iterable[Any]:
    """Training pictures as letterboxed tensors, spread evenly over the folder.

    Raises: ConfigError if there are none.
    """
    import torch

    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise ConfigError(
            f"{folder}: no .jpg pictures to measure batch norms on; build the set first (datasets.build)"
        )
    paths = paths[:: max(1, len(paths) // count)][:count]
    for start in range(0, len(paths), batch):
        stack = np.full((len(paths[start : start + batch]), imgsz, imgsz, 3), 114, np.uint8)
        for slot, path in zip(stack, paths[start : start + batch], strict=True):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise ConfigError(f"{path}: cannot be decoded; rebuild the set")
            h, w = image.shape[:2]
            scale = imgsz / max(h, w)
            small = cv2.resize(image, (max(1, round(w * scale)), max(1, round(h * scale))))
            top, left = (imgsz - small.shape[0]) // 2, (imgsz - small.shape[1]) // 2
            slot[top : top + small.shape[0], left : left + small.shape[1]] = small
        yield torch.from_numpy(np.ascontiguousarray(stack[..., ::-1].transpose(0, 3, 1, 2))).float() / 255


def rate_share(done: float, last: float = 0.05) -> float:
    """Half a cosine from 1 to ``last`` as ``done`` goes from 0 to 1 (Loshchilov & Hutter, ICLR 2017)."""
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * min(max(done, 0.0), 1.0)))


def _anneal_every_batch(settings: TrainSettings, clock: Callable[[], float] = time.monotonic) -> Any:
    """A trainer callback that lowers the rate batch by batch: runs of one or two epochs end annealed too."""
    started_s = clock()
    batches = 0

    def on_train_batch_start(trainer: Any) -> None:
        nonlocal batches
        total = max(1, settings.epochs * len(trainer.train_loader))
        done = (clock() - started_s) / (settings.hours * 3600) if settings.hours > 0 else batches / total
        batches += 1
        for group in trainer.optimizer.param_groups:
            group["lr"] = settings.lr * rate_share(done)

    return on_train_batch_start


def short_memory(decay: float) -> Any:
    """A trainer callback for the running mean of the weights.

    Ultralytics' own mean is made for 100,000 steps: after a few hundred it hardly averages at all.
    """

    def on_train_start(trainer: Any) -> None:
        if trainer.ema is not None:
            trainer.ema.decay = lambda steps: min(decay, steps / (steps + 10))

    return on_train_start


def to_float(predictions: Any) -> Any:
    """A prediction's tensors as float32, however they are nested in dicts, lists and tuples."""
    if isinstance(predictions, dict):
        return {key: to_float(value) for key, value in predictions.items()}
    if isinstance(predictions, list | tuple):
        return type(predictions)(to_float(value) for value in predictions)
    return predictions.float() if hasattr(predictions, "float") else predictions


def forward_in_bf16(trainer: Any) -> None:
    """A trainer callback: the network computes in bfloat16, weights, sums and the loss stay in float32.

    Ultralytics' own ``amp="bf16"`` computes the loss in bfloat16 too, whose 8 bits are coarse for box edges.
    """
    import torch

    model = trainer.model

    def loss(batch: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            preds = model.predict(batch["img"])
        return model.criterion(to_float(preds), batch)

    model.criterion = model.init_criterion()
    model.loss = loss  # of this object alone: the running mean that is saved is another


def save_every(minutes: float, clock: Callable[[], float] = time.monotonic) -> Any:
    """A trainer callback that writes last.pt in mid-epoch: on a shared machine an epoch may take an hour."""
    saved_s = clock()

    def on_train_batch_end(trainer: Any) -> None:
        nonlocal saved_s
        if clock() - saved_s >= minutes * 60:
            saved_s = clock()
            trainer.save_model()

    return on_train_batch_end


def train(settings: TrainSettings) -> Path:
    """Run one training and return the folder with ``weights/best.pt`` and ``weights/last.pt``.

    Raises: LiftguardError without the train extra; ConfigError for missing weights, data or wrong classes.
    """
    ultralytics = _ultralytics()
    import torch

    for what, path in (("starting weights", settings.weights), ("data description", settings.data)):
        if not path.is_file():
            raise ConfigError(f"{what} not found: {path}")
    from ultralytics.models.yolo.detect import DetectionTrainer

    start = ultralytics.YOLO(str(settings.weights)).model.float()
    adapt_head(start)
    changed = rebase_batch_norms(
        start, calibration_batches(settings.data.parent / "train/images", settings.imgsz)
    )
    print(f"classes: {start.names}; batch norms measured: {changed}")
    for parameter in start.parameters():
        parameter.requires_grad_(True)
    # oneDNN's convolutions are 15 % faster this way round on a CPU (models/runs.md, fifth round)
    start = start.to(memory_format=torch.channels_last)

    def get_model(_self: Any, _cfg: Any = None, _weights: Any = None, _verbose: bool = True, **_: Any) -> Any:
        return start  # the trainer would rebuild a narrower head and lose COCO's

    def get_model_named(self: Any, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
        return get_model(self, cfg, weights, verbose)

    def no_validation(_self: Any) -> Any:
        return {}, 0.0  # models.evaluate measures what matters here; the trainer's own figures cost minutes

    overrides = {"get_model": get_model_named, "validate": no_validation, "final_eval": lambda _self: None}
    prepared: Any = DetectionTrainer.preprocess_batch
    if settings.amplitudes > 0:  # before the stretch: pictures must be of one size
        prepared = mixing_amplitudes(prepared, settings.amplitudes, settings.seed)
    if settings.stretch > 0:
        prepared = stretching(prepared, settings.stretch, settings.seed)
    overrides["preprocess_batch"] = prepared
    trainer_class = type("KeepHeadTrainer", (DetectionTrainer,), overrides)
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / "settings.json").write_text(json.dumps(asdict(settings), default=str, indent=2))
    arguments = {
        "model": str(settings.weights), "data": str(settings.data),
        "project": str(settings.out.resolve().parent),
        "name": settings.out.name, "exist_ok": True, "epochs": settings.epochs,
        "time": settings.hours or None, "imgsz": settings.imgsz,
        "batch": settings.batch, "nbs": settings.batch, "optimizer": "AdamW", "lr0": settings.lr, "lrf": 0.05,
        "warmup_epochs": settings.warmup, "warmup_bias_lr": 0.0, "weight_decay": 5e-4,
        "freeze": settings.freeze or None,
        "seed": settings.seed, "workers": settings.workers, "device": "cpu", "amp": False, "plots": False,
        "mosaic": settings.mosaic, "close_mosaic": 2, "scale": 0.4, "translate": 0.12, "degrees": 5.0,
        "fliplr": 0.5, "hsv_h": 0.015, "hsv_s": 0.5, "hsv_v": 0.35, "erasing": 0.0, "save_period": 1,
        "multi_scale": settings.multi_scale, "val": False,
    }  # fmt: skip
    trainer = trainer_class(overrides=arguments)
    trainer.add_callback("on_train_batch_start", _anneal_every_batch(settings))
    trainer.add_callback("on_train_start", short_memory(settings.ema))
    if settings.bf16:
        trainer.add_callback("on_train_start", forward_in_bf16)
    trainer.add_callback("on_train_batch_end", save_every(settings.save_minutes))
    trainer.train()
    return settings.out


def main() -> None:
    """Command line, see the module's docstring."""
    defaults = TrainSettings(Path(), Path(), Path())
    parser = argparse.ArgumentParser(description="Fine-tune a COCO YOLOv8 into Liftguard's classes.")
    parser.add_argument("--weights", type=Path, required=True, help="COCO .pt, or one of our own runs")
    parser.add_argument("--data", type=Path, required=True, help="data.yaml written by datasets.build")
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    for name in ("epochs", "imgsz", "batch", "freeze", "seed", "workers"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name))
    shares = ("mosaic", "multi-scale", "stretch", "amplitudes")
    for name in ("lr", "warmup", "hours", "ema", "save-minutes", *shares):
        parser.add_argument(f"--{name}", type=float, default=getattr(defaults, name.replace("-", "_")))
    parser.add_argument(
        "--bf16",
        action=argparse.BooleanOptionalAction,
        default=defaults.bf16,
        help="compute in bfloat16, twice as fast (default: where the processor has it)",
    )
    try:
        print(train(TrainSettings(**vars(parser.parse_args()))))
    except LiftguardError as exc:
        raise SystemExit(f"error: {exc}") from exc


if __name__ == "__main__":
    main()

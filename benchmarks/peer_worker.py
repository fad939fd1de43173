"""One detector, ours or another, behind a pipe: reads frame numbers, answers with the seconds that each took.

Runs under any Python that has the library, so it imports nothing of Liftguard unless that is what takes part.
`benchmarks.peers` starts it: KIND MODEL SIZE THREADS FRAMES SPINNING, the last 0 or 1, for what runs ONNX
Runtime. MODEL is a file, or with the kind ``liftguard`` a name in the manifest.
"""

import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any


def same_session(threads: int, spinning: str) -> None:
    """Give every ONNX Runtime session the threads and the waiting of all others, whoever opens it."""
    try:
        import onnxruntime as ort
    except ImportError:
        return  # then nothing here runs it
    opened = ort.InferenceSession

    def session(model: Any, sess_options: Any = None, *others: Any, **named: Any) -> Any:
        options = sess_options or ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
        return opened(model, options, *others, **named)

    ort.InferenceSession = session


def liftguard(model: str, _size: int, threads: int) -> "Callable[[Any], None]":
    """Ours, whole: detector, tracks, vote, zones and presence, with the motion gate open."""
    from api.load import load_settings
    from api.main import build_detector
    from vision.gate import OpenGate
    from vision.perceive import Perceiver
    from vision.types import Frame

    settings = load_settings(overrides={"detector.model": model, "detector.threads": threads})
    detector = build_detector(settings)
    perceiver = Perceiver(detector, operating_conf=detector.operating_conf, gate=OpenGate())
    turns = count()

    def look(image: Any) -> None:
        turn = next(turns)
        perceiver.look(Frame(image, turn / 10, turn))

    return look


def ultralytics(model: str, size: int, threads: int) -> "Callable[[Any], None]":
    """`YOLO(model).predict`, with an ONNX file or with PyTorch weights."""
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(threads)
    net = YOLO(model, task="detect")

    def look(image: Any) -> None:
        net.predict(image, imgsz=size, conf=0.1, iou=0.6, device="cpu", verbose=False)[0].boxes.xyxy.tolist()

    return look


def supervision(model: str, size: int, _threads: int) -> "Callable[[Any], None]":
    """ONNX Runtime, then `supervision`'s Detections and NMS, as in its examples; without tracks."""
    import cv2
    import numpy as np
    import onnxruntime as ort
    import supervision as sv

    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def look(image: Any) -> None:
        height, width = image.shape[:2]
        scale = size / max(height, width)
        small = cv2.resize(image, (round(width * scale), round(height * scale)))
        canvas = np.full((size, size, 3), 114, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        tensor = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None]).astype(np.float32) / 255
        raw = session.run(None, {name: tensor})[0][0].T
        scores = raw[:, 4:].max(axis=1)
        keep = scores > 0.1
        boxes, scores, classes = raw[keep, :4], scores[keep], raw[keep, 4:].argmax(axis=1)
        xyxy = (
            np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1) / scale
        )
        sv.Detections(xyxy=xyxy, confidence=scores, class_id=classes).with_nms(0.6)

    return look


def opencv(model: str, size: int, threads: int) -> "Callable[[Any], None]":
    """OpenCV DNN with its own blob and NMS."""
    import cv2
    import numpy as np

    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(model)

    def look(image: Any) -> None:
        side = max(image.shape[:2])
        square = np.full((side, side, 3), 114, np.uint8)
        square[: image.shape[0], : image.shape[1]] = image
        net.setInput(cv2.dnn.blobFromImage(square, 1 / 255, (size, size), swapRB=True))
        raw = net.forward()[0].T
        scores = raw[:, 4:].max(axis=1)
        keep = scores > 0.1
        boxes = raw[keep, :4].copy()
        boxes[:, :2] -= boxes[:, 2:] / 2
        cv2.dnn.NMSBoxesBatched(boxes.tolist(), scores[keep].tolist(), raw[keep, 4:].argmax(axis=1), 0.1, 0.6)

    return look


def main() -> None:
    """Load, say so, then answer until there are no more numbers."""
    kind, model, size, threads, frames, spinning = sys.argv[1:7]
    import numpy as np

    same_session(int(threads), spinning)
    images = np.load(frames, mmap_mode="r")
    kinds = {"liftguard": liftguard, "ultralytics": ultralytics, "supervision": supervision, "opencv": opencv}
    look = kinds[kind](model, int(size), int(threads))
    print("ready", flush=True)
    for line in sys.stdin:
        image = np.array(images[int(line)])
        start = time.perf_counter()
        look(image)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()

"""One detector of somebody else behind a pipe: reads frame numbers, answers with the seconds that each took.

Runs under any Python that has the library, so it imports nothing of Liftguard. `benchmarks.peers` starts it.
"""

import sys
import time
from collections.abc import Callable
from typing import Any


def ultralytics(model: str, size: int, threads: int) -> "Callable[[Any], None]":
    """`YOLO(model).predict`, with an ONNX file or with PyTorch weights."""
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(threads)
    net = YOLO(model, task="detect")

    def look(image: Any) -> None:
        net.predict(image, imgsz=size, conf=0.1, iou=0.6, device="cpu", verbose=False)[0].boxes.xyxy.tolist()

    return look


def supervision(model: str, size: int, threads: int) -> "Callable[[Any], None]":
    """ONNX Runtime, then `supervision`'s Detections and NMS, as in its examples; without tracks."""
    import cv2
    import numpy as np
    import onnxruntime as ort
    import supervision as sv

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
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
    kind, model, size, threads, frames = sys.argv[1:6]
    import numpy as np

    images = np.load(frames, mmap_mode="r")
    look = {"ultralytics": ultralytics, "supervision": supervision, "opencv": opencv}[kind](
        model, int(size), int(threads)
    )
    print("ready", flush=True)
    for line in sys.stdin:
        image = np.array(images[int(line)])
        start = time.perf_counter()
        look(image)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()

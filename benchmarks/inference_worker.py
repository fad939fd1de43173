"""One ONNX Runtime session behind a pipe: reads a line, answers with the seconds that one run took.

Runs under any Python that has numpy and an ONNX Runtime, such as one with OpenVINO in it, so it imports
nothing of Liftguard. `benchmarks.inference` starts it: MODEL PROVIDER THREADS HEIGHT WIDTH.
"""

import sys
import time


def main() -> None:
    """Answer until the input ends."""
    import numpy as np
    import onnxruntime as ort

    model, provider, threads, height, width = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as Liftguard runs it
    own = {"device_type": "CPU", "num_of_threads": str(threads)} if "OpenVINO" in provider else {}
    session = ort.InferenceSession(model, options, providers=[(provider, own)])
    if provider not in session.get_providers():
        raise SystemExit(f"{provider} did not start; there is {', '.join(session.get_providers())}")
    name = session.get_inputs()[0].name
    tensor = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    for _ in range(3):
        session.run(None, {name: tensor})
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        session.run(None, {name: tensor})
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()

"""Writes `flows.json`: run with a Python that has TensorFlow, `python record_flows.py`."""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import flows  # noqa: E402
import tensorflow as tf  # noqa: E402


def attempt(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        print("BROKEN", arguments[1:] or function.__name__, type(error).__name__, str(error)[:300])
        return None


def main():
    found = {
        "flows": {flow.__name__: attempt(flow, tf) for flow in flows.FLOWS},
        "pipelines": {line: attempt(flows.pipeline, tf, line) for line in flows.LINES},
        "facts": {line: attempt(flows.fact, tf, line) for line in flows.FACT_LINES},
    }
    (HERE / "flows.json").write_text(json.dumps(found, separators=(",", ":")))
    print(len(json.dumps(found)))


if __name__ == "__main__":
    main()

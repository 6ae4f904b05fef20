"""Writes `rows.json`: run with a Python that has TensorFlow, `python record.py`."""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import rows  # noqa: E402
import tensorflow as tf  # noqa: E402


def main():
    found, broken = {}, {}
    for expression in rows.ROWS:
        try:
            found[expression] = rows.evaluate(tf, expression)
        except Exception as error:
            broken[expression] = f"{type(error).__name__}: {str(error)[:200]}"
    failures = {expression: rows.failure(tf, expression) for expression in rows.FAILING}
    text = json.dumps(
        {"tensorflow": tf.__version__, "rows": found, "failures": failures},
        separators=(",", ":"),
        ensure_ascii=False,
    )
    (HERE / "rows.json").write_text(text)
    for expression, error in broken.items():
        print("BROKEN", expression, error)
    print(len(found), "rows,", len(failures), "failures,", len(text), "bytes")
    print({e: f[:1] for e, f in failures.items()})


if __name__ == "__main__":
    main()

"""Training by tape and `tf.data` pipelines give TensorFlow's numbers, in TensorFlow's order."""

import json
from pathlib import Path

import numpy as np
import pytest

import torchkeras.tf as tf
from compat_tests.golden.tf import flows

GOLDEN = json.loads((Path(__file__).parent / "golden/tf/flows.json").read_text())


def check(result, expected):
    """Numbers within 1e-5, everything else equal."""
    if isinstance(expected, dict):
        assert result.keys() == expected.keys()
        for key in expected:
            check(result[key], expected[key])
    elif isinstance(expected, list):
        assert len(result) == len(expected)
        for one, other in zip(result, expected):
            check(one, other)
    elif isinstance(expected, float):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
    else:
        assert result == expected and type(result) is type(expected)


@pytest.mark.parametrize("flow", flows.FLOWS, ids=lambda flow: flow.__name__)
def test_flow(flow):
    check(flow(tf), GOLDEN["flows"][flow.__name__])


@pytest.mark.parametrize("line", flows.LINES)
def test_pipeline(line):
    check(flows.pipeline(tf, line), GOLDEN["pipelines"][line])


@pytest.mark.parametrize("line", flows.FACT_LINES)
def test_fact(line):
    check(flows.fact(tf, line), GOLDEN["facts"][line])

"""Every name of TensorFlow that scripts use is here, and something compares it with TensorFlow."""

import ast
import re
from pathlib import Path

import pytest

import torchkeras.tf as tf
from compat_tests.golden.tf import flows, rows

HERE = Path(__file__).parent
LIST = HERE / "cases/tf_names.txt"
NAMES = [line.split()[0] for line in LIST.read_text().splitlines() if not line.startswith("#")]

# What needs a cluster or a TPU: the name, and the call that says so.
ONLY_ELSEWHERE = {
    "tf.config.experimental_connect_to_cluster": lambda call: call(None),
    "tf.distribute.cluster_resolver.TPUClusterResolver": lambda call: call(),
    "tf.distribute.experimental.TPUStrategy": lambda call: call(None),
    "tf.tpu.experimental.initialize_tpu_system": lambda call: call(None),
}


def names_in(source):
    """The dotted names that start with `tf`, each with those it is part of; `D` is Dataset."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            path = re.sub(r"^D\.", "tf.data.Dataset.", ast.unparse(node))
            if re.fullmatch(r"tf(\.\w+)+", path):
                found.add(path)
    return found


def sources():
    yield from rows.ROWS
    yield from rows.FAILING
    yield from flows.LINES
    yield from flows.FACT_LINES
    yield Path(flows.__file__).read_text()
    for script in (HERE / "scripts/tf_style").glob("*.py"):
        yield script.read_text()


@pytest.fixture(scope="module")
def compared():
    """All names in expressions and scripts whose results TensorFlow has recorded."""
    return set().union(*map(names_in, sources()))


def found(path):
    value = tf
    for part in path.split(".")[1:]:
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONLY_ELSEWHERE])
def test_name_is_here_and_compared(name, compared):
    assert found(name) is not None or name == "tf.newaxis"
    assert name in compared, f"no row, pipeline or script of golden/tf has {name}"


@pytest.mark.parametrize("name", ONLY_ELSEWHERE)
def test_what_needs_a_cluster_says_so(name):
    with pytest.raises((ValueError, RuntimeError, AttributeError), match="TPU|[Cc]luster"):
        ONLY_ELSEWHERE[name](found(name))


def test_the_list_is_whole():
    assert len(NAMES) == len(set(NAMES)) >= 150
    assert set(ONLY_ELSEWHERE) <= set(NAMES)

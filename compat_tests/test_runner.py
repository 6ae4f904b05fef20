"""`python -m torchkeras script.py`: scripts as users write them, each in a process of its own."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(arguments, cwd, **environment):
    """The finished process of `python -m torchkeras ARGUMENTS`."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "error",
        **environment,
    }
    environment.pop("KERAS_BACKEND", None)
    return subprocess.run(
        [sys.executable, "-m", "torchkeras", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def run_script(tmp_path, text, *arguments, name="script.py", **environment):
    """Writes a script and runs it."""
    (tmp_path / name).write_text(textwrap.dedent(text))
    return run([name, *arguments], tmp_path, **environment)


def passed(done):
    """What a script printed, if it ended well."""
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---------------------------------------------------------------- imports

IMPORTS = """
    import sys
    import keras
    import keras.layers
    import keras.layers as L
    import tensorflow as tf
    import tensorflow.keras.layers
    import tensorflow.keras.optimizers as optimizers
    import tf_keras
    from keras import layers, losses
    from keras.layers import Dense
    from keras.models import Sequential
    from tensorflow import keras as keras_of_tensorflow
    from tensorflow.keras import layers as layers_of_tensorflow
    from tensorflow.keras.layers import Dense as TensorflowDense
    from tensorflow.keras.models import Sequential as TensorflowSequential
    from tensorflow.python.keras.layers import Dense as OldDense
    from tensorflow.random import set_seed
    from tensorflow.nn import relu
    import torchkeras

    assert keras is torchkeras is tf.keras is tf_keras is keras_of_tensorflow
    assert layers is L is torchkeras.layers is layers_of_tensorflow is tf.keras.layers
    assert sys.modules["keras.layers"] is sys.modules["torchkeras.layers"]
    assert Dense is torchkeras.layers.Dense is TensorflowDense is OldDense
    assert Sequential is torchkeras.Sequential is TensorflowSequential
    assert optimizers is torchkeras.optimizers and losses is torchkeras.losses is tf.losses
    assert tensorflow.keras is keras
    # No file was loaded a second time, and every module kept its own name and spec.
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("keras", "tensorflow", "tf_keras"):
            assert module.__spec__.name == module.__name__, name
            assert module.__name__.split(".")[0] == "torchkeras", name
    print(Dense.__module__, __name__, "ok")
"""


def test_every_way_to_import_means_torchkeras(tmp_path):
    assert passed(run_script(tmp_path, IMPORTS)) == "torchkeras.layers.core __main__ ok\n"


def test_installed_keras_and_tensorflow_are_not_touched(tmp_path):
    for name in ("keras", "tensorflow", "tf_keras"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the real one was loaded')")
    script = """
        import importlib.util
        import keras, tensorflow, tf_keras
        print(keras.__name__, tensorflow.__name__, tf_keras.__name__)
    """
    done = run_script(tmp_path, script, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert passed(done) == "torchkeras torchkeras.tf torchkeras\n"


def test_tensorboard_does_not_take_the_facade_for_tensorflow(tmp_path):
    script = """
        import warnings
        warnings.simplefilter("ignore")
        from torch.utils.tensorboard import SummaryWriter
        with SummaryWriter("logs") as writer:
            writer.add_scalar("loss", 1.0, 0)
        import os
        print(len(os.listdir("logs")))
    """
    assert passed(run_script(tmp_path, script, PYTHONWARNINGS="ignore")).strip() == "1"


# ---------------------------------------------------------------- the script's surroundings


def test_argv_path_and_name_are_those_of_python(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "neighbour.py").write_text("answer = 42\n")
    script = """
        import os, sys
        import neighbour
        print(sys.argv[1:], os.path.basename(sys.argv[0]), neighbour.answer, __name__)
        print(sys.path[0] == os.path.dirname(os.path.realpath(__file__)), os.path.isabs(__file__))
        print(sys.modules["__main__"].__dict__ is globals())
    """
    done = run_script(tmp_path, script, "--epochs", "3", "-m", name="folder/script.py")
    lines = passed(done).splitlines()
    assert lines == ["['--epochs', '3', '-m'] script.py 42 __main__", "True True", "True"]


def test_module_runs_too(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train.py").write_text(
        "import sys, keras\nprint(__name__, sys.argv[1:], keras.__name__)\n"
    )
    done = run(["-m", "package.train", "fast"], tmp_path)
    assert passed(done) == "__main__ ['fast'] torchkeras\n"


@pytest.mark.parametrize(
    "ending, code",
    [("import sys; sys.exit(3)", 3), ("raise SystemExit", 0), ("import os; os._exit(7)", 7)],
)
def test_exit_codes_are_kept(tmp_path, ending, code):
    assert run_script(tmp_path, ending).returncode == code


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["missing.py"], "can't open file"),
        (["-m", "no_such_module"], "No module named no_such_module"),
        (["-m", "no_such_package.module"], "No module named no_such_package.module"),
        ([], "usage: python -m torchkeras"),
        (["-x", "script.py"], "usage: python -m torchkeras"),
    ],
)
def test_nothing_to_run_is_an_error(tmp_path, arguments, message):
    done = run(arguments, tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_traceback_is_the_scripts_own(tmp_path):
    script = """
        def outer():
            inner()
        def inner():
            raise ValueError("bad batch")
        outer()
    """
    done = run_script(tmp_path, script)
    files = [line.split('"')[1] for line in done.stderr.splitlines() if line.startswith("  File")]
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ValueError: bad batch\n")
    assert files == [str(tmp_path / "script.py")] * 3


def test_syntax_error_has_no_traceback_of_ours(tmp_path):
    done = run_script(tmp_path, "import keras\nmodel = (\n")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr
    assert "runpy" not in done.stderr and "__main__.py" not in done.stderr


# ---------------------------------------------------------------- names that are not there

# (line, type of the error, what its text begins with, what it also names)
MISSING = [
    ("tf.reduce_men([1.0])", "AttributeError", "tf.reduce_men", "tf.reduce_mean"),
    ("tf.raw_ops.Add", "AttributeError", "tf.raw_ops", "tf has audio, compat"),
    ("tf.data.Datset", "AttributeError", "tf.data.Datset", "tf.data.Dataset"),
    ("tf.math.squar(1)", "AttributeError", "tf.math.squar", "tf.math.square"),
    ("from tensorflow import raw_ops", "ModuleNotFoundError", "tf.raw_ops", "tf has "),
    ("import tensorflow.tpu", "ModuleNotFoundError", "tf.tpu", "tf has "),
    ("import tensorflow.estimator", "ModuleNotFoundError", "tf.estimator", "tf has "),
    ("import tensorflow.python.ops.math_ops", "ModuleNotFoundError", "tf.math_ops", "tf has "),
    (
        "from keras.layers import Dens",
        "ModuleNotFoundError",
        "keras.layers.Dens",
        "keras.layers.Dense",
    ),
    ("import keras.layer", "ModuleNotFoundError", "keras.layer", "keras.layers"),
    (
        "from tensorflow.keras.models import Sequental",
        "ModuleNotFoundError",
        "keras.models.Sequental",
        "keras.models.Sequential",
    ),
]


def test_missing_name_is_named_with_its_neighbours(tmp_path):
    script = f"""
        import tensorflow as tf
        for line in {[row[0] for row in MISSING]!r}:
            try:
                exec(line)
            except Exception as error:
                print(type(error).__name__, error)
            else:
                print("no error")
    """
    lines = passed(run_script(tmp_path, script)).splitlines()
    assert len(lines) == len(MISSING)
    for line, (_, kind, name, neighbour) in zip(lines, MISSING):
        assert line.startswith(f"{kind} {name} is not in torchkeras ")
        assert neighbour in line


@pytest.mark.parametrize(
    "line, last, name",
    [
        # Python words these errors; the explanation is added where the script ends with them.
        ("import keras; keras.layers.Dens(3)", "AttributeError", "keras.layers.Dens"),
        ("from tensorflow.nn import rellu", "ImportError", "tf.nn.rellu"),
        ("from keras.layers import Dens", "ModuleNotFoundError", "keras.layers.Dens"),
    ],
)
def test_script_that_ends_with_a_missing_name(tmp_path, line, last, name):
    done = run_script(tmp_path, line)
    assert done.returncode == 1
    message = done.stderr[done.stderr.index(last) :]
    assert f"{name} is not in torchkeras" in message
    assert f"Nearest: {name.rpartition('.')[0]}." in message
    files = [row.split('"')[1] for row in done.stderr.splitlines() if row.startswith("  File")]
    assert files == [str(tmp_path / "script.py")]


def test_missing_names_can_be_caught(tmp_path):
    script = """
        import tensorflow as tf
        print(hasattr(tf, "no_such_name"), hasattr(tf.math, "no_such_name"))
        try:
            from tensorflow.no_such_module import thing
        except ImportError:
            print("caught")
    """
    assert passed(run_script(tmp_path, script)) == "False False\ncaught\n"


def test_all_missing_names_of_a_script_are_told(tmp_path):
    script = """
        from keras.layers import Dense
        import keras
        import tensorflow as tf
        def later():
            return tf.no_such_function(1)
        keras.layers.NoSuchLayer()
    """
    done = run_script(tmp_path, script)
    assert done.returncode == 1
    told = done.stderr[done.stderr.index("Names in script.py that are missing:") :].splitlines()
    assert [line.strip() for line in told[1:]] == [
        "line 6: tf.no_such_function",
        "line 7: keras.layers.NoSuchLayer",
    ]


# ---------------------------------------------------------------- checking without running

CHECKED = """\
import os
import keras
import tensorflow as tf
import keras.layers as L
from keras import backend as K
from keras.layers import Dense, NoLayer
from keras.utils.np_utils import to_categorical
from tensorflow.keras.models import *
layers = tf.keras.layers
raise SystemExit("this never runs")
layers.Dense(3)
layers.NoSuch(3)
K.mean(K.nothing(1))
L.Conv2D.no_member
keras.engine.topology.Layer
x = Sequential().whatever
os.no_such_name
tf.keras.nowhere.Thing
layers.NoSuch(4)
"""
MISSING_LINES = [
    (6, "keras.layers.NoLayer"),
    (12, "keras.layers.NoSuch"),
    (13, "keras.backend.nothing"),
    (14, "keras.layers.Conv2D.no_member"),
    (18, "keras.nowhere"),
]


@pytest.mark.parametrize("as_notebook", [False, True])
def test_check_tells_what_is_missing_by_line(tmp_path, as_notebook):
    name = "script.ipynb" if as_notebook else "script.py"
    if as_notebook:
        write_notebook(tmp_path / name, [CHECKED])
    else:
        (tmp_path / name).write_text(CHECKED)
    done = run(["--check", name], tmp_path)
    assert done.returncode == 1, done.stderr
    found = [line.split(": ", 1) for line in done.stdout.splitlines()]
    # A notebook's lines are counted with the line that names each cell.
    shift = int(as_notebook)
    assert [place for place, _ in found] == [f"{name}:{n + shift}" for n, _ in MISSING_LINES]
    for (_, text), (_, path) in zip(found, MISSING_LINES):
        assert text.startswith(f"{path} is not in torchkeras ")


def test_check_of_a_script_that_is_supported(tmp_path):
    (tmp_path / "script.py").write_text("from keras.layers.core import Dense, Merge\n")
    done = run(["--check", "script.py"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert run(["--check"], tmp_path).returncode == 2


# ---------------------------------------------------------------- notebooks


def write_notebook(path, cells):
    entries = [{"cell_type": "markdown", "source": ["# Title"]}]
    for source in cells:
        entries.append({"cell_type": "code", "source": source.splitlines(keepends=True)})
    path.write_text(json.dumps({"nbformat": 4, "cells": entries}))


def test_notebook_runs_its_cells_in_order(tmp_path):
    cells = [
        "%matplotlib inline\n!pip install keras\nimport keras\nfrom keras.layers import Dense",
        "%%time\nmodel = keras.Sequential([Dense(2, input_dim=3)])",
        "%%bash\nthis is no Python",
        "files = !ls\nif True:\n    %load_ext tensorboard\nmodel?\nx = 7 % 4",
        "# 100%?\nprint(model.output_shape, x, __name__)\ndisplay('shown')",
    ]
    write_notebook(tmp_path / "book.ipynb", cells)
    assert passed(run(["book.ipynb"], tmp_path)) == "(None, 2) 3 __main__\nshown\n"


def test_error_in_a_notebook_shows_its_line(tmp_path):
    write_notebook(tmp_path / "book.ipynb", ["import keras", "x = 1\nraise ValueError('here')"])
    done = run(["book.ipynb"], tmp_path)
    assert done.returncode == 1
    assert "raise ValueError('here')" in done.stderr
    assert "_runner" not in done.stderr


def test_assignments_make_new_tensors_in_scripts(tmp_path):
    script = """
        import numpy as np
        import keras
        import torch
        from keras import backend as K

        x = torch.ones(2)
        y = x
        y += 1
        v = K.variable(1.0)
        v += 1.0
        print(x.tolist(), y.tolist(), float(v))
        optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
        print(type(optimizer).__name__)
    """
    assert passed(run_script(tmp_path, script)) == "[1.0, 1.0] [2.0, 2.0] 2.0\nAdam\n"


# ---------------------------------------------------------------- whole scripts

OLD_SCRIPT = """
    import numpy as np
    import tensorflow as tf

    x_train = np.array([1, 2, 3, 4], dtype="float32").reshape(-1, 1)
    y_train = 2 * x_train

    model = tf.keras.models.Sequential()
    model.add(tf.keras.layers.Dense(units=1, input_dim=1))
    model.compile(loss="mse", optimizer=tf.keras.optimizers.SGD(0.02), metrics=["mae"])
    history = model.fit(x_train, y_train, epochs=200, verbose=0)
    prediction = model.predict(np.array([[5.0]]), verbose=0)
    print(len(history.history["loss"]), abs(float(prediction[0, 0]) - 10) < 1.5)
"""


def test_tf_keras_script_trains_unedited(tmp_path):
    assert passed(run_script(tmp_path, OLD_SCRIPT)) == "200 True\n"


@pytest.fixture(scope="module")
def clothing(tmp_path_factory):
    """A small file in the form of Fashion-MNIST."""
    numpy = pytest.importorskip("numpy")
    rng = numpy.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 80), ("test", 20)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (count, 28, 28)).astype("uint8")
        arrays[f"y_{part}"] = rng.integers(0, 10, count).astype("uint8")
    path = tmp_path_factory.mktemp("clothing") / "clothing.npz"
    numpy.savez(path, **arrays)
    return path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path, clothing):
    arguments = ["--data", str(clothing)] if example.stem.startswith("fashion") else []
    out = passed(run([str(example), *arguments], tmp_path, EPOCHS="2"))
    assert out.strip()
    assert not list(tmp_path.iterdir()), "an example leaves files behind"


def test_digits_example_reads_digits(tmp_path):
    out = passed(run([str(ROOT / "examples" / "digits_mlp.py")], tmp_path))
    label, accuracy = out.splitlines()[-1].split(":")
    assert label == "Test accuracy"
    assert float(accuracy) >= 0.95


def test_fashion_example_says_how_to_get_the_data(tmp_path):
    done = run([str(ROOT / "examples" / "fashion_mnist_mlp.py"), "--data", "none.npz"], tmp_path)
    assert done.returncode == 1
    assert "none.npz" in done.stderr


def test_fit_overhead_benchmark_runs(tmp_path):
    script = ROOT / "benchmarks" / "fit_overhead.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KERAS_TORCH_DEVICE": "cpu"}
    done = subprocess.run(
        [sys.executable, str(script), "--quick"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    rows = [line for line in passed(done).splitlines() if line.startswith(("| fit", "| predict"))]
    assert len(rows) == 6
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- the README

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0])
def test_readme_code_runs(block, tmp_path):
    passed(run_script(tmp_path, block))

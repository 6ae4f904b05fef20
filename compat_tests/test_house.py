"""The house rules that a machine can check: floors, names, docstrings, call budgets, import time.

`python compat_tests/test_house.py` prints the figures: lines by file, the longest functions.
"""

import ast
import importlib
import inspect
import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.calls import python_calls
from torchkeras.legacy import _paths

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "torchkeras"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

# ---------------------------------------------------------------- the floors

# From the ground up: a file may import what stands above it in this list, nothing else. A name
# that ends in "/" is a room, whose files may import each other; a package's __init__ stands after
# its last file by itself. `torchkeras/README.md` tells what each is for.
FLOORS = {
    "0 ground": "_version _errors config _naming tree _dtypes",
    "1 tensors": "_scopes _variable _serialize _symbolic _op random",
    "2 ops": """
        ops/_core ops/numpy/_elementwise ops/numpy/_reduction ops/numpy/_manipulation
        ops/numpy/_creation ops/numpy/_products ops/nn/_activation ops/nn/_convolution ops/nn/_other
        ops/_math ops/linalg ops/image
    """,
    "3 parts": """
        activations initializers regularizers constraints dtype_policies
        losses/_base losses/_functions losses/_classes
        metrics/_base metrics/_simple metrics/_confusion metrics/_iou
        optimizers/schedules optimizers/_base optimizers/_algorithms optimizers/_wrappers
        optimizers/legacy mixed_precision
        _data/slicing _data/dataset _data/adapters _data/elements _data/passes
        _data/pipeline
    """,
    "4 layers": """
        layers/_spec layers/_tracking layers/_state layers/_base layers/_lora layers/core
        layers/embeddings layers/advanced_activations layers/convolutional layers/pooling
        layers/normalization layers/merge layers/noise layers/_attention layers/_reshaping
        layers/_recurrent_kernels layers/_recurrent_cells layers/recurrent
        layers/convolutional_recurrent layers/wrappers
        layers/_strings layers/_preparation layers/_numeric layers/_categorical
        layers/_lookup layers/_text layers/_audio layers/_bounding_boxes layers/_image_base
        layers/_image_geometry layers/_image_augmentation layers/_image_mixing layers/_interop
    """,
    "5 services": """
        saving/_raw saving/_archive saving/_h5 saving/_yaml saving/_safetensors saving/_graph_ops
        saving/_old_functions saving/_configs saving/_walk saving/_optimizer_state
        saving/_old_weights saving/_legacy saving/_tensorflow_files saving/_tensorflow
        saving/_models saving/_editor
        callbacks/_progbar callbacks/_base callbacks/_monitor callbacks/_logging callbacks/_state
    """,
    "6 training": """
        _training/torch_parts _training/compile _training/loop _training/capture
        _training/trainer
    """,
    "7 models": """
        models/_function models/_live models/_graph models/_summary models/_model
        models/_functional models/_sequential models/_cloning backend/
    """,
    "8 library": """
        utils/ preprocessing/ applications/ datasets/ wrappers/ quantizers/ distribution
        distillation export visualization
    """,
    "9 facades": "legacy/ tf/ _runner_check _runner __main__ __init__",
}
ORDER = [(floor, name) for floor, names in FLOORS.items() for name in names.split()]
# What may not import each other, though the order would allow it.
APART = [("saving/", "callbacks/")]


def place(file):
    """The index in ORDER of a file, of the last file of its package for an __init__; None: none."""
    stem = file.removesuffix(".py")
    folder = stem.removesuffix("__init__")
    found = None
    for i, (_, name) in enumerate(ORDER):
        if name == stem or (name.endswith("/") and stem.startswith(name)):
            return i
        if stem.endswith("/__init__") and name.startswith(folder):
            found = i + 0.5
    return found


def stands_before(other, file):
    """Whether both have a place, and `other` the lower one."""
    return None not in (place(other), place(file)) and place(other) < place(file)


def tree_of(file):
    return ast.parse((PACKAGE / file).read_text())


def module_file(dotted):
    """The file of "torchkeras.layers.core"; None if there is no such module."""
    inside = dotted.split(".")[1:]
    for candidate in ("/".join(inside) + ".py", "/".join([*inside, "__init__.py"])):
        if candidate.removeprefix("/") in FILES:
            return candidate.removeprefix("/")
    return None


def own_imports(file):
    """(line, file imported) for every import of the package itself, wherever it stands."""
    package = ["torchkeras", *file.split("/")[:-1]]
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "torchkeras":
                    yield node.lineno, module_file(alias.name) or f"{alias.name}, which is missing"
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, node.module] if node.module else base)
            if base.split(".")[0] == "torchkeras":
                for alias in node.names:
                    found = module_file(f"{base}.{alias.name}") or module_file(base)
                    yield node.lineno, found or f"{base}.{alias.name}, which is missing"


def same_package(init, other):
    return other.startswith(init.removesuffix("__init__.py"))


@pytest.mark.tiny
def test_the_order_knows_every_file():
    assert [file for file in FILES if place(file) is None] == []


@pytest.mark.tiny
@pytest.mark.parametrize("file", FILES)
def test_file_imports_only_what_stands_below(file):
    room = next((name for _, name in ORDER if name.endswith("/") and file.startswith(name)), None)
    wrong = []
    for line, other in own_imports(file):
        inside = room is not None and other.startswith(room)
        if file.endswith("__init__.py") and file != "__init__.py":
            inside = inside or same_package(file, other)
        if not inside and not stands_before(other, file):
            wrong.append(f"line {line} imports {other}")
    assert wrong == []


@pytest.mark.tiny
@pytest.mark.parametrize("file", [f for f in FILES if f.endswith("/__init__.py")])
def test_package_init_imports_its_own_package_only(file):
    if file.startswith("tf/"):
        pytest.skip("tf is a facade over the whole house")
    # `get`, which every family has beside its classes, is made of _serialize's `lookup`.
    allowed = {"_serialize.py"}
    others = {other for _, other in own_imports(file) if not same_package(file, other)}
    assert others - allowed == set()


@pytest.mark.tiny
def test_rooms_that_stay_apart():
    wrong = [
        f"{file}:{line} imports {other}"
        for pair in APART
        for here, there in (pair, pair[::-1])
        for file in FILES
        if file.startswith(here)
        for line, other in own_imports(file)
        if other.startswith(there)
    ]
    assert wrong == []


@pytest.mark.tiny
def test_library_entries_import_of_each_other_only_utils():
    entries = FLOORS["8 library"].split()
    wrong = []
    for file in FILES:
        mine = [entry for entry in entries if file.removesuffix(".py").startswith(entry)]
        for line, other in own_imports(file) if mine else ():
            theirs = [entry for entry in entries if other.removesuffix(".py").startswith(entry)]
            if theirs and theirs != mine and theirs != ["utils/"]:
                wrong.append(f"{file}:{line} imports {other}")
    assert wrong == []


@pytest.mark.tiny
def test_no_import_cycles():
    graph = {file: {other for _, other in own_imports(file)} & {*FILES} - {file} for file in FILES}
    seen, cycles = set(), []

    def visit(file, path):
        if file in path:
            cycles.append([*path[path.index(file) :], file])
        elif file not in seen:
            for other in sorted(graph[file]):
                visit(other, [*path, file])
            seen.add(file)

    for file in FILES:
        visit(file, [])
    assert cycles == []


@pytest.mark.tiny
@pytest.mark.parametrize("file", FILES)
def test_no_import_of_the_package_inside_functions(file):
    def is_own(node):
        if isinstance(node, ast.Import):
            return any(alias.name.split(".")[0] == "torchkeras" for alias in node.names)
        own = isinstance(node, ast.ImportFrom)
        return own and (node.level > 0 or node.module.split(".")[0] == "torchkeras")

    wrong = {
        f"line {inner.lineno} in {node.name}"
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if is_own(inner)
    }
    assert wrong == set()


@pytest.mark.tiny
@pytest.mark.parametrize("file", FILES)
def test_only_an_init_imports_stars(file):
    stars = [
        node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    assert file.endswith("__init__.py") or stars == []


@pytest.mark.tiny
@pytest.mark.parametrize("file", [f for f in FILES if f != "_errors.py"])
def test_warnings_are_given_by_errors_warn(file):
    """It finds the line of the script that a warning is about."""
    calls = [
        node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
    ]
    assert calls == []


# ---------------------------------------------------------------- names


def public_modules():
    """Dotted names of our modules with no underscore in their path, without those of tf."""
    names = [file.removesuffix(".py").removesuffix("/__init__") for file in FILES]
    names = [name for name in names if not any(part.startswith("_") for part in name.split("/"))]
    return [name.replace("/", ".") for name in names if name.split("/")[0] != "tf"]


# Module paths that were public in Keras 1 or 2 and are not in Keras 3.
OLD_MODULES = {
    "applications.audio_conv_utils",
    "applications.music_tagger_crnn",
    "applications.regnet",
    "applications.resnet_rs",
    "layers.advanced_activations",
    "layers.convolutional",
    "layers.convolutional_recurrent",
    "layers.core",
    "layers.embeddings",
    "layers.merge",
    "layers.noise",
    "layers.normalization",
    "preprocessing.text",
    "layers.pooling",
    "layers.recurrent",
    "layers.wrappers",
    "legacy",
    "wrappers.scikit_learn",
}

# Names of public modules that Keras 1 or 2 had and Keras 3 has not, in no `_tf_keras` either.
OLD_NAMES = {
    "applications": {
        *(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
        *(
            f"RegNet{kind}{size}"
            for kind in "XY"
            for size in "002 004 006 008 016 032 040 064 080 120 160 320".split()
        ),
        "MusicTaggerCRNN",
        "decode_predictions",
        "preprocess_input",
    },
    "callbacks": {"BaseLogger"},
    "legacy": {"generate_legacy_interface", "interfaces"},
    "losses": {"BCE", "LossFunctionWrapper", "bce"},
    "metrics": {"BCE", "MeanRelativeError", "bce"},
    "optimizers": {"Adadelta", "Adamax", "Nadam"},  # in optimizers.legacy
    "wrappers": {"BaseWrapper", "KerasClassifier", "KerasRegressor"},
    "backend": set(
        """
        Function Update asymmetric_spatial_2d_padding asymmetric_temporal_padding atrous_conv2d
        control_dependencies conv3d_transpose deconv2d eager get_session get_variable_shape
        identity image_dim_ordering is_placeholder is_tensor is_variable legacy_weight_ordering
        lesser lesser_equal local_conv logsumexp normalize_data_format separable_conv1d
        set_image_dim_ordering set_legacy_weight_ordering set_session size slice symbolic
        function in_test_phase in_train_phase learning_phase learning_phase_scope local_conv1d
        local_conv2d manual_variable_initialization normalize_batch_in_training placeholder
        print_tensor random_binomial reset_uids set_learning_phase
        """.split()
    ),
    "preprocessing": {"DataFrameIterator"},
    "utils": {"DatasetCreator", "SidecarEvaluator", "StepsPerExecutionTuner", "TimedThread"},
}


def keras_module(name):
    """Real Keras's module of that name, or None."""
    try:
        return importlib.import_module(f"keras.{name}")
    except ModuleNotFoundError:
        return None


@pytest.mark.parametrize("name", public_modules())
def test_what_has_no_underscore_is_a_module_path_of_keras(name):
    assert name in OLD_MODULES or name.startswith("legacy.") or keras_module(name) is not None


@pytest.mark.parametrize("name", public_modules())
def test_public_module_shows_keras_names_only(name):
    """For a package everything `dir` shows counts, for a file what its __all__ says."""
    ours = importlib.import_module(f"torchkeras.{name}")
    top = name.split(".")[0]
    known = OLD_NAMES.get(top, set()) | {old.rpartition(".")[2] for old in OLD_MODULES}
    # What the table of old paths puts there, and what an old module shows of its rooms.
    known |= {*_paths.NAMES.get(name, ())} | {*_paths.NAMES.get(top, ())}
    known |= {path.rpartition(".")[2] for path in _paths.MODULES}
    own, rooms = _paths.MODULES.get(name, ({}, []))
    known |= {*own}.union(*(dir(importlib.import_module(f"torchkeras.{room}")) for room in rooms))
    for path in (name, top, f"_tf_keras.keras.{name}"):
        known.update(dir(keras_module(path)))
    shown = dir(ours) if hasattr(ours, "__path__") else ours.__all__
    assert [n for n in shown if not n.startswith("_") and n not in known] == []


def public_objects():
    """(path, object) of every class and function that a public module of ours offers."""
    for module_name in public_modules():
        module = importlib.import_module(f"torchkeras.{module_name}")
        for name in getattr(module, "__all__", None) or dir(module):
            value = getattr(module, name)
            own = getattr(value, "__module__", "").split(".")[0] == "torchkeras"
            if own and not name.startswith("_") and (inspect.isclass(value) or callable(value)):
                yield f"{module_name}.{name}", value


def test_every_public_object_has_a_docstring():
    silent = {
        path
        for path, value in public_objects()
        if not (vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__)
    }
    assert silent == set()


@pytest.mark.tiny
@pytest.mark.parametrize("file", FILES)
def test_every_file_says_what_it_is(file):
    assert ast.get_docstring(tree_of(file))


@pytest.mark.tiny
@pytest.mark.parametrize(
    "file", [f for f in FILES if not f.endswith(("__init__.py", "__main__.py"))]
)
def test_every_file_lists_its_names(file):
    assigned = {
        target.id
        for node in tree_of(file).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned or file == "_version.py"


# ---------------------------------------------------------------- words

FORBIDDEN = {
    "work left over": re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
    "a path of one machine": re.compile(r"[\"'(\s=]/(tmp|work|root|home)/\w"),
    "somebody else's package": re.compile(r"pip install (-U )?torch" r"keras(?!-port)"),
    "a registry's host": re.compile(r"py" r"pi\.org|python" r"hosted\.org"),
}


def texts():
    for pattern in (
        "*.md",
        "*.toml",
        "torchkeras/**/*.*",
        "compat_tests/*.py",
        "compat_tests/cases/*",
        "examples/*.py",
        "benchmarks/*.py",
    ):
        yield from (p for p in ROOT.glob(pattern) if p.suffix in (".py", ".md", ".toml"))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_forbidden_words(what):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


# ---------------------------------------------------------------- what a call costs


@pytest.mark.tiny
def test_eager_dense_call_budget():
    layer = torchkeras.layers.Dense(8, activation="relu")
    x = torch.randn(4, 8)
    layer(x)
    calls = python_calls(layer, x)
    print(f"one eager Dense(relu) call: {calls} Python calls")
    assert calls <= 20


@pytest.mark.tiny
def test_fit_step_budget():
    model = torchkeras.Sequential(
        [
            torchkeras.layers.Dense(16, activation="relu"),
            torchkeras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.random.rand(1280, 8).astype("float32"), np.random.randint(0, 4, 1280)

    def fit(steps):
        rows = steps * 32
        model.fit(x[:rows], y[:rows], batch_size=32, verbose=0)

    fit(2)
    calls = (python_calls(fit, 40) - python_calls(fit, 10)) / 30
    print(f"one fit step of two Dense layers: {calls:.0f} Python calls")
    assert calls <= 300


def _branches(layers, inputs):
    found = [layers.Dense(4, activation="relu")(inputs) for _ in range(4)]
    return layers.Dense(2, activation="softmax")(layers.Concatenate()(found))


def _masked(layers, inputs):
    return layers.Dense(2)(layers.LSTM(4)(layers.Embedding(9, 4, mask_zero=True)(inputs)))


def _any_length(layers, inputs):
    words = layers.Input((None,), dtype="int64")
    x = layers.Add()([layers.Embedding(9, 4)(inputs), layers.Embedding(9, 4)(words)])
    return (inputs, words), layers.Dense(2)(layers.GlobalMaxPooling1D()(x))


def _attention(layers, inputs):
    x = layers.Embedding(9, 4)(inputs)
    x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 2)(x, x)]))
    return layers.Dense(2)(layers.GlobalAveragePooling1D()(x))


@pytest.mark.tiny
@pytest.mark.parametrize(
    "make, size, budget",
    [(_branches, 6, 45), (_masked, 7, 85), (_attention, 7, 115), (_any_length, 7, 52)],
)
def test_predict_step_budget(make, size, budget):
    dtype = "float32" if make is _branches else "int64"
    # That another layer has losses costs this model nothing.
    other = torchkeras.layers.Dense(1, activity_regularizer="l2")
    assert other(np.ones((1, 1))) is not None and other.losses
    inputs = torchkeras.Input((size,), dtype=dtype)
    outputs = make(torchkeras.layers, inputs)
    inputs, outputs = outputs if isinstance(outputs, tuple) else (inputs, outputs)
    model = torchkeras.Model(inputs, outputs)
    x = np.random.default_rng(0).integers(1, 9, (320, size)).astype(dtype)

    def predict(steps):
        given = [x[: 8 * steps]] * len(model.inputs)
        model.predict(given if len(given) > 1 else given[0], batch_size=8, verbose=0)

    predict(2)
    calls = (python_calls(predict, 40) - python_calls(predict, 10)) / 30
    print(f"one predict step of {make.__name__}: {calls:.0f} Python calls")
    assert calls <= budget


# ---------------------------------------------------------------- what an import costs


def in_fresh_python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()


def test_import_brings_no_optional_package():
    code = (
        "import sys, torch; old = {*sys.modules}; import torchkeras; print(*{*sys.modules} - old)"
    )
    new = {name.split(".")[0] for name in in_fresh_python(code).split()}
    optional = {"h5py", "PIL", "scipy", "pandas", "sklearn", "tensorboard", "torchvision", "rich"}
    assert new & (optional | {"keras", "tensorflow", "onnx", "matplotlib"}) == set()


@pytest.mark.slow
def test_import_time(tmp_path):
    # As an installed package is: compiled. A run before the others does that.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    in_fresh_python("import torchkeras", **compiled)
    # Processor time: importing waits for nothing, and other processes do not count in. Both in
    # one process, so that what slows it down slows both.
    code = (
        "from time import process_time as now; start = now(); import torch; middle = now(); "
        "import torchkeras; print(middle - start, now() - start)"
    )
    pairs = [[*map(float, in_fresh_python(code, **compiled).split())] for _ in range(10)]
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"import torch {bare:.2f} s, import torchkeras {ours:.2f} s: {ours / bare:.2f} times")
    assert ours <= 1.15 * bare


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc gets its memory")
def test_freed_memory_is_kept():
    """A block of 12 MiB comes from the heap, not from a map of its own that goes back at once."""
    code = (
        "import ctypes, torch; from torchkeras._training.loop import keep_freed_memory; "
        "class_ = type('Info', (ctypes.Structure,), {'_fields_': "
        "[(name, ctypes.c_int) for name in 'arena ordblks smblks maps a b c d e f'.split()]}); "
        "info = ctypes.CDLL(None).mallinfo; info.restype = class_; "
        "KEEP; before = info().maps; block = torch.empty(3 << 20); print(info().maps - before)"
    )
    kept, without = (
        int(in_fresh_python(code.replace("KEEP", call))) for call in ("keep_freed_memory()", "0")
    )
    assert (kept, without) == (0, 1)


# ---------------------------------------------------------------- figures


def figures():
    """Lines by floor and file, and the longest functions, as text."""
    lines = {file: len((PACKAGE / file).read_text().splitlines()) for file in FILES}
    lengths = {
        f"{file}:{node.name}": node.end_lineno - node.lineno + 1
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef)
    }
    out = []
    for floor in FLOORS:
        index = {i for i, (name, _) in enumerate(ORDER) if name == floor}
        files = [f for f in FILES if place(f) is not None and int(place(f)) in index]
        out.append(f"floor {floor}: {sum(lines[f] for f in files)} lines")
        out += [f"  {lines[f]:5} {f}" for f in sorted(files, key=place)]
    median = statistics.median(lengths.values())
    out.append(f"{sum(lines.values())} lines, {len(lengths)} functions, median {median:.0f} lines")
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:10]
    out += [f"  {length:5} {name}" for name, length in longest]
    return "\n".join(out)


def test_figures():
    """Prints the sizes (pytest -rP shows them); they guide, only an empty house fails."""
    text = figures()
    print(text)
    assert "floor 9" in text


if __name__ == "__main__":
    print(figures())

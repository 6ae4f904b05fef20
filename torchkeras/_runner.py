"""The runner: scripts, modules and notebooks of Keras and tf.keras, unedited, on torch."""

import importlib
import json
import linecache
import os
import re
import runpy
import sys
import traceback
from importlib.abc import SourceLoader
from types import ModuleType, TracebackType

import torch

from torchkeras import _runner_check
from torchkeras._serialize import trusts_own_lambdas
from torchkeras.tf import _aliases, _missing
from torchkeras.tf._tensor import picked

__all__ = ["main"]

USAGE = """\
usage: python -m torchkeras SCRIPT [ARGUMENT ...]
       python -m torchkeras NOTEBOOK.ipynb [ARGUMENT ...]
       python -m torchkeras -m MODULE [ARGUMENT ...]
       python -m torchkeras --check SCRIPT ...

Runs a Keras script as `python SCRIPT` would, on PyTorch: `keras`, `tensorflow` and
`tensorflow.keras` mean torchkeras in it. The code cells of a notebook run in their order; lines of
IPython's are left out. --check runs nothing: it tells, line by line, which names of Keras and
TensorFlow in a script are not supported."""

# Files whose frames are no part of the script's story.
MACHINERY = {
    __file__,
    os.path.join(os.path.dirname(__file__), "__main__.py"),
    _aliases.__file__,
    importlib.__file__,
    runpy.run_path.__code__.co_filename,
}
# Magics after which a cell holds Python; cells of other magics hold something else.
PYTHON_CELLS = {"time", "timeit", "capture", "prun", "python", "python3", "debug", "memit"}
USES_TENSORFLOW = re.compile(r"^\s*(import|from)\s+tensorflow\b", re.MULTILINE)


def main(arguments: list[str]) -> None:
    """Runs what the command line names; its exit code is the script's."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return
    if arguments[:1] == ["--check"]:
        _aliases.install()
        _check(arguments[1:])
    as_module = arguments[:1] == ["-m"]
    rest = arguments[1:] if as_module else arguments
    if not rest or rest[0].startswith("-"):
        _stop(USAGE)
    _aliases.install()
    _let_assignments_make_tensors()
    _let_slices_step_back()
    trusts_own_lambdas(True)
    sys.excepthook = _script_only(sys.excepthook, None if as_module else rest[0])
    sys.argv = rest
    if as_module:
        _run_module(rest[0])
    else:
        _run_script(rest[0])


def _check(files: list[str]) -> None:
    """Prints what is missing in files; the exit code is 1 where something is, 2 for no file."""
    if not files:
        _stop(USAGE)
    found = False
    for file in files:
        source = _source(_existing(file))
        for line, text in _runner_check.missing_names(source, file):
            found = True
            print(f"{file}:{line}: {text}")
    raise SystemExit(int(found))


def _existing(script: str) -> str:
    path = os.path.abspath(script)
    if not os.path.exists(path):
        _stop(f"python -m torchkeras: can't open file {path!r}: No such file or directory")
    return path


def _run_script(script: str) -> None:
    path = _existing(script)
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    if USES_TENSORFLOW.search(_source(path)):
        # At once: a loss that imports it would turn recording off in the middle of training.
        importlib.import_module("tensorflow")
    if path.endswith(".ipynb"):
        _run_notebook(path)
    else:
        runpy.run_path(path, run_name="__main__")


def _run_module(name: str) -> None:
    try:
        found = importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        _stop(f"python -m torchkeras: No module named {name}")
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _stop(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(2)


# ---------------------------------------------------------------- notebooks


class _NotebookLoader(SourceLoader):
    """Loads the code cells of a notebook as one module."""

    def __init__(self, path: str):
        self.path = path

    def get_filename(self, fullname):
        return self.path

    def get_data(self, path):
        return notebook_source(self.path).encode()


def _run_notebook(path: str) -> None:
    module = ModuleType("__main__")
    module.__file__ = path
    module.display = _display
    sys.modules["__main__"] = module
    source = notebook_source(path)
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    _NotebookLoader(path).exec_module(module)


def _display(*objects) -> None:
    """What IPython's `display` is in a notebook that runs without it."""
    for item in objects:
        print(item)


def notebook_source(path: str) -> str:
    """The code cells of a notebook as one program; lines of IPython's become `pass`."""
    with open(path, encoding="utf-8") as file:
        notebook = json.load(file)
    cells = notebook.get("cells")
    if cells is None:  # the format before 4
        cells = [cell for sheet in notebook.get("worksheets", ()) for cell in sheet["cells"]]
    parts = []
    for number, cell in enumerate(cells, 1):
        if cell.get("cell_type") != "code":
            continue
        text = cell.get("source", cell.get("input", ""))
        text = "".join(text) if isinstance(text, list) else text
        parts.append(f"# Cell {number}\n{_without_magics(text)}\n")
    return "\n".join(parts)


def _without_magics(text: str) -> str:
    """The Python in a cell, line for line."""
    lines = text.splitlines()
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        kind = re.match(r"%%(\w*)", first)[1]
        if kind not in PYTHON_CELLS:
            return ""
    kept, continued = [], False
    for line in lines:
        is_magic = continued or bool(re.match(r"\s*([%!?]|\w[\w., ]*=\s*[%!])|.*\w\?\??\s*$", line))
        if is_magic and _is_python(line) and not continued:
            is_magic = False
        continued = is_magic and line.rstrip().endswith("\\")
        kept.append(re.match(r"\s*", line)[0] + "pass" if is_magic else line)
    return "\n".join(kept)


def _is_python(line: str) -> bool:
    """Whether a line that looks like a magic is the rest of an expression or a comment."""
    return line.lstrip().startswith("#")


def _source(path: str) -> str:
    if path.endswith(".ipynb"):
        return notebook_source(path)
    with open(path, "rb") as file:
        return importlib.util.decode_source(file.read())


# ---------------------------------------------------------------- what `x += 1` means


def _let_assignments_make_tensors() -> None:
    """In a script `x += y` gives a new tensor, as in TensorFlow, where tensors do not change; in
    libraries it goes on to mean what torch says."""
    for name in ("add", "sub", "mul", "truediv", "floordiv", "pow", "mod"):
        changing = getattr(torch.Tensor, f"__i{name}__", None)
        if changing is not None:
            making = getattr(torch.Tensor, f"__{name}__")
            setattr(torch.Tensor, f"__i{name}__", _augmented(changing, making))


def _augmented(changing, making):
    def assign(self, other):
        caller = sys._getframe(1)
        module = caller.f_globals.get("__name__", "").partition(".")[0]
        library = module in ("torch", "torchkeras") or "-packages" in caller.f_code.co_filename
        return (changing if library else making)(self, other)

    return assign


def _let_slices_step_back() -> None:
    """In a script `x[::-1]` turns a tensor round, as in TensorFlow; torch has no negative steps."""
    plain = torch.Tensor.__getitem__

    def item(self, key):
        try:
            return plain(self, key)
        except ValueError:
            return picked(self, key)

    torch.Tensor.__getitem__ = item


# ---------------------------------------------------------------- when a script fails


def _script_only(hook, script: str | None):
    """The exception hook `hook` without the frames that lead from here to the script; tells of all
    names that are missing in a script that failed for one."""

    def show(kind, error, trace):
        trace = _without_machinery(trace)
        owner, name = _missing_name(error)
        is_ours = owner.split(".")[0] == _missing.PACKAGE
        if is_ours:
            text = _missing.explain(f"{_missing.public_path(owner)}.{name}")
            if text not in str(error):
                error.add_note(text)
        if script is not None and script.endswith(".ipynb"):
            # Knows the lines of the program that a notebook became.
            traceback.print_exception(error.with_traceback(trace))
        else:
            hook(kind, error.with_traceback(trace), trace)
        if is_ours or (isinstance(error, ImportError) and " is not in torchkeras" in str(error)):
            _tell_all_missing(script)

    return show


def _tell_all_missing(script: str | None) -> None:
    if script is None or not os.path.exists(script):
        return
    found = list(_runner_check.missing_names(_source(os.path.abspath(script)), script))
    if len(found) > 1:
        print(f"\nNames in {script} that are missing:", file=sys.stderr)
        for line, text in found:
            print(f"  line {line}: {text.partition(' is not in ')[0]}", file=sys.stderr)


def _missing_name(error: BaseException) -> tuple[str, str]:
    """The module and the name it lacks, if this is what the error is about."""
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        return error.obj.__name__, error.name
    if isinstance(error, ImportError):
        found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(error))
        if found:
            return found[2], found[1]
    return "", ""


def _without_machinery(trace: TracebackType | None) -> TracebackType | None:
    kept = []
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file not in MACHINERY and not file.startswith("<frozen "):
            kept.append(trace)
        trace = trace.tb_next
    for entry, following in zip(kept, [*kept[1:], None]):
        entry.tb_next = following
    return kept[0] if kept else None

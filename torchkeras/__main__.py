"""`python -m torchkeras script.py`: runs an unmodified Keras or tf.keras script on torch."""

import importlib
import os
import re
import runpy
import sys
from types import ModuleType, TracebackType

from torchkeras.tf import _aliases, _missing

USAGE = """\
usage: python -m torchkeras SCRIPT [ARGUMENT ...]
       python -m torchkeras -m MODULE [ARGUMENT ...]

Runs a Keras script as `python SCRIPT` would, on PyTorch: `keras`, `tensorflow` and
`tensorflow.keras` mean torchkeras in it."""

# Files whose frames are no part of the script's story.
MACHINERY = {__file__, _aliases.__file__, importlib.__file__, runpy.run_path.__code__.co_filename}


def main(arguments: list[str]) -> None:
    """Runs the script or module that the command line names; its exit code is the script's."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return
    as_module = arguments[:1] == ["-m"]
    rest = arguments[1:] if as_module else arguments
    if not rest or rest[0].startswith("-"):
        _stop(USAGE)
    _aliases.install()
    sys.excepthook = _script_only(sys.excepthook)
    sys.argv = rest
    if as_module:
        _run_module(rest[0])
    else:
        _run_script(rest[0])


def _run_script(script: str) -> None:
    path = os.path.abspath(script)
    if not os.path.exists(path):
        _stop(f"python -m torchkeras: can't open file {path!r}: No such file or directory")
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(os.path.realpath(path))
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


def _script_only(hook):
    """The exception hook `hook` without the frames that lead from here to the script."""

    def show(kind, error, trace):
        trace = _without_machinery(trace)
        owner, name = _missing_name(error)
        if owner.split(".")[0] == _missing.PACKAGE:
            text = _missing.explain(f"{_missing.public_path(owner)}.{name}")
            if text not in str(error):
                error.add_note(text)
        hook(kind, error.with_traceback(trace), trace)

    return show


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
        if file not in MACHINERY and not file.startswith("<frozen importlib"):
            kept.append(trace)
        trace = trace.tb_next
    for entry, following in zip(kept, [*kept[1:], None]):
        entry.tb_next = following
    return kept[0] if kept else None


if __name__ == "__main__":
    main(sys.argv[1:])

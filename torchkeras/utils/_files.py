"""Files from the network: downloaded once, checked against a hash, unpacked."""

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchkeras import config
from torchkeras._errors import received, warn
from torchkeras.callbacks._progbar import Progbar, print_message

__all__ = ["get_file"]

_CHUNK = 1 << 16
_SECONDS_WITHOUT_DATA = 60

# An archive that grows by more than this, beyond a size that does no harm, is taken for a bomb.
_HARMLESS_BYTES = 256 << 20
_LARGEST_GROWTH = 100


def get_file(
    fname: str | os.PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded from `origin` if it is not in the cache already.

    A download appears under its name only when it is complete and its hash is right. Members of
    archives that would land outside of the folder are skipped with a warning.

    Args:
        fname: name in the cache; None for the last part of the address. With `extract` a name
            without a dot is that of the folder.
        origin: the address.
        untar: old name of `extract` for tar archives.
        md5_hash: old name of `file_hash` for MD5.
        file_hash: SHA-256 or MD5 that the file must have.
        cache_subdir: folder below `cache_dir`; an absolute path stands for itself.
        hash_algorithm: "sha256", "md5" or "auto", which goes by the length of the hash.
        extract: unpack the archive, and return the path of the folder.
        archive_format: "tar" (compressed or not), "zip", a list of them, or "auto" for both.
        cache_dir: by default `$KERAS_HOME`, else `~/.keras`; a temporary folder where that
            cannot be written.
        force_download: download again what is in the cache.
    """
    if origin is None:
        raise ValueError(
            'Please specify the "origin" argument (URL of the file to download). '
            + received(origin=origin)
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _cache_folder(cache_dir, cache_subdir)
    name = _file_name(fname, origin)
    unpack = extract or untar
    target, unpacked = folder / name, folder / name
    if unpack and fname and "." in name:
        unpacked = folder / f"{name.partition('.')[0]}_extracted"
    elif unpack:
        target = folder / f"{name}_archive"
    if force_download or not _is_in_cache(target, file_hash, hash_algorithm):
        _download(origin, target, file_hash, hash_algorithm)
    if not unpack:
        return str(target)
    formats = "tar" if untar else archive_format
    if not extract_archive(target, unpacked, formats):
        warn(f"Could not extract archive. {received(path=str(target))}")
    return str(unpacked)


def _cache_folder(cache_dir: str | os.PathLike | None, cache_subdir: str) -> Path:
    base = config.keras_home() if cache_dir is None else Path(cache_dir).expanduser()
    for place in (base, Path(tempfile.gettempdir()) / ".keras"):
        folder = place / cache_subdir
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise PermissionError(
        f"There is no folder for downloads that can be written. Received: cache_dir={base}, "
        f"cache_subdir={cache_subdir}"
    )


def _file_name(fname: str | os.PathLike | None, origin: str) -> str:
    name = os.fspath(fname) if fname else urllib.parse.urlsplit(origin).path.rpartition("/")[2]
    if not name or name in (".", ".."):
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the "
            f"`fname` argument. {received(fname=fname)}"
        )
    if "/" in name or "\\" in name:
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent "
            f"directory, use the `cache_dir` argument. {received(fname=name)}"
        )
    return name


# ---- hashes


def _hasher(algorithm: str, file_hash: str | None) -> Any:
    is_sha256 = algorithm == "sha256" or (algorithm == "auto" and len(file_hash or "") == 64)
    return hashlib.sha256() if is_sha256 else hashlib.md5(usedforsecurity=False)


def has_hash(path: str | os.PathLike, file_hash: str, algorithm: str = "auto") -> bool:
    """Whether a file has that SHA-256 or MD5 hash."""
    hasher = _hasher(algorithm, file_hash)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest() == str(file_hash).lower()


def _is_in_cache(path: Path, file_hash: str | None, algorithm: str) -> bool:
    if not path.exists():
        return False
    if file_hash is None or has_hash(path, file_hash, algorithm):
        return True
    print_message(
        f"A local file was found, but it seems to be incomplete or outdated because the "
        f"{algorithm} file hash does not match the original value of {file_hash} so we will "
        "re-download the data."
    )
    return False


# ---- downloads


def _download(origin: str, target: Path, file_hash: str | None, algorithm: str) -> None:
    """Download to a file beside the target, which becomes the target when it is right."""
    print_message(f"Downloading data from {origin}")
    handle, part = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            _copy_from(origin, target, file)
        if file_hash is not None and not has_hash(part, file_hash, algorithm):
            raise ValueError(
                f"Incomplete or corrupted file detected. The {algorithm} file hash does not match "
                f"the provided value of {file_hash}. Received: origin={origin}"
            )
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, target)
    except BaseException:
        os.remove(part)
        raise


def _umask() -> int:
    """The permissions that new files do not get; mkstemp gives its file to the user alone."""
    current = os.umask(0)
    os.umask(current)
    return current


def _copy_from(origin: str, target: Path, file: Any) -> None:
    try:
        with urllib.request.urlopen(origin, timeout=_SECONDS_WITHOUT_DATA) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length else None
            done = _copy(response, file, Progbar(total))
    except urllib.error.HTTPError as error:
        raise _failure(origin, target, error.code, error.reason) from error
    except urllib.error.URLError as error:
        raise _failure(origin, target, error.errno, error.reason) from error
    except OSError as error:
        raise _failure(origin, target, error.errno, error) from error
    if total is not None and done < total:
        raise _failure(origin, target, None, f"the connection ended after {done} of {total} bytes")


def _copy(response: Any, file: Any, bar: Progbar) -> int:
    done = 0
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        bar.update(done, finalize=False)
    bar.update(done, finalize=True)
    return done


def _failure(origin: str, target: Path, code: int | None, reason: Any) -> ConnectionError:
    return ConnectionError(
        f"URL fetch failure on {origin}: {code} -- {reason}. Without a connection, put the file "
        f"at {target} yourself."
    )


# ---- archives


def extract_archive(
    path: str | os.PathLike,
    folder: str | os.PathLike,
    archive_format: str | list[str] | None = "auto",
) -> bool:
    """Unpack an archive; False when it is of none of the formats.

    What was unpacked from the same file before is not unpacked again.
    """
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format or []
    formats = [formats] if isinstance(formats, str) else formats
    unknown = set(formats) - {"tar", "zip"}
    if unknown:
        raise NotImplementedError(
            f"Archive formats are 'tar' and 'zip'. {received(archive_format=archive_format)}"
        )
    path, folder = Path(path), Path(folder)
    for name in formats:
        is_match = tarfile.is_tarfile if name == "tar" else zipfile.is_zipfile
        if is_match(path):
            _unpack_once(path, folder, name)
            return True
    return False


def _unpack_once(path: Path, folder: Path, kind: str) -> None:
    """Unpack, unless a note beside the archive says that this has been done."""
    note = path.with_name(f"{path.name}.extracted")
    stat = path.stat()
    state = f"{stat.st_size} {stat.st_mtime_ns} {folder.resolve()}"
    if folder.is_dir() and note.exists() and note.read_text(encoding="utf-8") == state:
        return
    is_new = not folder.exists()
    try:
        _unpack(path, folder, kind)
    except BaseException:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    note.write_text(state, encoding="utf-8")


def _unpack(path: Path, folder: Path, kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    members = _tar_members if kind == "tar" else _zip_members
    budget = max(_HARMLESS_BYTES, _LARGEST_GROWTH * path.stat().st_size)
    for size, extract in members(path, folder):
        budget -= size
        if budget < 0:
            raise ValueError(
                f"The archive grows to more than {_LARGEST_GROWTH} times its size when unpacked, "
                f"which looks like an attack. {received(path=str(path))}"
            )
        extract()


def _is_inside(path: str, folder: str) -> bool:
    """Whether a path, with the links on it followed, lies in a folder, given with none."""
    return os.path.commonpath([os.path.realpath(path), folder]) == folder


def _skip(name: str) -> None:
    warn(f"Skipping invalid path during archive extraction: '{name}'.")


def _zip_members(path: Path, folder: Path) -> Iterator[tuple[int, Any]]:
    root = os.path.realpath(folder)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if _is_inside(os.path.join(root, info.filename), root):
                yield info.file_size, lambda info=info: archive.extract(info, root)
            else:
                _skip(info.filename)


def _tar_members(path: Path, folder: Path) -> Iterator[tuple[int, Any]]:
    """Members one by one: whether a path is safe depends on the links unpacked before it."""
    root = os.path.realpath(folder)
    with tarfile.open(path) as archive:
        for info in archive:
            safe = _safe_member(info, root)
            if safe is None:
                _skip(info.name)
            else:
                yield info.size, lambda safe=safe: archive.extract(safe, root, filter="data")


def _safe_member(info: tarfile.TarInfo, root: str) -> tarfile.TarInfo | None:
    """The member with harmless permissions; None if it, or what it links to, is outside."""
    place = os.path.join(root, info.name)
    links = []
    if info.issym():
        links = [os.path.join(os.path.dirname(os.path.realpath(place)), info.linkname)]
    elif info.islnk():
        links = [os.path.join(root, info.linkname)]
    if not all(_is_inside(where, root) for where in (place, *links)):
        return None
    try:
        return tarfile.data_filter(info, root)
    except tarfile.FilterError:
        return None

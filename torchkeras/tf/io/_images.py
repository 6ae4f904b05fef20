"""Images as files: decoded and encoded by Pillow."""

import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras._errors import import_optional
from torchkeras.tf._strings import StringTensor, bytes_of
from torchkeras.tf._tensor import EagerTensor, sealed
from torchkeras.tf.dtypes import as_dtype, uint8
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "is_jpeg",
]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_JPEG = b"\xff\xd8\xff"


def _content(contents: Any) -> bytes:
    return bytes_of(StringTensor(contents).values[()])


def _opened(contents: Any, purpose: str) -> Any:
    image = import_optional("PIL.Image", purpose)
    try:
        return image.open(io.BytesIO(_content(contents)))
    except (OSError, SyntaxError) as error:
        raise InvalidArgumentError(
            "Unknown image file format. One of JPEG, PNG, GIF, BMP required."
        ) from error


def _pixels(picture: Any, channels: int, dtype: Any) -> np.ndarray:
    """(height, width, channels)."""
    wide = picture.mode in ("I", "I;16", "I;16B")
    if channels:
        mode = _MODES[channels]
    else:
        mode = "RGB" if picture.mode in ("P", "CMYK", "YCbCr") else picture.mode
        mode = {"1": "L"}.get(mode, mode)
        if picture.mode == "P" and "transparency" in picture.info:
            mode = "RGBA"
    if mode == "L" and picture.format == "PNG" and picture.mode in ("RGB", "RGBA", "P"):
        array = _gray(np.asarray(picture.convert("RGB")))
    else:
        is_ready = wide and mode in ("L", picture.mode)
        array = np.asarray(picture if is_ready else picture.convert(mode))
    array = array if array.ndim == 3 else array[..., None]
    if as_dtype(dtype) == uint8:
        return array if array.dtype == np.uint8 else (array.astype(np.int64) >> 8).astype(np.uint8)
    return array.astype(np.uint16) * (1 if wide else 257)


def _gray(pixels: np.ndarray) -> np.ndarray:
    """Gray of colours as libpng makes it: in 15 bits, and cut where Pillow rounds."""
    return (pixels.astype(np.int64) @ (9797, 19234, 3737) >> 15).astype(np.uint8)


def _decoded(contents: Any, channels: int, dtype: Any, purpose: str) -> Tensor:
    pixels = _pixels(_opened(contents, purpose), channels or 0, dtype)
    return torch.from_numpy(np.array(pixels))


def _in(dtype: Any, image: Tensor) -> EagerTensor:
    """An image of bytes, or of floats from 0 to 1."""
    wanted = as_dtype(dtype)
    if wanted.is_floating:
        return sealed(image.to(wanted.torch) / torch.iinfo(image.dtype).max)
    return sealed(image)


def decode_jpeg(
    contents,
    channels=0,
    ratio=1,
    fancy_upscaling=True,
    try_recover_truncated=False,
    acceptable_fraction=1,
    dct_method="",
    name=None,
) -> EagerTensor:
    """The pixels of a JPEG file, uint8, (height, width, channels).

    Args:
        ratio: 2, 4 or 8 for an image so many times smaller.
    """
    picture = _opened(contents, "tf.io.decode_jpeg")
    if ratio != 1:
        picture.draft(None, (picture.width // ratio, picture.height // ratio))
    return sealed(torch.from_numpy(np.array(_pixels(picture, channels, uint8))))


def decode_png(contents, channels=0, dtype=uint8, name=None) -> EagerTensor:
    """The pixels of a PNG file, uint8 or uint16, (height, width, channels)."""
    return sealed(_decoded(contents, channels, dtype, "tf.io.decode_png"))


def decode_bmp(contents, channels=0, name=None) -> EagerTensor:
    """The pixels of a BMP file, uint8, (height, width, channels)."""
    return sealed(_decoded(contents, channels, uint8, "tf.io.decode_bmp"))


def decode_gif(contents, name=None) -> EagerTensor:
    """The frames of a GIF file, uint8, (frames, height, width, 3)."""
    picture = _opened(contents, "tf.io.decode_gif")
    frames = []
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        frames.append(np.array(picture.convert("RGB")))
    return sealed(torch.from_numpy(np.stack(frames)))


def decode_image(contents, channels=None, dtype=uint8, name=None, expand_animations=True):
    """The pixels of a JPEG, PNG, BMP or GIF file; floats are from 0 to 1.

    Args:
        expand_animations: False for only the first frame of a GIF file.
    """
    if _content(contents)[:3] == b"GIF":
        frames = decode_gif(contents)
        return _in(dtype, frames if expand_animations else frames[0])
    depth = dtype if not as_dtype(dtype).is_floating else uint8
    return _in(dtype, _decoded(contents, channels or 0, depth, "tf.io.decode_image"))


def _encoded(image: Any, kind: str, purpose: str, **options: Any) -> StringTensor:
    array = np.asarray(image)
    pixels = array[..., 0] if array.shape[-1] == 1 else array
    out = io.BytesIO()
    import_optional("PIL.Image", purpose).fromarray(pixels).save(out, kind, **options)
    return StringTensor(out.getvalue())


def encode_jpeg(
    image,
    format="",
    quality=95,
    progressive=False,
    optimize_size=False,
    chroma_downsampling=True,
    density_unit="in",
    x_density=300,
    y_density=300,
    xmp_metadata="",
    name=None,
) -> StringTensor:
    """An image, (height, width, 1 or 3) of uint8, as a JPEG file."""
    return _encoded(
        image,
        "JPEG",
        "tf.io.encode_jpeg",
        quality=quality,
        progressive=progressive,
        optimize=optimize_size,
        subsampling=2 if chroma_downsampling else 0,
        dpi=(x_density, y_density),
    )


def encode_png(image, compression=-1, name=None) -> StringTensor:
    """An image, (height, width, 1 to 4) of uint8, as a PNG file."""
    options = {} if compression < 0 else {"compress_level": compression}
    return _encoded(image, "PNG", "tf.io.encode_png", **options)


def is_jpeg(contents, name=None) -> EagerTensor:
    """Whether bytes are those of a JPEG file."""
    return sealed(torch.tensor(_content(contents)[:3] == _JPEG))

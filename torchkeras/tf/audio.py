"""`tf.audio`: WAV files."""

import io
import wave
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor, bytes_of
from torchkeras.tf._tensor import sealed
from torchkeras.tf.errors import InvalidArgumentError

__all__ = ["decode_wav", "encode_wav"]


class DecodeWav(NamedTuple):
    """Samples and their rate."""

    audio: Tensor
    sample_rate: Tensor


def decode_wav(contents, desired_channels=-1, desired_samples=-1, name=None) -> DecodeWav:
    """The samples, (samples, channels) from -1 to 1, of a WAV file of 16 bits, and their rate.

    Raises:
        InvalidArgumentError: it is no such file.
    """
    try:
        with wave.open(io.BytesIO(bytes_of(StringTensor(contents).values[()]))) as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(f"Header mismatch: Expected RIFF but found {error}") from error
    if width != 2:
        raise InvalidArgumentError(f"Can only read 16-bit WAV files, but received {8 * width}")
    samples = np.frombuffer(data, "<i2").reshape(-1, channels).astype(np.float32) / 32768
    if desired_channels not in (-1, channels):
        samples = np.repeat(samples[:, :1], desired_channels, 1)
    if desired_samples != -1:
        samples = samples[:desired_samples]
        samples = np.pad(samples, ((0, desired_samples - len(samples)), (0, 0)))
    sound = sealed(torch.from_numpy(np.ascontiguousarray(samples)))
    return DecodeWav(sound, sealed(torch.tensor(rate, dtype=torch.int32)))


def encode_wav(audio, sample_rate, name=None) -> StringTensor:
    """Samples, (samples, channels) from -1 to 1, as a WAV file of 16 bits."""
    samples = np.asarray(as_tensor(audio), np.float32)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        whole = np.clip(np.rint(samples * 32768), -32768, 32767)
        file.writeframes(whole.astype("<i2").tobytes())
    return StringTensor(out.getvalue())


__getattr__ = missing_from("tf.audio")

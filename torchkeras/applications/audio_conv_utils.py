"""Sound files to what MusicTaggerCRNN expects, and its predictions to the names of tags."""

import numpy as np

from torchkeras import config
from torchkeras._errors import import_optional, received

__all__ = ["decode_predictions", "preprocess_input"]

TAGS = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s"),
    *("alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists"),
    *("classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s", "chill"),
    *("instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic"),
    *("experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country"),
    *("easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock"),
    *("60s", "rnb", "indie pop", "sad", "House", "happy"),
)

# Samples a second, samples of a window, samples between windows, bands, seconds.
RATE, WINDOW, HOP, BANDS, SECONDS = 12000, 512, 256, 96, 29.12


def preprocess_input(audio_path, data_format=None):
    """The middle 29 seconds of a sound file as decibels in 96 mel bands: (96, 1366, 1).

    Args:
        audio_path: path of the file; reading it needs the package librosa.
        data_format: "channels_last" or "channels_first", for (1, 96, 1366); None for the setting.
    """
    librosa = import_optional("librosa", "MusicTaggerCRNN's preprocess_input")
    samples, _ = librosa.load(audio_path, sr=RATE)
    wanted = int(SECONDS * RATE)
    start = max(0, (len(samples) - wanted) // 2)
    samples = samples[start : start + wanted]
    samples = np.pad(samples, (0, wanted - len(samples)))
    power = librosa.feature.melspectrogram(
        y=samples, sr=RATE, hop_length=HOP, n_fft=WINDOW, n_mels=BANDS
    )
    decibels = librosa.power_to_db(power**2, ref=1.0)
    data_format = data_format or config.image_data_format()
    return decibels[None] if data_format == "channels_first" else decibels[..., None]


def decode_predictions(preds, top_n=5):
    """The likeliest tags for each row of predictions (B, 50), as lists of `(tag, score)`."""
    if len(preds.shape) != 2 or preds.shape[1] != len(TAGS):
        raise ValueError(
            f"`decode_predictions` expects predictions of shape (samples, {len(TAGS)}). "
            + received(shape=tuple(preds.shape))
        )
    rows = [sorted(zip(TAGS, row), key=lambda pair: -pair[1]) for row in preds]
    return [row[:top_n] for row in rows]

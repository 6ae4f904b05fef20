"""Forecast the temperature a day ahead from three days of weather, hour by hour.

The weather is made up: seasons, days, and fronts that come with a change of pressure. An LSTM is
compared with the guess that tomorrow will be as today.
Run: python -m torchkeras examples/timeseries_forecast.py
"""

import os

import keras
import numpy as np
from keras import layers

EPOCHS = int(os.environ.get("EPOCHS", 8))
HOURS = 24 * 365
PAST, AHEAD = 72, 24


def make_weather(seed=0):
    """Temperature and pressure of every hour of a year, (HOURS, 2)."""
    generator = np.random.default_rng(seed)
    hours = np.arange(HOURS)
    season = -12 * np.cos(2 * np.pi * hours / HOURS)
    daily = -5 * np.cos(2 * np.pi * (hours % 24) / 24)
    front = np.zeros(HOURS)
    for hour in range(1, HOURS):  # wanders, and is drawn back to zero
        front[hour] = 0.99 * front[hour - 1] + generator.normal(0, 0.6)
    # The pressure tells of a front a day before it arrives.
    pressure = 1013 + 3 * front + generator.normal(0, 0.5, HOURS)
    temperature = 10 + season + daily + np.roll(front, AHEAD) + generator.normal(0, 0.3, HOURS)
    return np.stack([temperature, pressure], axis=1).astype("float32")


weather = make_weather()
cut = HOURS * 3 // 4
mean, deviation = weather[:cut].mean(axis=0), weather[:cut].std(axis=0)
scaled = (weather - mean) / deviation


def windows(start, stop, shuffle):
    """Batches of three days, every second hour, and the temperature a day after their end."""
    part = scaled[start:stop]
    return keras.utils.timeseries_dataset_from_array(
        part[:-AHEAD],
        part[PAST + AHEAD - 2 :, 0],
        sequence_length=PAST // 2,
        sampling_rate=2,
        sequence_stride=3,
        batch_size=64,
        shuffle=shuffle,
        seed=1,
    )


train, test = windows(0, cut, True), windows(cut, HOURS, False)

model = keras.Sequential(
    [
        keras.Input((PAST // 2, 2)),
        layers.LSTM(32),
        layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
model.fit(
    train,
    validation_data=test,
    epochs=EPOCHS,
    callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
)

degrees = deviation[0]
guess = np.mean([float(abs(x[:, -1, 0] - y).mean()) for x, y in test]) * degrees
error = model.evaluate(test, verbose=0)[1] * degrees
print(f"As today: {guess:.2f} degrees off")
print(f"Forecast: {error:.2f} degrees off")

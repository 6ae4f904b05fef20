"""Whole scripts in the style of Keras 1 and of Keras 2, run unedited by the runner."""

import re
from pathlib import Path

import pytest

from compat_tests.processes import run_script

SCRIPTS = Path(__file__).parent / "scripts"
pytestmark = pytest.mark.slow

# Script -> lines that its output has; a script that prints "Loss first:" and "Loss last:" must
# also learn: the last is under the first, times the factor where one is given.
KERAS1 = {
    "addition_seq2seq": ["Keys: True True", "Outputs: 2 (160, 1)", "Trained: True"],
    "autoencoder_1d": [0.5, "Code: (200, 4, 4) (None, 4, 4)", "Layer: Conv1D"],
    "convnet_th": [
        0.9,
        "Kernel: (3, 3, 1, 8)",
        "ZeroPadding2D (None, 1, 12, 12) (None, 1, 14, 14)",
        "Flatten (None, 4, 3, 3) (None, 36)",
    ],
    "custom_layer": [0.5, "Weights: 13 (32, 16)", "Shapes: (None, 32) (None, 8)"],
    "functional_siamese": [0.5, "Accuracy: 1.0", "Shared: 4 (None, 8)"],
    "generator_forever": [0.5, "Batches: 32", "Predicted: (60, 1)"],
    "image_generator": ["Validated: 5", "Batch: (9, 10, 10, 3) (9, 2)"],
    "imdb_lstm": [
        "X_train shape: (256, 12)",
        "GRU weights: [(16, 36), (12, 36), (36,)]",
        "Output shape: (None, 1)",
        "Proba shape: (64, 1)",
    ],
    "merge_branches": [
        "Merged shape: (None, 16)",
        "sum (3, 6) 3.0",
        "mul (3, 6) 2.0",
        "ave (3, 6) 1.5",
        "max (3, 6) 2.0",
        "concat (3, 12) 1.0",
        "dot (3, 1) 12.0",
        "cos (3, 1, 1) 1.0",
        "lambda (3, 6) -1.0",
    ],
    "mlp": [0.7, "700 train samples", "Epochs seen: 8"],
    "save_and_load": [
        "JSON: True",
        "YAML: True",
        "H5: True",
        "Goes on: True",
        "Classes: 1.0",
    ],
    "stateful_rnn": ["State matters: True True", "Shapes: (None, 4, 2) (2, 4, 2)"],
    "text_generation": [0.7, "total chars: 14", "Length: 28"],
    "vae_loss_closure": [0.9, "Encoded: (400, 2)", "Generated: (1, 16)"],
    "visualize_filters": [f"Filter {i}: True (1, 16, 16, 3)" for i in range(3)],
}
KERAS2 = {
    "autoencoder_conv": [
        "Encoded: (3, 3, 3, 4)",
        "Augmented: (16, 12, 12, 1) True",
        "Image: (12, 12, 1)",
        "Copied: True",
    ],
    "backend_tour": [
        "dot [[13.0, 16.0], [40.0, 52.0]]",
        "sum [3.0, 5.0, 7.0] 2.5",
        "batch_dot [[3.0], [3.0]]",
        "reshape (3, 2) 2 float32",
        "cat (4, 3) (2, 2, 3)",
        "gather [3.0, 4.0, 5.0]",
        "switch [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]",
        "clip [[1.0, 1.0, 2.0], [3.0, 4.0, 4.0]]",
        "onehot [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]",
        "pad (1, 4, 4, 1) (1, 4, 1)",
        "conv 9.0",
        "update [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]",
        "any True False",
        "rnn [4.0, 4.0, 4.0] (2, 4, 3)",
        "function [[[1.0, 4.0, 9.0]], [6.0]]",
        "gradients [[2.0, 4.0, 6.0]]",
        "map [2.0, 4.0] 6.0",
        "act [0.0, 0.5, 1.0] [-0.10000000149011612, 2.0, 6.0]",
        "std 0.8165 [1]",
        "tile (2, 4) (2, 4, 3) (2, 6)",
        "ctc (1, 1)",
    ],
    "callbacks_all": [
        "Seen: 8 True 0.05",
        "MAE: True 8",
        "Files: True (2, 1)",
        "Log: epoch",
        "Printed: True",
    ],
    "custom_layer_k": ["F1: True True", "Loaded: True", "Config: True attention"],
    "functional_resnet": [
        "Params: True",
        "Layer: (None, 3) (None, 32) 2",
        "Middle: (2, 12, 12, 8)",
        "Trainable: True",
    ],
    "gan": ["D trained only by itself: True", "Image: (16, 8, 8, 1) True"],
    "generators_sequence": [
        "Val: 10",
        "Epochs: 2",
        "Evaluate: 2",
        "Predict: (96, 1)",
        "Metrics: ['loss', 'mae']",
    ],
    "grad_cam": ["Heatmap: (3, 3) (6,)", "Agree: True", "Saliency: (1, 12, 12, 1)"],
    "locally_connected": [
        "Kernel: (9, 18, 4) (3, 3, 4)",
        "Steps: (2, 4)",
        "Video: (1, 3, 3, 3, 1)",
        "By hand: True",
    ],
    "lstm_seq2seq": ["Decoded: 5 (1, 1, 6)"],
    "mnist_cnn": [
        0.8,
        "Keys: ['accuracy', 'loss', 'val_accuracy', 'val_loss']",
        "Same: True",
    ],
    "multi_output": [
        "Keys: True True True",
        "Outputs: [(120, 1), (120, 3, 2), (120, 1)]",
        "Scores: True",
    ],
    "neural_style": [0.5, "Image: (300,)"],
    "rl_policy": [0.5, "Acts: True", "Policy: True"],
    "sklearn_wrapper": [
        "Proba: (5, 3) (5,)",
        "Best: ['batch_size', 'epochs', 'optimizer']",
        "Regression: (4,)",
    ],
    "stateful_attributes": [
        "Shapes: (1, 2, 1) (1, 16) (1, 2, 1) (1, 12)",
        "Nodes: 1 Node",
        "Summary: True",
        "Params: True",
        "Parallel: True",
        "Copy: True True (1, 12)",
        "Trainable: [True, True] 16 16",
    ],
    "text_cnn": [
        "Frozen: True",
        "Words: ['a', 'good', 'film'] 3",
        "Found 11 unique tokens.",
    ],
    "tf_keras_classify": [
        "Accurate: True",
        "H5: True",
        "Metric: 2.0",
        "Reset: 0.0",
        "Optimizer: 0.001",
    ],
    "vae_add_loss": [0.95, "KL seen: 30 True", "Encoded: (320, 2)"],
    "wgan_gp": [0.9, "Losses: 4 True"],
}
ROWS = [
    pytest.param(SCRIPTS / era / f"{name}.py", expected, id=f"{era}-{name}")
    for era, rows in (("keras1_style", KERAS1), ("keras2_style", KERAS2))
    for name, expected in rows.items()
]


def test_every_script_has_a_row():
    for era, rows in (("keras1_style", KERAS1), ("keras2_style", KERAS2)):
        assert {path.stem for path in (SCRIPTS / era).glob("*.py")} == set(rows)
    assert len(KERAS1) >= 15
    assert len(KERAS2) >= 20


@pytest.mark.parametrize("script, expected", ROWS)
def test_script_runs_and_computes_what_it_should(script, expected, tmp_path):
    text = run_script(script, tmp_path)
    lines = text.splitlines()
    assert [line for line in expected if isinstance(line, str) and line not in lines] == []
    losses = [re.search(rf"^Loss {when}: (\S+)$", text, re.MULTILINE) for when in ("first", "last")]
    if all(losses):
        factor = next((row for row in expected if isinstance(row, float)), 1.0)
        first, last = (float(found[1]) for found in losses)
        assert last < first * factor
    assert list(tmp_path.iterdir()) == [], "the script leaves files behind"

"""The training loop: what `compile` was given, one epoch runner, and the trainer that models
inherit."""

"""`python -m torchkeras script.py`: runs an unmodified Keras or tf.keras script on torch."""

import sys

from torchkeras._runner import main

if __name__ == "__main__":
    main(sys.argv[1:])

"""What a lesson's first cell runs, once it has found the course: ``%run .../helpers/start.py``.

From then on ``helpers`` can be imported and figures stand below their cells. Keras is imported
here, without TensorFlow's start-up messages, so that the wait for it comes at the beginning.
"""

import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[1]
CLONE = "cnn"  # where the first cell puts the course when a lesson is opened alone, as on Colab


def start() -> None:
    """Make the course importable, install what a lesson alone lacks, show figures inline."""
    from IPython import get_ipython

    here = str(COURSE / "helpers")  # %run puts it first, and its modules have common names
    sys.path[:] = [str(COURSE), *(path for path in sys.path if path not in (here, str(COURSE)))]
    if Path(CLONE).resolve() == COURSE:
        from helpers import packages

        packages.install_missing()
    get_ipython().run_line_magic("matplotlib", "inline")


if __name__ == "__main__":
    start()
    from helpers.quiet import keras  # noqa: F401 (a name for the notebook)

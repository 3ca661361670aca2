"""Look inside convolutional networks: the small library behind the lessons.

Read the modules in the order in which data flows; each imports only from those before it:

``collection``, ``images`` → ``models`` → ``graph``, ``layers`` → ``brightness``, ``activations``,
``filters``, ``convolution``, ``receptive_field``, ``visualization``, ``attribution`` →
``datasets``, ``ranking``, ``patches``, ``cluster`` → ``plots`` → ``widgets``; ``exercises`` and
``gallery`` stand beside them. What is in ``safety``, and ``quiet``, ``packages`` and
``check_environment``, keeps the lessons safe and need not be read to follow them.

Importing this package loads nothing else: TensorFlow is imported where it is first needed.
"""


def __getattr__(name: str) -> object:
    """Import the function ``check_environment`` when it is first asked for."""
    if name == "check_environment":
        import importlib

        return importlib.import_module("helpers.check_environment")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")

"""Look inside convolutional networks: the small library behind the lessons.

Read the modules in the order in which data flows; each imports only from those before it:

``collection``, ``images`` → ``weights`` → ``models`` → ``layers`` → ``convolution``, ``filters``,
``activations``, ``receptive_field`` → ``datasets``, ``patches`` → ``plots`` → ``widgets``;
``exercises`` and ``check_environment`` stand beside them.

Importing this package loads nothing else: TensorFlow is imported where it is first needed.
"""


def __getattr__(name: str) -> object:
    """Import ``check_environment``, a module that can be called, when it is first asked for."""
    if name == "check_environment":
        import importlib

        return importlib.import_module("helpers.check_environment")
    raise AttributeError(f"module 'helpers' has no attribute {name!r}")

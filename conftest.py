"""For every test: how many run at once, and which only ``.ci/run`` runs."""

import os


def pytest_xdist_auto_num_workers(config):
    """Two processes for all tests; a part of them is done sooner without starting others."""
    return 2 if config.args_source is config.ArgsSource.TESTPATHS else 0


def pytest_collection_modifyitems(config, items):
    """Leave out what is marked ``ci`` unless the environment variable CNN_CI is set.

    If it is, that comes first, as it takes long: in the end no process waits for another.
    """
    if os.environ.get("CNN_CI"):
        items.sort(key=_is_for_ci, reverse=True)
    else:
        config.hook.pytest_deselected(items=[item for item in items if _is_for_ci(item)])
        items[:] = [item for item in items if not _is_for_ci(item)]


def _is_for_ci(item):
    return item.get_closest_marker("ci") is not None

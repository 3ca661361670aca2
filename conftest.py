"""For every test: how many run at once, and which only ``.ci/run`` runs."""

import os


def pytest_xdist_auto_num_workers(config):
    """Two processes for all tests; a part of them is done sooner without starting others."""
    return 2 if config.args_source is config.ArgsSource.TESTPATHS else 0


def pytest_collection_modifyitems(config, items):
    """Leave out what is marked ``ci`` unless the environment variable CNN_CI is set."""
    if not os.environ.get("CNN_CI"):
        config.hook.pytest_deselected(items=[item for item in items if _is_for_ci(item)])
        items[:] = [item for item in items if not _is_for_ci(item)]


def _is_for_ci(item):
    return item.get_closest_marker("ci") is not None

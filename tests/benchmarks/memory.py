"""Item 6: what a kernel's memory and speed do over thousands of slider moves.

The moves are sent to a real kernel as the browser sends them: one message for each new value, the
next one when the kernel is idle again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from jupyter_client.manager import start_new_kernel
from table import Row

HERE = Path(__file__).resolve().parent
SETUP = f"""
import sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[1])!r}]
import json
import subject
made = {{name: make() for name, make in subject.explorers().items()}}
"""
CONTROLS = """
print(json.dumps({name: [
    [control.model_id, "value", control.min, control.max] if hasattr(control, "max")
    else [control.model_id, "index", 0, len(control.options) - 1]
    for control in explorer.controls.values()
] for name, explorer in made.items()}))
"""
SLOWER = 1.1  # what still counts as no slow-down
ENDS = 500  # moves at the beginning whose speed is compared with as many at the end


def long_use(moves: int) -> Iterator[Row]:
    """Item 6: every slider and menu of all explorers, in turns; the first moves warm up."""
    manager, client = start_new_kernel()
    try:
        printed = _run(client, SETUP + CONTROLS)
        explorers = json.loads(printed.splitlines()[-1])
        controls = [control for several in explorers.values() for control in several]
        random, kernel = np.random.default_rng(0), psutil.Process(manager.provisioner.pid)
        ends = min(ENDS, max(moves // 4, 1))
        _move(client, controls, random, max(moves // 5, 1))
        _run(client, "import gc; gc.collect()")
        before = kernel.memory_info().rss
        times = _move(client, controls, random, moves)
        _run(client, "import gc; gc.collect()")
        grown = (kernel.memory_info().rss - before) / 1e6
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    first, last = np.median(times[:ends]), np.median(times[-ends:])
    yield Row(6, f"memory grown over {moves:,} moves", grown, "MB", 20)
    yield Row(6, f"a move in the kernel, median of the first {ends}", first * 1e3, "ms")
    yield Row(6, f"a move in the kernel, median of the last {ends}", last * 1e3, "ms")
    yield Row(6, "the last against the first", last / first, "×", SLOWER)


def _move(client: Any, controls: list, random: np.random.Generator, moves: int) -> list[float]:
    """Set controls to random values, one after the other; seconds of each move."""
    times = []
    for number in range(moves):
        model, trait, low, high = controls[number % len(controls)]
        value = int(random.integers(low, high + 1))
        state = {"method": "update", "state": {trait: value}, "buffer_paths": []}
        message = client.session.msg("comm_msg", {"comm_id": model, "data": state})
        start = time.perf_counter()
        client.shell_channel.send(message)
        _wait(client, message["header"]["msg_id"])
        times.append(time.perf_counter() - start)
    return times


def _wait(client: Any, sent: str) -> None:
    """Until the kernel is done with a message.

    Raises:
        RuntimeError: The move failed in the kernel.
    """
    while True:
        message = client.get_iopub_msg(timeout=120)
        if message["parent_header"].get("msg_id") != sent:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "error" or content.get("name") == "stderr":
            raise RuntimeError(f"a move failed: {content}")
        if kind == "status" and content["execution_state"] == "idle":
            return


def _run(client: Any, source: str) -> str:
    """What some code prints in the kernel.

    Raises:
        RuntimeError: It failed.
    """
    printed = []
    reply = client.execute_interactive(
        source, timeout=600, output_hook=lambda message: printed.append(message["content"])
    )
    if reply["content"]["status"] != "ok":
        raise RuntimeError(reply["content"]["evalue"])
    return "".join(content.get("text", "") for content in printed)

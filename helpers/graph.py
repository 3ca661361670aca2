"""How data flows through a model: each call of a layer, those inside nested models as well.

To Keras a nested model is one step: its inner tensors lead back to an input of its own, not to the
photo. So whatever comes from a nested model is called once more here, with symbolic tensors and
under the name of its path: the layers and their weights are the same, nothing is computed, and each
inner tensor now depends on the input of the outer model. What comes before is left as it is.
"""

import functools
import itertools
import weakref
from typing import Any, NamedTuple

_kept: weakref.WeakKeyDictionary[Any, dict] = weakref.WeakKeyDictionary()


class Call(NamedTuple):
    """One call of a layer (or of an operation such as +), with Keras's symbolic tensors."""

    layer: Any
    inputs: list[Any]  # what flows in
    outputs: list[Any]  # what flows out


def calls(model: Any) -> dict[str, Call]:
    """Every call between a model's inputs and outputs, in the order in which data flows.

    The names are those of ``layers.walk``; nested models stand after what is inside of them.

    Raises:
        ValueError: The model is not built, or a subclassed one, which has no graph.
    """
    from helpers.quiet import keras

    if (graph := graph_of(model)) is None:
        why = "has no input yet; build it with keras.Input first"
        if isinstance(model, keras.Model) and not isinstance(model, keras.Sequential):
            why = (
                "is a subclassed model, of which Keras keeps no graph of layers; make one: "
                "photo = keras.Input(shape), then keras.Model(photo, model.call(photo))"
            )
        raise ValueError(f"{model.name} {why}")
    if graph not in _kept:
        found: dict[str, Call] = {}
        _follow(graph, graph.inputs, "", found)
        _kept[graph] = found
    return _kept[graph]


def has_graph(layer: Any) -> bool:
    """Whether a layer is itself a model whose layers can be followed."""
    return graph_of(layer) is not None


def graph_of(model: Any) -> Any | None:
    """The Functional model that a model is, or that a Sequential wraps; None where there is none.

    Keras has no public list of calls; ``_nodes_by_depth`` is what ``Model.call`` itself goes by.
    """
    graph = getattr(model, "_functional", model)
    return graph if hasattr(graph, "_nodes_by_depth") else None


def _follow(graph: Any, inputs: list[Any], prefix: str, found: dict[str, Call]) -> list[Any]:
    """Follow data through a graph, add each call to ``found``, and return what comes out."""
    from helpers.quiet import keras

    now = dict(zip(map(id, graph.inputs), inputs, strict=False))  # for each tensor of the graph
    order = {operation: place for place, operation in enumerate(graph.operations)}

    def place(node: Any) -> tuple[int, int]:  # among those of one depth: as in ``model.layers``
        return order[node.operation], node.operation._inbound_nodes.index(node)

    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in sorted(graph._nodes_by_depth[depth], key=place):
            layer = node.operation
            if node.is_input and prefix:
                continue  # a nested model's own input does nothing
            name = first = prefix + layer.name
            for number in itertools.count(2):
                if name not in found:
                    break
                name = f"{first}@{number}"
            flows_in = [now[id(tensor)] for tensor in node.input_tensors]
            if (inner := graph_of(layer)) is not None:
                flows_out = _follow(inner, flows_in, f"{name}/", found)
            elif all(a is b for a, b in zip(flows_in, node.input_tensors, strict=True)):
                flows_out = node.outputs  # nothing nested before it
            else:
                args, kwargs = node.arguments.fill_in(now)
                again = _renamed()(layer, name.replace("/", "."))
                flows_out = keras.tree.flatten(again(*args, **kwargs))
            now.update(zip(map(id, node.outputs), flows_out, strict=True))
            found[name] = Call(layer, flows_in, flows_out)
    return [now[id(tensor)] for tensor in graph.outputs]


@functools.cache
def _renamed() -> type:
    """A class for a layer under another name, since names in one graph must differ."""
    from helpers.quiet import keras

    class Renamed(keras.Operation):
        def __init__(self, layer: Any, name: str) -> None:
            super().__init__(name=name)
            self.layer = layer

        def call(self, *args: Any, **kwargs: Any) -> Any:
            return self.layer(*args, **kwargs)

        def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
            return self.layer.compute_output_spec(*args, **kwargs)

    return Renamed

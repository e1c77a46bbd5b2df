"""Events of input bindings: `BindingHandler = binding.handler(take)`. Output bindings are in `pillion_sdk.output`."""

from typing import Any, Callable

from .errors import handler as made


def handler(handle: Callable[[Any], Any]) -> type:
    """Takes events: `binding`, `data` and `metadata`; answers a `Reply` of `wit_world.exports.binding_handler`, or nothing."""
    return made(handle)

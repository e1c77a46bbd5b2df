"""Inference: models that the app declares under `models:`, by wasi:nn."""

from componentize_py_types import Err
from wit_world.imports import graph
from wit_world.imports.tensor import Tensor, TensorType as TensorType


class InferenceError(Exception):
    """Why a model gave nothing."""


def infer(model: str, dimensions: list[int], kind: TensorType, data: bytes) -> bytes:
    """Runs a model of one input; its first output as the model has it, little endian."""
    try:
        execution = graph.load_by_name(model).init_execution_context()
        outputs = execution.compute([("0", Tensor(dimensions, kind, data))])
        return outputs[0][1].data()
    except Err as error:
        raise InferenceError(error.value.data()) from None

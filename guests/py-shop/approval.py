"""An order that waits for an answer: a workflow with an activity."""

from typing import Any

from pillion_sdk import workflows
from pillion_sdk.state import Store
from pillion_sdk.workflows import WorkflowFailure


def approval(order: dict[str, Any]) -> dict[str, Any]:
    kept = workflows.call_activity("keep", order, workflows.retry(2, 100)).wait()
    try:
        answer = workflows.wait_for_event("answer", order.get("patience")).wait()
    except WorkflowFailure as error:
        answer = error.failure.error_type
    return {"kept": kept, "answer": answer}


def keep(order: dict[str, Any], _info: Any) -> str:
    if "item" not in order:
        raise WorkflowFailure("NoItem", "an order has an item", non_retriable=True)
    Store("statestore").set(f"kept-{order['item']}", order)
    return order["item"].upper()


WorkflowHandler = workflows.handler({"approval": approval}, {"keep": keep})

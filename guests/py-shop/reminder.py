"""Notes in the state store `statestore` that a job was done."""

from pillion_sdk import job
from pillion_sdk.state import Store


def note(event) -> None:
    Store("statestore").set(f"done-{event.name}", event.data)


JobHandler = job.handler(note)

"""Actors that count, each for itself, and are reminded."""

import json

from pillion_sdk import actor
from pillion_sdk.actor import Context


class Tally(actor.Actor):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.count = int(context.get("count") or 0)
        self.turns = 0

    def invoke(self, method: str, data: bytes, metadata: list[tuple[str, str]]) -> str:
        self.turns += 1
        match method:
            case "add":
                self.add(int(data))
            case "remind":
                self.context.remind(data.decode(), {"more": 100}, due_time="0s")
            case "turns":
                return str(self.turns)
            case "get":
                pass
            case _:
                raise ValueError(f"no method {method}")
        return str(self.count)

    def reminder(self, name: str, data: bytes) -> None:
        self.add(json.loads(data)["more"])

    def add(self, more: int) -> None:
        self.context.set("count", str(self.count + more))
        self.count += more


ActorHandler = actor.handler(Tally)

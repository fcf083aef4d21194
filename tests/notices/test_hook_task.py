"""Messages of a hook that are in memory, while nothing can be written."""

from collections import deque
from typing import Any

from service.notices.deliveries import Answer, Delivery
from service.notices.hook_task import HookTask
from service.notices.hooks_file import Elsewhere, Hook, Secrets
from service.runtime.clock import utc_now


class Told(deque[Delivery]):
    """To which another thread adds one while a message is looked for."""

    new: Delivery

    def index(self, *args: Any) -> int:
        found = super().index(*args)
        self.append(self.new)
        return found

    def remove(self, value: Delivery) -> None:
        super().remove(value)
        self.append(self.new)


def message(text: str) -> Delivery:
    return Delivery.of("duty", "disk.low", {"text": text}, utc_now())


def test_one_that_comes_while_another_is_answered_is_kept() -> None:
    class Writer:
        losses = None

    hook = Hook(name="duty", on=["disk.low"], url="https://a.example", secret=Elsewhere(env="S"))
    none: Any = None
    writer: Any = Writer()
    task = HookTask(hook, Secrets(), none, none, writer, none, none, none)
    first, second = message("first"), message("second")
    task.unwritten = told = Told([first, second], maxlen=2)
    told.new = message("new")
    task._note(second, Answer(done=True))
    assert [(each.delivery_id, each.status) for each in told] == [
        (told.new.delivery_id, "waiting"),
        (second.delivery_id, "delivered"),
    ]

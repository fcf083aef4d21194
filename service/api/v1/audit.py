"""The audit, by HTTP."""

from litestar import Controller, get
from litestar.di import NamedDependency

from service.api.http.parameters import only_known
from service.gate import Gate
from service.upkeep.audit import Audit


class AuditController(Controller):
    """The audit."""

    path = "/v1"
    tags = ("audit",)
    guards = (only_known,)

    @get("/audit", operation_id="audit", sync_to_thread=True)
    def audit(self, gate: NamedDependency[Gate]) -> Audit:
        """Says whether the books are right: what is stored follows from what is on record.

        All that was acknowledged is there; each load adds up; the rejections of each are on record;
        each table has the rows that its loads, replays and restores account for, and each row
        passes every rule; every backup is whole. It reads everything, and may take its time.
        """
        return gate.alarms.audit()

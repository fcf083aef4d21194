"""What a standby answers: that it lives, and that it is one."""

from litestar import Controller, HttpMethod, Response, get, route

from service.api.http.standby_server import RETRY_SECONDS, OnStandby
from service.api.v1.health import Live, Readiness, ReadinessCheck


class StandbyController(Controller):
    """Every path of a standby."""

    path = "/"

    @get("/health/live", sync_to_thread=False)
    def is_live(self) -> Live:
        """Answers as long as the process does."""
        return Live()

    @get("/health/ready", sync_to_thread=False)
    def is_ready(self) -> Response[Readiness]:
        """503: requests should be sent to the other one."""
        checks = [ReadinessCheck("standby", False, OnStandby().detail)]
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return Response(Readiness("unavailable", checks), status_code=503, headers=headers)

    @route(
        ["/", "/{path:path}"],
        http_method=[
            *(HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH),
            HttpMethod.DELETE,
        ],
        sync_to_thread=False,
    )
    def refuse(self) -> None:
        """Refuses all else, and says when to ask again."""
        raise OnStandby

"""Google: the key of a service account, or what the environment says.

obstore itself reads GOOGLE_APPLICATION_CREDENTIALS and what `gcloud` has left, and asks the
machine.
"""

from collections.abc import Mapping

from service.runtime.locations import Location
from service.stores.pairs import pairs_of


def options(location: Location, credentials: str) -> Mapping[str, str]:
    """obstore's options for a bucket: ``service_account=<path of the key file>``, say."""
    return {name.lower(): value for name, value in pairs_of(credentials).items()}

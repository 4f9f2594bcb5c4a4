"""An authenticating proxy before the review page: it names the user and sends a secret as proof."""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fraudops.errors import UserError

# the header in which the proxy sends the secret
PROXY_SECRET_HEADER = "X-Fraudops-Proxy"  # noqa: S105 (a name, no secret)
MIN_SECRET_LENGTH = 32


@dataclass(frozen=True)
class AuthProxy:
    """The header with the user's name, and the secret of the proxy."""

    header: str
    secret: str = field(repr=False)

    def name(self, headers: Mapping[str, str]) -> str | None:
        """Get the name that the proxy sends; None if the request does not come from the proxy."""
        proof = headers.get(PROXY_SECRET_HEADER, "")
        if not hmac.compare_digest(proof.encode(), self.secret.encode()):
            return None
        return headers.get(self.header, "").strip().lower()


def load_proxy() -> AuthProxy | None:
    """Load the proxy of ``$FRAUDOPS_PROXY_HEADER`` and ``$FRAUDOPS_PROXY_SECRET_FILE``, if set.

    Raises
    ------
    UserError
        If only one is set, the file cannot be read, or its secret is short.
    """
    header, place = (
        os.environ.get("FRAUDOPS_PROXY_HEADER", ""),
        os.environ.get("FRAUDOPS_PROXY_SECRET_FILE", ""),
    )
    if not header and not place:
        return None
    if not header or not place:
        raise UserError(
            "FRAUDOPS_PROXY_HEADER and FRAUDOPS_PROXY_SECRET_FILE go together: set both or neither."
        )
    try:
        secret = Path(place).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The proxy's secret in FRAUDOPS_PROXY_SECRET_FILE cannot be read: {error}"
        ) from None
    if len(secret) < MIN_SECRET_LENGTH:
        raise UserError(
            f"The proxy's secret has {len(secret)} characters, and needs at least "
            f"{MIN_SECRET_LENGTH}: `openssl rand -hex 32`."
        )
    return AuthProxy(header, secret)

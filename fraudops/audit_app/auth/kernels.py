"""Access checks for the page, its scripts and the kernels of each user.

Voilà itself only checks that a user is logged in. `voila.json` names these classes.
"""

from contextvars import ContextVar
from typing import Any, NoReturn

from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from tornado.web import HTTPError, RequestHandler
from voila.handler import VoilaHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler

# set by the login for each request
CURRENT_USER: ContextVar[str | None] = ContextVar("visitor", default=None)
LOGIN_VARIABLE = "FRAUDOPS_LOGIN"  # the variable with the user's name, set for each kernel


def refuse_request(handler: RequestHandler, status: int, text: str) -> NoReturn:
    """End the request without a user, because Jupyter's error pages look for one."""
    handler.current_user = handler._jupyter_current_user = None
    raise HTTPError(status, text)


class OwnedKernelManager(AsyncMappingKernelManager):
    """Starts a kernel only for a user who is logged in, and remembers the owner."""

    def __init__(self, **kwargs: Any):
        self.owners: dict[str, str] = {}
        super().__init__(**kwargs)

    async def _async_start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        visitor = CURRENT_USER.get()
        if not visitor:
            raise HTTPError(403, "A kernel starts only for a user who is logged in.")
        # last, so that it overrules the request and the environment
        kwargs["env"] = {**kwargs.get("env", {}), LOGIN_VARIABLE: visitor}
        kernel_id = await super()._async_start_kernel(**kwargs)
        self.owners[kernel_id] = visitor
        return kernel_id

    start_kernel = _async_start_kernel  # type: ignore[assignment]

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forget a kernel that has ended."""
        self.owners.pop(kernel_id, None)
        return super().remove_kernel(kernel_id)


class AuthenticatedKernelConnection(ZMQChannelsWebsocketConnection):
    """A connection of the page to its kernel. It closes after the login ends."""

    def handle_incoming_message(self, incoming_msg: str) -> None:
        """Pass the message on if the user still has access."""
        handler = self.websocket_handler
        if handler.identity_provider.is_still_valid(handler):
            return super().handle_incoming_message(incoming_msg)
        self.log.info(
            "The login of %s has ended: connection closed.", handler.current_user.username
        )
        return handler.close(4401, "The login has ended.")


def check_access(handler: RequestHandler, name: str) -> None:
    """Allow a user the page, its scripts and the user's own kernels, and nothing else.

    Raises
    ------
    HTTPError
        404. It is the same for a kernel of another user, so that its existence is not revealed.
    """
    requested = [*handler.path_args, *handler.path_kwargs.values()]
    if isinstance(handler, VoilaHandler):
        allowed = not any(requested)
    elif isinstance(handler, KernelHandler | KernelWebsocketHandler | VoilaShutdownKernelHandler):
        allowed = (
            len(requested) == 1
            and handler.settings["kernel_manager"].owners.get(requested[0]) == name
        )
    else:
        allowed = isinstance(handler, FileFindHandler)
    if not allowed:
        refuse_request(handler, 404, f"There is nothing for {name} at {handler.request.path}")

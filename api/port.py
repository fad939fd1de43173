"""Whether web can listen where it is told to, asked before anything else is started."""

from __future__ import annotations

import socket

from vision.errors import ConfigError


def check_port(host: str, port: int) -> None:
    """Raises: ConfigError if the page cannot listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise ConfigError(
                f"the page cannot listen on {host}:{port} ({exc.strerror or exc}); "
                "stop the program that uses it, or choose another with --port or web.port"
            ) from exc

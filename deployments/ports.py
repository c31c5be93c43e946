"""Ports on this machine's own address, which all of ours listen on."""

import socket

from deployments.mistakes import Mistake

HOST = "127.0.0.1"


def bound(port: int, option: str = "--port") -> socket.socket:
    """A socket that has the port. Raises Mistake where another has it; `option` is what names one."""
    ours = socket.socket(proto=socket.IPPROTO_TCP)  # named: only then asyncio lets answers go out at once (TCP_NODELAY)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        ours.bind((HOST, port))
    except OSError:
        ours.close()
        raise Mistake(f"Port {port} on {HOST} is taken: stop what uses it, or name another with {option}.") from None
    return ours


def check(port: int, option: str = "--port") -> None:
    """Raises Mistake where the port is taken."""
    bound(port, option).close()


def free() -> int:
    """A port that nobody has now."""
    with bound(0) as ours:
        return int(ours.getsockname()[1])

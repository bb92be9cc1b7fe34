"""Ports of this machine, for servers of the tests."""

import socket


def free_port():
    """A port that was free a moment ago."""
    (port,) = free_ports(1)
    return port


def free_ports(count):
    """So many different ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

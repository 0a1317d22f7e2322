"""What every server of ours listens with, and how it calls who comes."""

import select
import socket


def listen(host, port, backlog, poller):
    """A socket that listens, known to ``poller``; OSError when the address is not to be had."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(socket.getaddrinfo(host, port)[0][-1])
        listener.listen(backlog)
        listener.setblocking(False)
        poller.register(listener, select.POLLIN)
    except BaseException:
        listener.close()
        raise
    return listener


def text_of(address):
    """The address of a peer that ``accept`` gave, as ``a.b.c.d``."""
    # On a host it is the system's own structure.
    return address[0] if type(address) is tuple else "%d.%d.%d.%d" % tuple(address[4:8])

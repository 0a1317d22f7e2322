"""The states of a plug: the ids clients and other EVSEs know, and their names.

D and the four COMM states are part of the numbering only: this firmware never enters D, and a
node asks its master without changing its state.
"""

from micropython import const

STATE_A = const(0)
STATE_B = const(1)
STATE_C = const(2)
STATE_D = const(3)
STATE_COMM_B = const(4)
STATE_COMM_B_OK = const(5)
STATE_COMM_C = const(6)
STATE_COMM_C_OK = const(7)
STATE_ACTSTART = const(8)
STATE_B1 = const(9)
STATE_C1 = const(10)
STATE_MODEM_REQUEST = const(11)
STATE_MODEM_WAIT = const(12)
STATE_MODEM_DONE = const(13)
STATE_MODEM_DENIED = const(14)

# Texts, not tuples: thirty strings and their table would take four times the memory.
_NAMES = (
    "Ready to Charge,Connected to EV,Charging,D,Request State B,State B OK,Request State C,"
    "State C OK,Activate,Charging Stopped,Stop Charging,Modem Setup,Modem Request,Modem Done,"
    "Modem Denied"
)
_SHORT = (
    "A,B,C,D,COMM_B,COMM_B_OK,COMM_C,COMM_C_OK,Activate,B1,C1,MODEM_REQ,MODEM_WAIT,MODEM_DONE,"
    "MODEM_DENIED"
)


def name(state):
    """Return what clients show for the id ``state``, "NOSTATE" for any other value."""
    return _NAMES.split(",")[state] if 0 <= state <= STATE_MODEM_DENIED else "NOSTATE"


def short(state):
    """Return the short name of the id ``state``, "NOSTATE" for any other value."""
    return _SHORT.split(",")[state] if 0 <= state <= STATE_MODEM_DENIED else "NOSTATE"

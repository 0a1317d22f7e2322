"""Where the shared test data is."""

import os

FOLDER = os.getenv("TESTDATA") or "../shared/testdata"


def path(name):
    """Return the path of a file of the shared test data; it is there, or this test is skipped."""
    return FOLDER + "/" + name

"""A charger whose password is known, and how its owner uses it on the page."""

import json
import urllib.error
import urllib.request

import pytest

from twin_fixture import Twin

PASSWORD = "f1r5tpw0"  # that of the network for the set-up, which counts until one is chosen


def owned(folder, settings=None, options=(), **states):
    """Start a twin that knows PASSWORD and asks for it; ``states`` are stored beside it."""
    (folder / "settings.json").write_text(json.dumps(
        {"version": 1, "settings": settings or {}, "portal": PASSWORD, **states}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROEVSE_DATA", str(folder))
        return Twin(*options, settings={"trust_lan": "Disabled", **(settings or {})})


def log_in(page, password=PASSWORD):
    """Give the password in the dialog that the button in the header opens."""
    page.get_by_role("banner").get_by_role("button", name="Log in").click()
    answer(page, password)


def answer(page, password=PASSWORD):
    """Give the password in the dialog that has been opened."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Log in").click()


def token(one, password=PASSWORD):
    """A token of the charger's, as programs get one."""
    return one.post("/api/v1/login", {"password": password})["token"]


def send(one, method, path, given, body=None):
    """Send a request with the token ``given``; AssertionError when it is refused."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(one.url + path.lstrip("/"), data, method=method, headers={
        "Authorization": "Bearer " + given, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        raise AssertionError("%s %s: %s" % (method, path, problem.read())) from None

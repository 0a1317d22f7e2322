"""Paths of the older firmwares that few ask for."""

from helpers_net import CLOCK_S, FakeCommand, FakeStatus, get, request


def test_restart():
    status = FakeStatus()
    for charging, code in ((False, 200), (True, 202)):
        status.charging = charging
        core = FakeCommand()
        answer = request("POST", "/reboot", status=status, command=core)
        assert answer.status == code
        assert answer.json == {"reboot": True, "waits": charging}
        assert core.calls == [("restart", True, "REST")]


def test_a_restart_the_core_refuses():
    answer = request("POST", "/reboot", command=FakeCommand(("restart",)))
    assert answer.status == 200
    assert answer.json == {"reboot": False, "error": "no restart today"}


def test_erasing():
    for method in ("POST", "DELETE"):
        core = FakeCommand()
        answer = request(method, "/erasesettings", command=core)
        assert (answer.status, answer.body) == (200, b"Erasing settings, rebooting")
        assert answer.headers["content-type"].startswith("text/plain")
        assert core.calls == [("erase", "settings", "REST")]
        answer = request(method, "/erasesettings", command=FakeCommand(("erase",)))
        assert (answer.status, answer.json["error"]) == (422, "no erase today")


def test_what_changes_something_is_not_got():
    for path, way in (("/reboot", "POST"), ("/autoupdate?owner=x", "POST"),
                      ("/erasesettings", "POST, DELETE"), ("/modem?pwm=1", "POST"),
                      ("/cablelock?1=", "POST")):
        core = FakeCommand()
        answer = get(path, command=core)
        assert (answer.status, answer.headers["allow"]) == (405, way)
        assert way in answer.json["error"] and path.split("?")[0] in answer.json["error"]
        assert core.calls == []
    assert request("POST", "/update?file=firmware.bin").headers["allow"] == "GET, HEAD"


def test_the_power_of_a_day():
    status = FakeStatus()
    status.local = lambda utc: "2026-09-21T%02d:%02d" % (utc % 86400 // 3600, utc % 3600 // 60)
    points = get("/power_day", status=status).json["power_day"]
    begin = CLOCK_S - 2700
    assert [point["power"] for point in points] == [0, 100, 200]
    assert points[0]["time"] == status.local(begin)[-5:]
    assert points[1]["time"] == status.local(begin + 900)[-5:]
    status.quarters = 96
    answer = get("/power_day", status=status)
    assert [point["power"] for point in answer.json["power_day"]] == list(range(0, 9600, 100))
    status.quarters = 0
    assert get("/power_day", status=status).json == {"power_day": []}


def test_no_certificate():
    answer = get("/mqtt_ca_cert")
    assert (answer.status, answer.body) == (200, b"\r\n")
    assert answer.headers["content-type"].startswith("text/plain")


def test_updates_are_elsewhere():
    answer = get("/update")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"cannot be installed" in answer.body
    assert request("POST", "/autoupdate?owner=dingo35&debug=0").json == {
        "progress": -2, "size": 0, "error": "there are no updates from the internet"}

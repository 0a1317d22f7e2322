"""From the original firmware to this one and back, against a flash in memory."""

import json
import os
import subprocess

import pytest
from littlefs import LittleFS

import build
import flash
import image
import migrate
import nvs_writer
import original

BOARD = build.BOARDS[0]
VFS_AT, VFS_SIZE = image.partition("vfs")
CARD = bytes.fromhex("04A1B2C3D4E5F6")
CHIP = 4711
START = 1_000_000_000  # in 2054, counted from 2023


class Flasher:
    """Stands for esptool: a flash, and what was done to it."""

    def __init__(self, content):
        self.content = bytearray(content)
        self.done = []
        self.modes = []

    def run(self, port, command, *arguments):
        self.done.append(command)
        if command == "read-flash":
            start, size = int(arguments[0], 16), int(arguments[1])
            self.modes.append(os.stat(arguments[2]).st_mode & 0o777)
            with open(arguments[2], "r+b") as file:
                file.write(self.content[start:start + size])
        else:
            with open(arguments[1], "rb") as file:
                data = file.read()
            start = int(arguments[0], 16)
            self.content[start:start + len(data)] = data


class Arguments:
    """A command line."""

    def __init__(self, file="", yes=True, firmware=None):
        self.board = BOARD
        self.port = "/dev/null"
        self.file = str(file)
        self.yes = yes
        self.firmware = firmware


def stored():
    """Settings of the original firmware, as it stores them."""
    part = nvs_writer.Partition()
    for key, value, kind in (("MaxMains", 63, "u16"), ("MaxCurrent", 32, "u16"),
                             ("Mode", 1, "u8"), ("MainsMeter", 4, "u8"), ("EnableC2", 4, "u16"),
                             ("CapacityMode", 1, "u16"), ("MaxSumMains", 60, "u16"),
                             ("RFIDReader", 1, "u8"), ("WIFImode", 1, "u8"), ("Access", 2, "u8"),
                             ("DelayedStartTim", START, "u32"),
                             ("intervals_json", '[{"start":420,"power":4000}]', ""),
                             ("MQTTHost", "broker.local", ""), ("MQTTpassword", "s3cret", "")):
        part.put("settings", key, value, kind)
    part.put("RFIDlist", "RFIDinit", 3)
    part.put("RFIDlist", "RFID", CARD.ljust(700, b"\xff"))
    part.put("KeyStorage", "serialnr", 5123, "u32")
    part.put("nvs.net80211", "sta.ssid", b"\5\0\0\0House".ljust(36, b"\0"))
    part.put("nvs.net80211", "sta.pswd", b"password1".ljust(65, b"\0"))
    return bytes(part)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An image as `make firmware` writes it, but for the programs in it."""
    tree = tmp_path_factory.mktemp("tree")
    (tree / "slot").write_bytes(b"a")
    data = bytearray(b"\xff" * image.FLASH)
    data[image.BASE_AT] = data[image.APP_AT] = 0xE9
    for at, part in ((image.TABLE_AT, image.partition_table()),
                     (VFS_AT, image.file_system(tree))):
        data[at:at + len(part)] = part
    return bytes(data)


@pytest.fixture
def esptool(monkeypatch, whole):
    """The flasher of a board that runs the original firmware."""
    one = Flasher(nvs_writer.flash(stored()))
    monkeypatch.setattr(flash, "esptool", one.run)
    monkeypatch.setattr(image, "image", lambda board: whole)
    monkeypatch.setattr(migrate, "chip_serial", lambda port: CHIP)
    return one


def files(data):
    """Name -> content of /data in a flash."""
    disk = LittleFS(block_size=image.BLOCK, block_count=VFS_SIZE // image.BLOCK, mount=False)
    disk.context.buffer = bytearray(data[VFS_AT:VFS_AT + VFS_SIZE])
    disk.mount()
    found = {}
    for name in disk.listdir("/data"):
        with disk.open("/data/" + name, "rb") as file:
            found[name] = file.read()
    return found


def test_everything_is_saved_then_taken_over(esptool, tmp_path, whole, capsys):
    before = bytes(esptool.content)
    backup = tmp_path / "deep" / "backup.bin"
    migrate.migrate(Arguments(backup))
    assert esptool.done == ["read-flash", "write-flash"]
    assert backup.read_bytes() == before
    assert esptool.modes == [0o600] and backup.stat().st_mode & 0o777 == 0o600
    after = bytes(esptool.content)
    # What starts is the image, and of the old settings nothing is left where ours would read it.
    assert after[:VFS_AT] == whole[:VFS_AT] and after[VFS_AT + VFS_SIZE:] == \
        whole[VFS_AT + VFS_SIZE:]
    start, size = image.partition("nvs")
    assert after[start:start + size] == b"\xff" * size
    found = files(after)
    assert sorted(found) == ["cards.csv", "imported.json", "serial", "settings.json"]
    assert found["serial"] == b"5123\n"
    imported = json.loads(found["imported.json"])
    assert imported["serial"] == 5123 and imported["cards"] == 1
    assert "contact_2" in imported["confirm"]
    assert "make restore FILE=%s" % backup in capsys.readouterr().out


def test_what_was_taken_over_is_what_the_firmware_reads(esptool, tmp_path, micropython, sim_build):
    migrate.migrate(Arguments(tmp_path / "backup.bin"))
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in files(bytes(esptool.content)).items():
        (folder / name).write_bytes(content)
    script = """
import json, sys
sys.path[:] = [%r, %r, ".frozen"]
from evse.cards import Cards
from evse.settings import Settings
events = []
settings = Settings(lambda *event: events.append(event), %r + "/settings.json")
keys = ("mains", "max", "mode", "mains_met", "contact_2", "c2_return", "capacity", "cap_mode",
        "rfid", "wifi", "wifi_ssid", "wifi_password", "mqtt_host", "mqtt_password", "mqtt_prefix")
print(json.dumps({"values": {key: settings.get(key) for key in keys}, "events": events,
                  "states": [settings.states[key] for key in ("access", "timer", "intervals")],
                  "card": Cards(%r + "/cards.csv").find("04A1B2C3D4E5F6")}))
""" % (str(sim_build), str(sim_build / "lib"), str(folder), str(folder))
    done = subprocess.run([micropython, "-c", script], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "events": [], "card": [1, ""],
        "states": [0, ["Smart", START + original.EPOCH_S, 0, 0], [[420, 4000]]], "values": {
            "mains": 63, "max": 32, "mode": "Smart", "mains_met": "Eastron3P",
            "contact_2": "Auto", "c2_return": "Budget", "capacity": 60, "cap_mode": "Fixed",
            "rfid": "EnableAll", "wifi": "Enabled", "wifi_ssid": "House",
            "wifi_password": "password1", "mqtt_host": "broker.local", "mqtt_password": "s3cret",
            "mqtt_prefix": "SmartEVSE/5123"}}


def test_the_way_back_brings_the_old_flash_bit_for_bit(esptool, tmp_path):
    before = bytes(esptool.content)
    backup = tmp_path / "backup.bin"
    migrate.migrate(Arguments(backup))
    assert bytes(esptool.content) != before
    migrate.restore(Arguments(backup))
    assert bytes(esptool.content) == before


def test_nothing_is_written_unless_it_is_agreed_to(esptool, tmp_path, monkeypatch):
    before = bytes(esptool.content)
    backup = tmp_path / "backup.bin"
    for said in ("n", "", "maybe", None):
        def answer(question, said=said):
            if said is None:
                raise EOFError
            return said

        monkeypatch.setattr("builtins.input", answer)
        with pytest.raises(build.Problem, match="Nothing was written"):
            migrate.migrate(Arguments(backup, yes=False))
        assert bytes(esptool.content) == before
    # The backup that is there is gone on with, and the board not read again.
    assert esptool.done == ["read-flash"]
    monkeypatch.setattr("builtins.input", lambda question: "y")
    migrate.migrate(Arguments(backup, yes=False))
    assert esptool.done == ["read-flash", "write-flash"]


def test_a_backup_is_never_written_over(esptool, tmp_path):
    backup = tmp_path / "backup.bin"
    backup.write_bytes(b"precious")
    with pytest.raises(build.Problem, match="exists already"):
        migrate.save("/dev/null", backup)
    with pytest.raises(build.Problem, match="no whole flash"):
        migrate.migrate(Arguments(backup))
    assert backup.read_bytes() == b"precious" and esptool.done == []


def another():
    """What a program that is not the charger's has stored."""
    part = nvs_writer.Partition()
    part.put("phy", "cal_version", 1, "u32")
    return bytes(part)


@pytest.mark.parametrize("content, words", [
    (b"\xff" * image.FLASH, "no bootloader"),
    (nvs_writer.flash(b"\xff" * 0x5000), "no page"),
    (nvs_writer.flash(another()), "no settings of the original"),
], ids=["erased", "encrypted", "another program's"])
def test_a_board_without_old_settings_is_left_alone(esptool, tmp_path, content, words):
    esptool.content[:] = content
    with pytest.raises(build.Problem, match=words):
        migrate.migrate(Arguments(tmp_path / "backup.bin"))
    assert esptool.done == ["read-flash"] and bytes(esptool.content) == content


def test_our_own_board_is_told_from_an_original(esptool, tmp_path, whole):
    esptool.content[:] = whole
    with pytest.raises(build.Problem, match=r"no page|no settings"):
        migrate.migrate(Arguments(tmp_path / "backup.bin"))
    assert "write-flash" not in esptool.done


def test_only_a_whole_flash_is_written_back(esptool, tmp_path):
    path = tmp_path / "backup.bin"
    for data in (b"", b"\xe9" * 0x1000, b"\xff" * image.FLASH, b"\0" * (image.FLASH - 1)):
        path.write_bytes(data)
        with pytest.raises(build.Problem):
            migrate.restore(Arguments(path))
    with pytest.raises(build.Problem, match="which backup"):
        migrate.restore(Arguments())
    assert esptool.done == []


@pytest.mark.parametrize("text, number", [
    ("MAC:                24:0a:c4:00:12:67\n0x3ff5a080 = 0x00000000\n", 0x1267),
    ("MAC:                24:0a:c4:00:12:67\n0x3ff5a080 = 0x01e240aa\n", 0x01E240),
    ("nothing\n", 0),
])
def test_the_number_the_chip_stands_for(monkeypatch, text, number):
    monkeypatch.setattr(migrate.subprocess, "run",
                        lambda *_, **__: subprocess.CompletedProcess([], 0, text, ""))
    assert migrate.chip_serial("/dev/null") == number


def test_a_failure_of_esptool_is_said(monkeypatch):
    monkeypatch.setattr(migrate.subprocess, "run",
                        lambda *_, **__: subprocess.CompletedProcess([], 2, "", "no serial data"))
    with pytest.raises(build.Problem, match="no serial data"):
        migrate.chip_serial("/dev/null")

"""Make the file with which a running charger is updated: build/microevse-BOARD-VERSION.upd.

A line of text with two lengths, then so many bytes of head and of its signature, then the slot's
manifest.json and its files in that order. The signature covers the head, the head has the digest
of the manifest, the manifest those of the files; docs/update.md describes it.
"""

import argparse
import hashlib
import json
import sys

import build
import signing

FORMAT = 1


def digits(data):
    """The 16 digits by which a charger's display tells the update ``data`` from all others."""
    line, _, rest = data.partition(b"\n")
    text = hashlib.sha256(rest[:int(line.split()[2])]).hexdigest()[:16].upper()
    return " ".join(text[at:at + 4] for at in range(0, 16, 4))


def bundle(slot, key=None):
    """The update that brings the files of ``slot``, signed with the private key in ``key``."""
    manifest = (slot / "manifest.json").read_bytes()
    told = json.loads(manifest)
    body = manifest + b"".join((slot / name).read_bytes() for name in told["files"])
    head = json.dumps({
        "board": told["board"], "version": told["version"], "bytes": len(body),
        "manifest": [len(manifest), hashlib.sha256(manifest).hexdigest()]}).encode()
    signature = signing.sign(head, key)
    return b"microevse-update %d %d %d\n" % (FORMAT, len(head), len(signature)) + head \
        + signature + body


def path(board):
    """Where the update for ``board`` is written."""
    return build.BUILD / ("microevse-%s-%s.upd" % (board, build.VERSION))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--board", choices=(*build.BOARDS, "sim"), default=build.BOARDS[0])
    board = parser.parse_args().board
    try:
        data = bundle(build.build(board) / build.SLOT)
    except (build.Problem, signing.Problem) as problem:
        sys.exit(str(problem))
    path(board).write_bytes(data)
    print("%s  %d bytes  sha256 %s" % (path(board).relative_to(build.ROOT), len(data),
                                       hashlib.sha256(data).hexdigest()))
    print("at the display it is %s" % digits(data))
    if not signing.given():
        print("SIGNED WITH THE DEVELOPMENT KEY: boards that were flashed from this checkout take "
              "it, others ask at their display. Give KEY=path/of/private.pem to release it.")


if __name__ == "__main__":
    main()

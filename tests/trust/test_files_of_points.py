"""Points in files: a header is believed only as far as the file goes."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from opcompiler.cli import app
from opcompiler.cli.arrays import read_array
from opcompiler.errors import OperatorError


def header(
    shape: str, descr: str = "'<f8'", version: int = 1, order: bool = False
) -> bytes:
    """The beginning of an .npy file that says what it likes."""
    words = (
        f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    )
    size = len(words).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + size + words


CLAIMS = {
    "14 TiB": header("(2000000000000, 1)") + b"\0" * 64,
    "in columns": header("(1000000000, 2000)", order=True) + b"\0" * 64,
    "one number too many": header("(9, 1)") + b"\0" * 64,
    "more than a word": header("(9223372036854775808, 9223372036854775808)"),
    "version 2": header("(2000000000000, 1)", version=2) + b"\0" * 64,
    "long numbers": header("(4000000000,)", "'<c16'"),
    "bytes": header("(2000000000000,)", "'|u1'"),
}
NO_NUMBERS = {
    "objects": header("(2,)", "'|O'") + b"cos\nsystem\n(S'true'\ntR.",
    "records": header("(2,)", "[('a', '<f8'), ('b', '|O')]"),
    "texts": header("(2,)", "'<U1000000000'"),
    "times": header("(2,)", "'<M8[s]'") + b"\0" * 16,
    "negative": header("(-1, 1)") + b"\0" * 64,
    "a float of points": header("(1.5, 1)") + b"\0" * 64,
    "no shape": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8'}",
    "deeply nested": header("(" * 4000 + ")" * 4000),
    "a call": header("__import__('os').getpid()"),
    "version 3": header("(1,)", version=3),
    "version 9": header("(1,)", version=9),
    "cut short": b"\x93NUMPY\x01",
    "nothing": b"",
    "text": b"0.1,0.2\n0.3,0.4\n",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.",
    "random": bytes(range(256)),
}


def refused(path: Path) -> str:
    with pytest.raises(OperatorError) as caught:
        read_array(path)
    assert len(str(caught.value)) < 600
    return f"{caught.value.problem} | {caught.value.hint}"


@pytest.mark.parametrize("name", CLAIMS)
def test_a_header_that_claims_more_than_there_is(name: str, tmp_path) -> None:
    path = tmp_path / "points.npy"
    path.write_bytes(CLAIMS[name])
    assert "bytes of numbers, and holds" in refused(path)


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_no_array_of_numbers(name: str, tmp_path) -> None:
    path = tmp_path / "points.npy"
    path.write_bytes(NO_NUMBERS[name])
    assert "is no array of numbers" in refused(path)


def test_a_file_with_holes_as_large_as_it_claims(tmp_path) -> None:
    path = tmp_path / "points.npy"
    with path.open("wb") as file:
        file.write(header("(2000000000000, 1)"))
        try:
            file.truncate(file.tell() + 16 * 10**12)
        except OSError:
            pytest.fail("this file system has no files with holes of 14 TiB")
    assert "does not fit into the memory" in refused(path)


def test_other_kinds_of_files(tmp_path) -> None:
    bomb = tmp_path / "points.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", header("(1000000, 8)") + b"\0" * 10_000_000)
    assert "numpy.load(name)['points']" in refused(bomb)
    table = tmp_path / "points.csv"
    table.write_text("0.1,0.2\n")
    assert "numpy.loadtxt(name)" in refused(table)
    pipe = tmp_path / "points.fifo"
    os.mkfifo(pipe)
    assert "no plain file" in refused(pipe)
    assert "no plain file" in refused(Path("/dev/zero"))
    assert "cannot read" in refused(tmp_path)
    assert "cannot read" in refused(tmp_path / "absent.npy")
    link = tmp_path / "link.npy"
    link.symlink_to("/dev/zero")
    assert "no plain file" in refused(link)


def test_what_is_right_is_read(tmp_path) -> None:
    path = tmp_path / "points.npy"
    for array in (
        np.arange(6.0).reshape(3, 2),
        np.asfortranarray(np.arange(6.0).reshape(3, 2)),
        np.ones((2, 2), ">f4"),
        np.zeros((0, 2)),
        np.float64(3),
    ):
        np.save(path, array)
        found = read_array(path)
        np.testing.assert_array_equal(found, array)
        assert found.dtype == np.asarray(array).dtype


def test_the_command_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("points.npy").write_bytes(CLAIMS["14 TiB"])
    Path("net_of_points.py").write_text("def u(z):\n    return z[0]\n")
    text = "coordinates x; field u; parameter k; u_x = k*u"
    network = ("--net", "net_of_points:u")
    for line in (
        ("eval", text, "--points", "points.npy", *network, "--set", "k=1"),
        ("eval", text, "--points", "right.npy", *network, "--set", "k=points.npy"),
    ):
        np.save("right.npy", np.ones((2, 1)))
        result = CliRunner().invoke(app, list(line))
        assert result.exit_code == 1
        assert "16000000000000 bytes" in result.stderr
        assert "Traceback" not in result.output

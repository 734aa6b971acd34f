"""TLS files that can't be used: the error names the wrong file and the setting."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from support.child import environment
from support.gunicorn import WORKER
from support.tls import CERTIFICATE
from support.wsgi import hello

from greenrt.adapters.gunicorn import Worker
from greenrt.cli.serve import _in_options
from greenrt.serve import StreamServer, WSGIServer

TEXT = CERTIFICATE.read_text()
END = "-----END "


def part(name: str) -> str:
    """Return one PEM block of the file with both."""
    begin = next(line for line in TEXT.splitlines() if line.startswith("-----BEGIN") and name in line)
    block = TEXT[TEXT.index(begin) :]
    end = block.index(END)
    return block[: block.index("\n", end) + 1]


def openssl(command: str) -> None:
    subprocess.run(["openssl", *command.split()], check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("files")
    found: dict[str, Any] = {name: str(folder / name) for name in ("curve", "twin", "encrypted", "missing")}
    openssl(f"genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {found['curve']}")
    openssl(f"genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {found['twin']}")
    openssl(f"pkcs8 -topk8 -in {found['curve']} -out {found['encrypted']} -passout pass:secret")
    contents = {
        "chain": part("CERTIFICATE"),
        "key": part("PRIVATE KEY"),
        "text": "no PEM",
        "empty": "",
        "broken chain": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "broken key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    }
    for name, content in contents.items():
        (folder / f"{name}.pem").write_text(content)
        found[name] = str(folder / f"{name}.pem")
    return {**found, "none": None, "folder": str(folder)}


# Tuples of certfile, keyfile, the wrong setting, and words of the message.
WRONG = [
    ("missing", "key", "certfile", "No such file"),
    ("chain", "missing", "keyfile", "No such file"),
    ("missing", "none", "certfile", "No such file"),
    ("folder", "key", "certfile", "Is a directory"),
    ("chain", "folder", "keyfile", "Is a directory"),
    ("text", "key", "certfile", "has no certificate in PEM"),
    ("empty", "key", "certfile", "has no certificate in PEM"),
    ("chain", "text", "keyfile", "has no private key in PEM"),
    ("chain", "none", "certfile", "has no private key; give keyfile"),
    ("key", "chain", "certfile", "swapped"),
    ("key", "key", "certfile", "has a private key and no certificate"),
    ("chain", "curve", "keyfile", "does not match the certificate"),
    ("chain", "twin", "keyfile", "does not match the certificate"),
    ("chain", "encrypted", "keyfile", "encrypted"),
    ("broken chain", "key", "certfile", "can't be read by OpenSSL"),
    ("chain", "broken key", "keyfile", "can't be read by OpenSSL"),
]
CASES = pytest.mark.parametrize(("chain", "key", "setting", "words"), WRONG, ids=lambda value: value)


@CASES
@pytest.mark.parametrize("kind", [StreamServer, WSGIServer])
def test_servers(files: dict[str, Any], chain: str, key: str, setting: str, words: str, kind: Any) -> None:
    wrong = files[chain if setting == "certfile" else key]
    with pytest.raises(OSError, match=words) as raised:
        kind(
            ("127.0.0.1", 0),
            hello if kind is StreamServer else None,
            certfile=files[chain],
            keyfile=files[key],
        )
    assert str(raised.value).startswith(f"{setting} {wrong!r} ")


@pytest.mark.parametrize(("chain", "key", "setting", "words"), WRONG[1::4], ids=lambda value: value)
def test_the_command(
    files: dict[str, Any], chain: str, key: str, setting: str, words: str, tmp_path: Path
) -> None:
    option = {"certfile": "--tls-cert", "keyfile": "--tls-key"}[setting]
    wrong = files[chain if setting == "certfile" else key]
    command = [
        sys.executable,
        "-m",
        "greenrt.cli.main",
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--tls-cert",
        files[chain],
    ]
    if files[key] is not None:
        command += ["--tls-key", files[key]]
    (tmp_path / "program.py").write_text("app = print")
    done = subprocess.run(
        [*command, "program:app"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert f"{option} {wrong!r} " in last
    assert words.replace("keyfile", "--tls-key") in last
    assert "certfile" not in last
    assert "ssl_context" not in last
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("chain", "key", "authorities", "wrong", "words"),
    [
        ("missing", "none", "none", "missing", "certfile .* can't be read: No such file"),
        ("chain", "twin", "none", "twin", "keyfile .* does not match the certificate"),
        ("chain", "encrypted", "none", "encrypted", "keyfile .* encrypted private key"),
        ("chain", "key", "missing", "missing", "ca_certs .* can't be read: No such file"),
        ("chain", "key", "text", "text", "ca_certs .* has no certificate in PEM"),
        ("chain", "key", "broken chain", "broken chain", "ca_certs .* can't be read by OpenSSL"),
    ],
)
def test_gunicorn(
    files: dict[str, Any], chain: str, key: str, authorities: str, wrong: str, words: str
) -> None:
    cfg = Config()
    for name, file in (("certfile", chain), ("keyfile", key), ("ca_certs", authorities)):
        cfg.set(name, files[file])
    with pytest.raises(RuntimeError, match=words) as raised:
        Worker.check_config(cfg, None)
    assert repr(files[wrong]) in str(raised.value)


def test_gunicorn_leaves_files_to_a_hook(files: dict[str, Any]) -> None:
    cfg = Config()
    cfg.set("certfile", files["missing"])
    cfg.set("ssl_context", lambda config, default: None)
    Worker.check_config(cfg, None)


def test_gunicorn_shows_which_file_is_wrong(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("app = print")
    worker = ["-k", WORKER, "-b", "127.0.0.1:0", "--certfile", files["text"]]
    command = [sys.executable, "-m", "gunicorn", *worker, "program:app"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert f"certfile {files['text']!r} has no certificate in PEM" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_keeps_its_certificate_if_the_new_one_is_wrong(
    files: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "certfile"
    path.write_text(TEXT)
    server = WSGIServer(("127.0.0.1", 0), hello, certfile=path)
    before = server.ssl_context
    path.write_text("no PEM")
    with pytest.raises(OSError, match=r"certfile .* has no certificate in PEM"):
        server.reload_certificate()
    assert server.ssl_context is before


def test_options_replace_settings_outside_of_paths_only() -> None:
    assert _in_options("certfile and keyfile are swapped") == "--tls-cert and --tls-key are swapped"
    reason = "does not match the certificate in '/x/certfile' and 'certfile.pem' and 'keyfile'"
    assert _in_options(reason) == reason


@pytest.mark.parametrize("value", [3, ["cert.pem"]], ids=str)
def test_what_is_no_path(value: Any) -> None:
    with pytest.raises(TypeError, match="certfile must be a path, not "):
        WSGIServer(("127.0.0.1", 0), hello, certfile=value)


def test_a_key_in_a_pipe_is_read_once(tmp_path: Path) -> None:
    """The files are pipes, as in a shell's process substitution."""
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    certificate.write_text(part("CERTIFICATE"))
    os.mkfifo(key)
    writer = threading.Thread(target=key.write_text, args=(part("PRIVATE KEY"),))
    writer.start()
    server = StreamServer(("127.0.0.1", 0), print, certfile=str(certificate), keyfile=str(key))
    writer.join()
    server.close()

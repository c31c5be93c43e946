"""An installed copy, far from the checkout, has all that it needs: templates, catalogues, migrations, the default book."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from deployments import ports
from tests.deployments.shell import ROOT

KEPT = ("models", "processes", "door", "tasks", "flows", "portal", "deployments", "policies")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since building leaves its own files beside the source."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copy(ROOT / "pyproject.toml", source)
    for name in KEPT:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", "--no-deps", "--wheel-dir", out, source)
    (made,) = out.glob("postloan-*.whl")
    return made


@pytest.fixture(scope="module")
def postloan(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that has the wheel, and of this one the libraries alone."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip("--python", python, "install", "--no-deps", wheel)
    (there,) = home.glob("lib/python*/site-packages")
    paths = {sysconfig.get_path("purelib"), *(p for p in sys.path if p.endswith("site-packages"))}
    (there / "libraries.pth").write_text("\n".join(paths))
    return home / "bin" / "postloan"


def pip(*words: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], capture_output=True,
                          text=True, check=False, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr


def run(command: Path, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [command, *words], cwd=folder, env=bare(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("POSTLOAN", "PYTHON", "PREFECT"))}


@contextmanager
def portal(command: Path, folder: Path, eventually: Any) -> Iterator[str]:
    port = ports.free()
    with subprocess.Popen([command, "portal", "--port", str(port)], cwd=folder, env=bare()) as served:
        try:
            address = f"http://127.0.0.1:{port}"
            eventually(lambda: served.poll() is not None or _answers(address), 60)
            yield address
        finally:
            served.terminate()
            served.wait(30)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/signin").is_success
    except httpx.HTTPError:
        return False


def test_every_file_that_is_no_module_is_in_the_wheel(wheel: Path) -> None:
    kept = {file.relative_to(ROOT).as_posix() for name in KEPT for file in (ROOT / name).rglob("*")
            if file.is_file() and file.suffix != ".pyc"}  # fmt: skip
    assert {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name} == kept


def test_an_installed_copy_makes_its_database_and_serves_its_pages(
    postloan: Path, tmp_path: Path, eventually: Any
) -> None:
    run(postloan, tmp_path, "init", "--sample-staff")
    run(postloan, tmp_path, "policy", "check")
    with portal(postloan, tmp_path, eventually) as address:
        assert "로그인" in httpx.get(f"{address}/signin", headers={"accept-language": "ko"}).text
        for name in ("style.css", "portal.js"):
            assert httpx.get(f"{address}/static/{name}").is_success

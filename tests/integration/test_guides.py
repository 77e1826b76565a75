"""The tutorial and the how-to pages do what they say: each is run from top to bottom in a folder of its own.

Of a page, files are written that a fence gives a title, commands are run, and have to end with 0; the lines below a
command have to stand in what it prints. ``fhir-msc sandbox`` is started, on a free port.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from fhir_msc.config import Words
from tests.integration.test_readme import keep_participants
from tests.support.snippets import Command, commands_of, run, started
from tests.support.tinystudy import tiny_study, write_study

ROOT = Path(__file__).parents[2]
PAGES = ["tutorial.md", *sorted(f"how-to/{path.name}" for path in (ROOT / "docs/how-to").glob("*.md"))]
URL = "http://127.0.0.1:8090/fhir"
_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page: str, tmp_path: Path) -> None:
    export = tmp_path / "examples/misle-phase2/data/edc"
    shutil.copytree(ROOT / "examples/misle-phase2/data/edc", export)
    keep_participants(export / "misle_records_synthetic.csv", 6)
    if page == "how-to/sdtm.md":
        write_study(tmp_path / "export", tiny_study())
    url, done = URL, 0
    with ExitStack() as servers:
        for kind, title, text in _FENCE.findall((ROOT / "docs" / page).read_text("utf-8")):
            if title:
                path = tmp_path / title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            elif kind == "toml":
                _is_config(text)
            elif kind == "console":
                for command in commands_of(text):
                    done += 1
                    if command.words[:2] == ("fhir-msc", "sandbox"):
                        free = Command(tuple("0" if word == "8090" else word for word in command.words), ())
                        server = servers.enter_context(started(free, tmp_path))
                        assert server.stdout is not None
                        url = server.stdout.readline().strip()
                    else:
                        run(Command(tuple(word.replace(URL, url) for word in command.words), command.prints), tmp_path)
    assert done >= 3, "a page without a command that is run"


def _is_config(text: str) -> None:
    """Every word of a piece of config is one."""
    import tomllib

    tree = tomllib.loads(text)
    head = {"project": {"pack": "sdtm", "source": "."}, "study": {"identifier": "S", "title": "T"}}
    Words.model_validate({**head, **tree})


def test_the_site_is_built_and_no_link_is_broken(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [mkdocs, "build", "--quiet", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "site/reference/commands.html").read_text("utf-8")
    for command in ("fhir-msc retire", "fhir-msc sandbox", "--profile", "fhir-msc mapping check"):
        assert command in shown
    assert "connections" in (tmp_path / "site/reference/config.html").read_text("utf-8")
    assert "tie-breakers" in (tmp_path / "site/reference/pack-words.html").read_text("utf-8")
    assert "RewriteError" in (tmp_path / "site/reference/errors.html").read_text("utf-8")

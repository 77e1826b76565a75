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

from fhir_msc.config_words import Words
from tests.integration.test_readme import keep_participants
from tests.support.snippets import Command, commands_of, run_forked, started
from tests.support.tinystudy import tiny_study, write_study

ROOT = Path(__file__).parents[2]
PAGES = ["tutorial.md", *sorted(f"how-to/{path.name}" for path in (ROOT / "docs/how-to").glob("*.md"))]
URL = "http://127.0.0.1:8090/fhir"
_FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    printed = tmp_path_factory.mktemp("printed")
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
                        words = tuple(word.replace(URL, url) for word in command.words)
                        run_forked(Command(words, command.prints), tmp_path, printed)
    assert done >= 3, "a page without a command that is run"


def _is_config(text: str) -> None:
    """Every word of a piece of config is one."""
    import tomllib

    tree = tomllib.loads(text)
    head = {"project": {"pack": "sdtm", "source": "."}, "study": {"identifier": "S", "title": "T"}}
    Words.model_validate({**head, **tree})


def _build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site as ``make docs`` does. Not with ``--quiet``: mkdocs counts only the warnings that it shows."""
    mkdocs = Path(sys.executable).with_name("mkdocs")
    return subprocess.run(
        [mkdocs, "build", "--site-dir", site],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_broken_link_fails(tmp_path: Path) -> None:
    for name in ("tools", "mappings"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs/tutorial.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    done = _build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "'nowhere.md'" in done.stderr


def test_the_site_is_built_and_no_link_is_broken(tmp_path: Path) -> None:
    done = _build(ROOT, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    shown = (tmp_path / "site/reference/commands.html").read_text("utf-8")
    for command in ("fhir-msc retire", "fhir-msc queries", "fhir-msc sandbox", "--profile", "fhir-msc mapping check"):
        assert command in shown
    assert "connections" in (tmp_path / "site/reference/config.html").read_text("utf-8")
    assert "tie-breakers" in (tmp_path / "site/reference/pack-words.html").read_text("utf-8")
    assert "RewriteError" in (tmp_path / "site/reference/errors.html").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        place = page.relative_to(ROOT / "docs").with_suffix(".html")
        assert (tmp_path / "site" / (place.with_name("index.html") if page.name == "README.md" else place)).exists()
    # Read behind a hospital's firewall too: nothing is loaded from elsewhere.
    loaded = re.compile(r'<(?:script|img|link[^>]+stylesheet)[^>]+(?:src|href)="?https?:')
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if loaded.search(page.read_text("utf-8"))] == []

"""The tutorial and the how-to pages do what they say; the site is built, with its reference, and no link is broken."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fhir_msc
from tests.support.smallexample import keep_participants
from tests.support.snippets import ROOT, URL, commands, run, sandbox, snippets

EXPORT = "examples/misle-phase2/data/edc"
PARTICIPANTS = 16
"""So many that a withdrawal is among them, about which the site must be asked."""

PAGES = [ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    """All of a page in a folder that has, besides what the page makes, only some of the example."""
    shutil.copytree(ROOT / "examples/misle-phase2/data/edc", tmp_path / EXPORT)
    keep_participants(tmp_path / EXPORT / "misle_records_synthetic.csv", PARTICIPANTS)
    found, url, ran = snippets(page), URL, 0
    with contextlib.ExitStack() as servers:
        for snippet in found:
            if snippet.name == "sandbox":
                url = servers.enter_context(sandbox(snippet, tmp_path))
        for snippet in found:
            if snippet.use == "file":
                path = tmp_path / snippet.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(snippet.text, "utf-8")
            elif snippet.name != "sandbox":
                for command in commands(snippet, url):
                    run(command, tmp_path)
                    ran += 1
    assert ran > 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as ``make docs`` builds it: strictly."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_a_broken_link_fails(tmp_path: Path) -> None:
    for name in ("docs", "tools", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs").unlink()
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs/tutorial.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    asked = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "'nowhere.md'" in done.stderr


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    for page in pages:
        place = page.parent if page.name in ("README", "index") else page
        assert (site / place / "index.html").exists(), page


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("commands", ["fhir-msc queries", "--show-values", "fhir-msc target probe"]),
        ("config", ["[targets.NAME]", "covers_days_before", "[[study.arms]]"]),
        ("pack-words", ["participant-record", "tie-breakers", "sealed"]),
        ("errors", ["OutcomeUnknown", "SecretError"]),
        ("library", [fhir_msc.__version__]),
    ],
)
def test_the_reference_is_that_of_the_code(site: Path, page: str, words: list[str]) -> None:
    text = (site / "reference" / page / "index.html").read_text("utf-8")
    assert [word for word in words if word not in text] == []


def test_the_site_asks_nobody_else(site: Path) -> None:
    """No fonts, scripts or images from elsewhere: it is read behind a hospital's firewall too."""
    loads = ('src="http', "src=http", 'rel="stylesheet" href="http', "fonts.googleapis")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if any(word in page.read_text("utf-8") for word in loads)] == []

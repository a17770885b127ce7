import copy
import json
import re

import pytest

from pipeline.reporting.render import render
from pipeline.reporting.render_markdown import render_markdown


def test_three_files_the_same_for_the_same_document(document, tmp_path):
    first, second = (render(copy.deepcopy(document), tmp_path / name / "deeper") for name in ("one", "two"))
    assert [path.name for path in first] == ["report.json", "report.md", "report.html"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_json_holds_the_document_and_what_follows_from_it(document, tmp_path):
    report = json.loads(render(document, tmp_path)[0].read_text(encoding="utf-8"))
    assert {key: report[key] for key in document} == document
    assert report["verdict"].startswith("int8 against baseline")
    assert report["total"]["money"] == pytest.approx(5520 / 3600 * 0.05)
    assert len(report["comparison"]) == 3 * 13


def test_a_figure_that_is_not_a_number_stops_the_report(document, tmp_path):
    document["models"][1]["measurement"]["accuracy"] = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        render(document, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_markdown_has_the_tables_and_the_exact_configuration(full):
    text = render_markdown(full)
    assert "| int8 | 96.80% (-0.70 points) | 19.5 KiB (3.8x smaller) | 0.200 ms (4.0x faster) |" in text
    assert "| Latency p50 | 0.800 ms | 0.790 ms (no faster) | 0.200 ms (4.0x faster) |" in text
    assert "| Total |  | 49 min 10 s | 1 h 32 min | 512 MiB | 10.0 KiB | 20.0 KiB | 6 | 0.0767 USD |" in text
    assert "```yaml\nseed: 1\nmodel:\n  name: small_cnn  # 3 blocks\n```" in text
    assert "```sh\nfrugal run experiment=digits seed=1\n```" in text
    assert "- train (train) from data: data, 31 min 40 s; reused, made 2026-11-23T15:00:00+00:00" in text
    assert "- prune: 2 of 5 layers are not pruned" in text


def test_what_the_markdown_does_not_fold_away_fits_a_pull_request(full):
    text = render_markdown(full)
    assert text.count("<details>") == text.count("</details>") == 6
    unfolded = re.sub("<details>.*?</details>", "", text, flags=re.DOTALL)
    assert len([line for line in unfolded.splitlines() if line.strip()]) <= 20


def test_hostile_names_stay_text_in_markdown(document):
    document["models"][1]["name"] = "a|b<script>\n# c"
    document["config"] = "a: |\n  ```\n  b"
    text = render_markdown(document)
    assert r"| Figure | baseline | a\|b\<script\> \# c | int8 |" in text
    assert "````yaml\na: |\n  ```\n  b\n````" in text
    assert "<script" not in text.replace(r"\<script", "")


def test_tables_have_as_many_cells_in_every_row(document):
    tables = [block for block in render_markdown(document).split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1

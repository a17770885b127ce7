import base64
import hashlib
from html.parser import HTMLParser

import pytest

from pipeline.reporting.render_html import render_html

VOID = {"meta", "link", "br", "rect", "line"}


class Page(HTMLParser):
    """Collects elements, their attributes and texts, and checks that each element closed is the one last opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", " ".join(data.split())))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag):
        return [text for name, text in self.texts if name == tag]


@pytest.fixture
def page(document):
    return Page(render_html(document))


ALWAYS = [
    "Before and after",
    "Caveats and notes",
    "What it cost",
    "Stages",
    "Environment",
    "Configuration",
    "Run it again",
]


def test_the_page_says_what_it_is(page, document):
    assert page.all("html") == [{"lang": "en"}]
    assert page.text("title") == page.text("h1") == [document["title"]]
    assert page.text("p")[0].startswith("int8 against baseline: 3.8x smaller deflated")
    assert page.text("h2") == ALWAYS


def test_a_full_report_has_every_section(full_html):
    added = ["Classes", "Weights", "Training", "What the stages found"]
    assert Page(full_html).text("h2") == [ALWAYS[0], *added, *ALWAYS[1:]]


def test_every_link_of_the_page_leads_somewhere(full_html):
    page = Page(full_html)
    links = [link["href"].removeprefix("#") for link in page.all("a")]
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert set(links) <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))


def test_every_figure_and_the_totals_are_there(page):
    cells = page.text("td")
    for figure in ("97.50%", "24.0 KiB", "19.5 KiB", "0.790 ms", "0.200 ms", "4.20 M", "model: train, data: data"):
        assert figure in cells
    assert cells[-7:] == ["49 min 10 s", "1 h 32 min", "512 MiB", "10.0 KiB", "20.0 KiB", "6", "0.0767 USD"]
    assert {"no faster", "4.0x faster", "-0.70 points"} <= set(page.text("span"))
    assert {"3.11.9", "2.18.1"} <= set(page.text("dd"))


def test_the_tables_are_readable_by_ear(full_html):
    page = Page(full_html)
    assert len(page.all("table")) == len(page.text("caption")) == 3 + 2 + 3 + 1
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))


def test_configuration_and_command_are_exact(document):
    document["config"] = "a: '<b> & \"c\"'\n  # kept\n"
    document["command"] = "frugal run 'name=<x>'"
    html = render_html(document)
    page = Page(html)
    assert page.text("code")[-1] == "frugal run 'name=<x>'"
    assert "<code>a: &#39;&lt;b&gt; &amp; &#34;c&#34;&#39;\n  # kept\n</code>" in html


def test_each_bar_has_a_length_and_a_text_alternative(page):
    labels = [bar["aria-label"] for bar in page.all("svg") if bar.get("class") != "chart"]
    assert len(labels) == 4 * 3
    assert "int8: 25% of baseline" in labels
    assert "int8: 96.80% of 100%" in labels
    lengths = [bar["width"] for bar in page.all("rect") if bar["class"].startswith("bar")]
    assert lengths[3:6] == ["100.00", "98.75", "25.00"]


def test_a_larger_model_sets_the_scale(document):
    document["models"][1]["measurement"]["latency_ms"]["p50"] = 1.6
    page = Page(render_html(document))
    lengths = [bar["width"] for bar in page.all("rect") if bar["class"].startswith("bar")]
    assert lengths[3:6] == ["50.00", "100.00", "12.50"]
    assert page.all("line")[3]["x1"] == "50.00"


def test_stages_are_indented_under_what_they_read(page):
    margins = [item["style"] for item in page.all("li") if "style" in item]
    assert margins == [f"margin-left: {depth}rem" for depth in ("0.0", "1.5", "3.0", "3.0", "4.5")]


def hostile(value):
    if isinstance(value, dict):
        # The task is one of three words, and no text of anybody's.
        return {key: item if key == "task" else hostile(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile(item) for item in value]
    return f'{value}<script>alert(1)</script>"onload="x' if isinstance(value, str) else value


def test_no_text_of_the_document_becomes_markup(full, full_html):
    texts = hostile(full)
    for exhibit in texts["stages"][0]["exhibits"] + texts["stages"][1]["exhibits"]:
        exhibit["columns"] = [f"{column}<b>" for column in exhibit["columns"]]
        for key in ("bars", "line"):
            exhibit[key] = exhibit.get(key) and f"{exhibit[key]}<b>"
        exhibit["lines"] = [[f"{name}<b>" for name in panel] for panel in exhibit.get("lines", ())]
    texts["environment"]["libraries"]["<img src=x>"] = "1"
    html = render_html(texts)
    page = Page(html)
    script = full_html[full_html.index("<script>") : full_html.index("</script>")]
    assert len(page.all("script")) == html.count(script) == 1
    assert not page.all("img")
    assert not page.all("b")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert any("<script>alert(1)</script>" in text for text in page.text("h1"))


def test_the_policy_of_the_page_allows_its_own_script_alone(full_html):
    script = full_html[full_html.index("<script>") + len("<script>") : full_html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(each["content"] for each in Page(full_html).all("meta") if "http-equiv" in each)
    assert policy == (f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:")


def test_nothing_is_fetched_from_elsewhere(full_html):
    page = Page(full_html)
    references = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href")
    ]
    assert {value for value in references if not value.startswith("#")} == {"data:,"}
    assert "url(" not in full_html
    assert "@import" not in full_html
    assert "http://" not in full_html
    assert "https://" not in full_html


def test_an_exhibit_is_a_table_whose_longest_bar_is_the_largest_number(full_html):
    assert "<caption>data: Scores</caption>" in full_html
    table = full_html[full_html.index("<caption>data: Scores") :]
    table = table[: table.index("</table>")]
    assert [f'class="bar" width="{length}"' in table for length in ("100.00", "25.00", "62.50")] == [True] * 3
    assert 'data-sort="1.25"' in table


def test_one_model_and_no_stages_still_make_a_page(document):
    document["models"], document["stages"] = document["models"][:1], []
    page = Page(render_html(document))
    assert "Caveats and notes" not in page.text("h2")
    assert page.text("p")[0].startswith("Only baseline was measured")


@pytest.mark.parametrize("version", [3, 0, "2"])
def test_another_version_of_the_format_is_refused(full, version):
    with pytest.raises(
        ValueError, match=f"version={version}: made by another version of the program; accepted: 1 to 2"
    ):
        render_html(full | {"version": version})

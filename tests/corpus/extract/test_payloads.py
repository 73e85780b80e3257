"""Posts and articles that a page carries as data are found in their order, and read only where the page is poorer."""

from __future__ import annotations

import html as entities
import json
import time

import pytest

from smelt.corpus.extract.payloads import ENOUGH_CHARACTERS, is_richer, payload_html

FIRST, SECOND = (f"{word} the ore with coke until it runs, then pour off the slag. " * 3 for word in ("Heat", "Cool"))


def script(data: object, attributes: str) -> str:
    return f"<body><div id=app></div><script {attributes}>{json.dumps(data)}</script></body>"


def discourse() -> str:
    topic = {"title": "Ore", "post_stream": {"posts": [{"cooked": f"<p>{FIRST}</p>"}, {"cooked": f"<p>{SECOND}</p>"}]}}
    store = entities.escape(json.dumps({"topic_7": json.dumps(topic), "site": "{}"}))
    return f'<body><div id="data-preloaded" data-preloaded="{store}"></div></body>'


def posts(key: str) -> list[dict[str, object]]:
    """In the wrong order, as Flarum sends them."""
    texts = ((2, SECOND), (1, FIRST))
    return [{"type": "posts", "attributes": {"number": number, key: f"<p>{text}</p>"}} for number, text in texts]


ANSWERS = [{"@type": "Answer", "text": SECOND}]
PAGES = {
    "discourse": discourse(),
    "flarum": script({"apiDocument": {"included": posts("contentHtml")}}, 'id="flarum-json-payload"'),
    "nodebb": script({"title": "Ore", "posts": [{"content": FIRST}, {"content": SECOND}]}, 'id="ajaxify-data"'),
    "question": script({"@type": "Question", "text": FIRST, "suggestedAnswer": ANSWERS}, 'type="application/ld+json"'),
    "comments": script(
        {"@type": "DiscussionForumPosting", "text": FIRST, "comment": [{"@type": "Comment", "text": SECOND}]},
        'type="application/ld+json"',
    ),
    "article": script({"@type": "Article", "articleBody": f"{FIRST}\n{SECOND}"}, 'type="application/ld+json"'),
    "product": script({"@type": "Product", "description": f"{FIRST}\n{SECOND}"}, 'type="application/ld+json"'),
    "recipe": script(
        {"@type": "Recipe", "description": FIRST, "recipeInstructions": [{"@type": "HowToStep", "text": SECOND}]},
        'type="application/ld+json"',
    ),
    "next": script(
        {"props": {"a": {"content": FIRST * 2}, "b": {"content": SECOND * 2}, "c": {"summary": "x y " * 60}}},
        'id="__NEXT_DATA__"',
    ),
    "noscript": f"<body><noscript><p>{FIRST}</p></noscript><noscript><p>{SECOND}</p></noscript>",
    "template": f"<body><template><p>{FIRST}</p><p>{SECOND}</p></template>",
}


@pytest.mark.parametrize("kind", PAGES)
def test_what_a_page_carries_is_found_in_its_order(kind: str) -> None:
    found = payload_html(PAGES[kind])
    assert found is not None
    assert 0 <= found.find(FIRST.strip()[:60]) < found.find(SECOND.strip()[:60])


def test_plain_text_of_data_becomes_paragraphs_without_markup_of_its_own() -> None:
    data = {"@type": "Article", "articleBody": f"1 < 2 &amp; 3\n{FIRST}"}
    found = payload_html(script(data, 'type="application/ld+json"'))
    assert found is not None
    assert found.startswith("<article><p>1 &lt; 2 &amp; 3</p><p>Heat")


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<body><p>Only markup.</p></body>",
        script({"@type": "Product", "description": "Short."}, 'type="application/ld+json"'),
        script({"token": "x" * 1_000, "content": "x" * 1_000}, 'id="__NEXT_DATA__"'),
        '<noscript><img src="' + "x" * ENOUGH_CHARACTERS + '"></noscript>',
    ],
)
def test_what_is_no_prose_is_no_payload(html: str) -> None:
    assert payload_html(html) is None


def test_a_payload_is_read_where_the_page_has_next_to_nothing() -> None:
    assert is_richer(FIRST, "Enable scripts.")
    assert not is_richer(FIRST, FIRST)
    assert not is_richer(FIRST * 20, "A page that says a lot. " * 20)


@pytest.mark.parametrize(
    "html",
    [
        '<script id="__NEXT_DATA__">' + "[" * 1_000_000 + "]" * 1_000_000 + "</script>",
        '<script id="__NEXT_DATA__">' + '{"content":' * 50_000 + "1" + "}" * 50_000 + "</script>",
        '<script id="ajaxify-data">' + '{"posts":[' * 100_000,
        "<noscript>" * 300_000,
        '<div data-preloaded="' + "&quot;" * 1_000_000,
        '<script type="application/json">' * 100_000,
    ],
)
def test_hostile_data_is_none_and_costs_no_more_than_a_record_may(html: str) -> None:
    started = time.process_time()
    assert payload_html(html) is None
    assert time.process_time() - started < 5

"""From a path and its parameters to a page. Pure but for the files of the package."""

import gzip
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import bokeh
from bokeh.embed import components
from jinja2 import Environment, PackageLoader, select_autoescape

from meetup_insight.page.published import Published
from meetup_insight.page.view import View
from meetup_insight.page.views import VIEWS

_TEMPLATES: Final = Environment(
    loader=PackageLoader("meetup_insight.page"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
)
_MOST_PARAMETERS: Final = 16
_MOST_LETTERS: Final = 2_048
"""Of a query: a few choices."""
_STATIC: Final = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
_BOKEH: Final = "bokeh.min.js"
_SECURE: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Frame-Options", "DENY"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = field(default=())


class Site:
    """Answers for whatever is published when it is asked."""

    def __init__(self, newest: Callable[[], Published | None], why_none: Callable[[], str]) -> None:
        self._newest = newest
        self._why_none = why_none

    def answer(self, path: str, query: str) -> Answer:
        """The page, a file it needs, or that there is none."""
        if path.startswith("/static/"):
            return _static(path.removeprefix("/static/"))
        if path not in VIEWS:
            return _page(404, path, View("Not found", "This page has no such view."), "")
        data = self._newest()
        if data is None:
            return _page(503, path, View(VIEWS[path][0], f"Nothing to see yet: {self._why_none()}"), "")
        view = VIEWS[path][1](data, parameters(query))
        at = datetime.fromtimestamp(data.manifest.finished_at, UTC)
        return _page(200, path, view, f"Built {at:%Y-%m-%d %H:%M} UTC. Every cell stands on ten members or more.")


def parameters(query: str) -> dict[str, str]:
    """Of an address; too many or too long ones are none."""
    if len(query) > _MOST_LETTERS:
        return {}
    try:
        return dict(parse_qsl(query, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return {}


def _page(status: int, path: str, view: View, footer: str) -> Answer:
    plotted = {figure.key: figure.plot for figure in view.figures if figure.plot is not None}
    script, divs = components(plotted, wrap_script=False) if plotted else ("", {})
    nonce = secrets.token_urlsafe(16)
    html = _TEMPLATES.get_template("page.html").render(
        title=view.title, intro=view.intro, cards=view.cards, choices=view.choices, figures=view.figures, divs=divs,
        script=script, nonce=nonce, footer=footer, here=path, views=[(each, name) for each, (name, _) in VIEWS.items()],
    )  # fmt: skip
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data:;"
        " connect-src 'self'; font-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = (*_SECURE, ("Content-Security-Policy", policy), ("Cache-Control", "no-store"))
    return Answer(status, "text/html; charset=utf-8", html.encode(), headers)


@cache
def _static(name: str) -> Answer:
    """Files of this package and Bokeh's own script, packed: no outside host is asked for anything."""
    if name == _BOKEH:
        body = (Path(bokeh.__file__).parent / "server" / "static" / "js" / _BOKEH).read_bytes()
        content_type = "text/javascript; charset=utf-8"
    elif name in _STATIC:
        body = resources.files("meetup_insight.page").joinpath("static", name).read_bytes()
        content_type = _STATIC[name]
    else:
        return Answer(404, "text/plain; charset=utf-8", b"no such file\n", _SECURE)
    headers = (*_SECURE, ("Cache-Control", "max-age=3600"), ("Content-Encoding", "gzip"))
    return Answer(200, content_type, gzip.compress(body, mtime=0), headers)

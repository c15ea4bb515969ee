"""The page: files are dropped, verdicts appear, then heat maps."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, NoReturn

import gradio as gr
import safehttpx  # type: ignore[import-untyped]
from starlette.middleware import Middleware

from face_forgery.data.images.listing import printable
from face_forgery.forgery.rendering.demo_set import draw_row, plan_row
from face_forgery.modeling.provenance import Language, describe_training_data
from face_forgery.serving.page.cards import (
    Judge,
    Visit,
    render_card,
    say_counts,
    say_limits,
    to_csv_uri,
)
from face_forgery.serving.page.words import LANGUAGES, WORDS
from face_forgery.serving.request_limits import JSON, LOOPBACK, Limits, RequestLimits, describe

_LOG = logging.getLogger(__name__)

_MAX_UPLOADS, _MAX_WAITING = 4, 16  # at once
# Whose last verdicts, images included, are kept in memory.
_MAX_SESSIONS = _MAX_UPLOADS + _MAX_WAITING
_BODY_SECONDS = 300.0
_FORM_BYTES = 2**20  # of an upload beside its files
_UPLOAD = "/gradio_api/upload"
_PATHS = (  # what a browser asks for; the toolkit has sixty further doors
    *("/", "/assets/*", "/config", "/favicon.ico", "/manifest.json", "/static/*", "/theme.css"),
    *("/gradio_api/heartbeat/*", "/gradio_api/startup-events", "/gradio_api/file=/*"),
    *("/gradio_api/queue/join", "/gradio_api/queue/data", _UPLOAD, f"{_UPLOAD}_progress"),
)
_FONTS = ("system-ui", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "sans-serif")
_EXAMPLES_SEED, _NUM_EXAMPLES = 1, 4  # the demo set has the seed 0
_EXAMPLE_SIDE = 160  # pixels, as in the demo set: in another size they would be unfamiliar
_READ_ALOUD = "element.setAttribute('role', 'status')"  # a screen reader reads what changes in it
_SET_LANGUAGE = (  # a screen reader's voice follows from it
    "name => { document.documentElement.lang = name == 'English' ? 'en' : 'zh-CN'; return name }"
)


class QuietBlocks(gr.Blocks):  # type: ignore[misc]
    """Blocks whose errors are one line in the log: anybody can cause them, by any input."""

    async def process_api(self, *args: Any, **kwargs: Any) -> Any:
        """Do as the toolkit does, which would write a traceback and answer without a reason."""
        try:
            return await super().process_api(*args, **kwargs)
        except Exception as error:
            _LOG.warning("the page: %s", describe(error))
            raise gr.Error("The request failed.", print_exception=False) from None


async def _refuse_to_fetch(*args: object, **kwargs: object) -> NoReturn:
    raise ValueError("an address is not fetched")


def build_page(judge: Judge, *, max_images: int) -> Any:
    """Return the page as ``gradio.Blocks``, not yet served; ``max_images`` are judged at once.

    From then on gradio fetches no address in this process: it would, whatever a client names.
    """
    safehttpx.get = safehttpx.async_validate_url = _refuse_to_fetch  # all its ways lead through one
    with QuietBlocks(
        title="Face Forgery", analytics_enabled=False, fill_width=True, delete_cache=(600, 3600)
    ) as page:
        words, card = WORDS["en"], judge.training_data
        are_drawn = card is not None and card.origin in ("drawn", "partly")
        with gr.Row():
            with gr.Column(scale=1, min_width=320):
                heading = gr.HTML(_heading(judge, "en"))
                files = gr.File(label=words["drop"], file_count="multiple", type="filepath")
                examples = gr.Button(words["examples"], visible=are_drawn)
                language = gr.Radio(list(LANGUAGES), value="English", label="Language / 语言")
            with gr.Column(scale=3, min_width=320):
                status = gr.HTML("", js_on_load=_READ_ALOUD)
                slots = [gr.HTML(visible=False) for _ in range(max_images)]
                about = gr.HTML(_about(judge, Visit(), "en"))

        def show(*given: Any) -> Iterator[dict[Any, Any]]:
            for said, limits, changed in _show(judge, max_images, *given):
                cards = {slots[number]: card for number, card in changed.items()}
                yield {**cards, status: said, about: limits}

        def translate(name: str) -> tuple[Any, ...]:
            code = LANGUAGES[name]
            label, text = WORDS[code]["drop"], WORDS[code]["examples"]
            return _heading(judge, code), gr.update(label=label), gr.update(value=text)

        once: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        often = once | {"trigger_mode": "multiple", "concurrency_limit": _MAX_UPLOADS}
        inputs, outputs = [files, language, gr.State(Visit())], [status, *slots, about]
        page.load(_greet, None, language, **once)
        examples.click(lambda: _draw_examples(files.GRADIO_CACHE), None, files, **once)
        language.change(translate, language, [heading, files, examples], js=_SET_LANGUAGE, **once)
        gr.on([files.change, language.change], show, inputs, outputs, **often)
    page.queue(max_size=_MAX_WAITING)
    return page


def _show(
    judge: Judge, limit: int, paths: list[str] | None, name: str, visit: Visit
) -> Iterator[tuple[str, str, dict[int, Any]]]:
    """Yield the status, what is said of all, and the cards that change: at first all of them."""
    language, paths = LANGUAGES[name], list(dict.fromkeys(paths or []))

    def state(numbers: Iterable[int]) -> tuple[str, str, dict[int, Any]]:
        cards = {number: _fill(judge, visit, number, language) for number in numbers}
        return _status(visit, len(paths), language), _about(judge, visit, language), cards

    turn = visit.begin([Path(path) for path in paths[:limit]])
    yield state(range(limit))
    for number in visit.work(judge, turn):
        yield state([number])


def launch_options(*, max_bytes: int) -> dict[str, Any]:
    """Return how the page is served: system fonts, our colors, no errors with paths in them.

    ``max_bytes`` are those of one upload, all its files together.
    """
    limits = Limits(
        hosts=LOOPBACK,
        max_bytes=max_bytes + _FORM_BYTES,
        max_working=_MAX_UPLOADS,
        max_waiting=_MAX_WAITING,
        body_seconds=_BODY_SECONDS,
        content_types=(JSON, "multipart/form-data"),
        paths=_PATHS,
        strict_json=True,
        large_at=_UPLOAD,
    )
    theme = gr.themes.Default(font=list(_FONTS), font_mono=["ui-monospace", "monospace"])
    css = Path(__file__).with_name("page.css")
    return {
        "theme": theme,
        "css_paths": css,
        "share": False,
        "ssr_mode": False,  # servers of the toolkit beside the limits
        "num_workers": 0,
        "show_error": False,
        "quiet": True,
        "footer_links": [],
        "state_session_capacity": _MAX_SESSIONS,
        "app_kwargs": {"middleware": [Middleware(RequestLimits, limits=limits)]},
    }


def _heading(judge: Judge, language: Language) -> str:
    learnt_from = escape(describe_training_data(judge.training_data, language))
    title, lead = WORDS[language]["title"], WORDS[language]["lead"]
    return f'<h1>{title}</h1><p class="ff-note">{learnt_from}</p><p>{lead}</p>'


def _fill(judge: Judge, visit: Visit, number: int, language: Language) -> Any:
    """Return what becomes of a card's HTML component."""
    card = visit.card(number)
    if card is None:
        return gr.update(visible=False)
    return gr.update(value=render_card(card, judge, language), visible=True)


def _status(visit: Visit, num_given: int, language: Language) -> str:
    words, total = WORDS[language], len(visit.paths)
    note = words["too_many"].format(given=num_given, limit=total) if num_given > total else ""
    done = say_counts(visit.cards.values(), language) if total else ""
    if (number := len(visit.cards)) < total:
        name = printable(visit.paths[number].name)
        done = words["judging"].format(number=number + 1, total=total, name=name)
    elif any(card.unexplained for card in visit.cards.values()):
        done = words["mapping"].format(done=done)
    return f'<p class="ff-note">{note}</p><p>{escape(done)}</p>'


def _about(judge: Judge, visit: Visit, language: Language) -> str:
    words, link = WORDS[language], ""
    if visit.cards:
        uri = to_csv_uri(visit.cards.values())
        link = f'<p><a download="predictions.csv" href="{uri}">{words["csv"]}</a></p>'
    return f'{link}<p class="ff-small">{say_limits(judge, language)} {words["evidence"]}</p>'


def _greet(request: gr.Request) -> str:
    """Choose the language of the browser."""
    is_chinese = str(request.headers.get("accept-language", "")).lower().startswith("zh")
    return "中文" if is_chinese else "English"


def _draw_examples(folder: str) -> list[str]:
    """Draw faces that are in no demo set: two real ones, and a forgery of each."""
    root = Path(tempfile.mkdtemp(dir=folder))
    paths = []
    for row in range(_NUM_EXAMPLES):
        plan = plan_row(_EXAMPLES_SEED, "test", row)
        paths.append(root / f"{row + 1}_{plan.kind}.jpg")
        paths[-1].write_bytes(draw_row(plan, _EXAMPLE_SIDE).jpeg)
    return [str(path) for path in paths]

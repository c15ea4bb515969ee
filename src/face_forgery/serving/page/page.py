"""The page: images are dropped, a button is pressed, verdicts appear."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from face_forgery.data.images.listing import printable
from face_forgery.serving.page.cards import Judge, render
from face_forgery.serving.page.words import LANGUAGES, WORDS
from face_forgery.serving.request_limits import LOOPBACK, Limits, RequestLimits

_MAX_UPLOADS, _MAX_WAITING = 4, 16  # at once
# Whose last verdicts, images included, the toolkit keeps in memory; the page does not need them.
_MAX_SESSIONS = _MAX_UPLOADS + _MAX_WAITING
_BODY_SECONDS = 300.0
_FORM_BYTES = 2**20  # of an upload beside its files
_UPLOAD = "/gradio_api/upload"
_FONTS = ("system-ui", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "sans-serif")


def build_page(judge: Judge, *, max_images: int) -> Any:
    """Return the page as ``gradio.Blocks``, not yet served.

    Args:
        judge: Judges what is dropped.
        max_images: Judged at once.
    """

    def show(files: Sequence[str] | None, language: str) -> str:
        return _judge_files(judge, files, LANGUAGES[language], max_images)

    def translate(language: str) -> tuple[Any, ...]:
        words = WORDS[LANGUAGES[language]]
        return (
            gr.update(value=_heading(LANGUAGES[language])),
            gr.update(label=words["drop"]),
            gr.update(value=words["judge"]),
            gr.update(value=words["clear"]),
            gr.update(label=words["language"]),
        )

    with gr.Blocks(title="Face Forgery", analytics_enabled=False, delete_cache=(600, 3600)) as page:
        words = WORDS["en"]
        heading = gr.HTML(_heading("en"))
        language = gr.Radio(list(LANGUAGES), value="English", label=words["language"])
        files = gr.File(label=words["drop"], file_count="multiple", type="filepath")
        with gr.Row():
            button = gr.Button(words["judge"], variant="primary")
            clear = gr.Button(words["clear"])
        cards = gr.HTML("")
        hidden: dict[str, Any] = {"api_visibility": "private"}
        button.click(show, [files, language], cards, **hidden)
        clear.click(lambda: (None, ""), None, [files, cards], **hidden)
        language.change(translate, language, [heading, files, button, clear, language], **hidden)
    page.queue(max_size=_MAX_WAITING)
    return page


def launch_options(*, max_bytes: int) -> dict[str, Any]:
    """Return how the page is served: system fonts, our colors, no errors with paths in them.

    Args:
        max_bytes: Of one upload, all its files together.
    """
    limits = Limits(
        hosts=LOOPBACK,
        max_bytes=max_bytes + _FORM_BYTES,
        max_working=_MAX_UPLOADS,
        max_waiting=_MAX_WAITING,
        body_seconds=_BODY_SECONDS,
        large_at=_UPLOAD,
    )
    theme = gr.themes.Default(font=list(_FONTS), font_mono=["ui-monospace", "monospace"])
    css = Path(__file__).with_name("page.css")
    return {
        "theme": theme,
        "css_paths": css,
        "share": False,
        "show_error": False,
        "quiet": True,
        "footer_links": [],
        "state_session_capacity": _MAX_SESSIONS,
        "app_kwargs": {"middleware": [Middleware(RequestLimits, limits=limits)]},
    }


def _heading(language: str) -> str:
    return f"<h1>{WORDS[language]['title']}</h1><p>{WORDS[language]['lead']}</p>"


def _judge_files(judge: Judge, files: Sequence[str] | None, language: str, max_images: int) -> str:
    words = WORDS[language]
    if not files:
        return render([], judge, language=language, note=words["nothing"])
    note = ""
    if len(files) > max_images:
        note = words["too_many"].format(given=len(files), limit=max_images)
    paths = [Path(file) for file in files[:max_images]]
    uploads = ((printable(path.name), _read(path)) for path in paths)  # in memory one by one
    cards = list(judge.judge(uploads))
    return render(cards, judge, language=language, note=note)


def _read(file: Path) -> bytes:
    """Read an upload; the toolkit removes its copy after an hour, or when the page is closed."""
    try:
        return file.read_bytes()
    except OSError:
        return b""

"""The command ``face-forgery``, also ``python -m face_forgery``: use a detector without Kedro."""

import sys
from importlib import import_module
from pathlib import Path

COMMANDS = {  # name -> the module whose main() does it, and what it does
    "judge": ("face_forgery.serving.judge_command", "judge images: score, verdict, status"),
    "page": ("face_forgery.serving.page.__main__", "open a page that judges what is dropped on it"),
    "serve": ("face_forgery.serving.__main__", "serve a detector to other programs over HTTP"),
    "register": ("face_forgery.serving.register_command", "register a detector with MLflow"),
    "push": ("face_forgery.serving.push_command", "send a detector to the Hugging Face hub"),
    "unpack": ("face_forgery.serving.unpack_command", "unpack a set of Parquet or tar shards"),
    "run": ("face_forgery.__main__", "what `kedro run` does; needs the project, not the package"),
}
_USAGE = "usage: face-forgery COMMAND ...\n\n" + "".join(
    f"  {name:9} {what}\n" for name, (_, what) in COMMANDS.items()
)


def main(arguments: list[str] | None = None) -> None:
    """Do what the first argument names."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in ("-h", "--help"):
        sys.stdout.write(f"{_USAGE}\nEach has options: face-forgery COMMAND --help\n")
    elif name == "run":
        run(rest)
    elif name in COMMANDS:
        import_module(COMMANDS[name][0]).main(rest)
    else:
        sys.stderr.write(f"{_USAGE}\nerror: " + (f"no command {name!r}\n" if name else "which?\n"))
        sys.exit(2)


def run(arguments: list[str]) -> None:
    """Do what ``kedro run`` does with these arguments."""
    from kedro.framework.cli.utils import find_run_command
    from kedro.framework.project import configure_project
    from kedro.utils import find_kedro_project

    has_conf = any(argument.startswith("--conf-source") for argument in arguments)
    if not has_conf and find_kedro_project(Path.cwd()) is None:
        sys.exit(
            "`run` needs the project (conf/, data/), which the package does not hold: clone its "
            "repository, make setup, and give the command there. judge, page, serve, register, "
            "push and unpack work anywhere"
        )
    package = Path(__file__).parent.name
    configure_project(package)
    find_run_command(package)(arguments)


if __name__ == "__main__":
    main()

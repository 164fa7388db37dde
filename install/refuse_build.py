"""A build backend that refuses: this project is run from its folder and never installed.

A wheel would either hold no module or put rooms named `kernels`, `models` and `tasks` into site-packages, over
published packages of those names. `pip install .` therefore ends with the line below (each hook is one that pip, uv or
build calls first), and nothing is installed.
"""

REFUSAL = (
    "emergent-abilities-replication is not installed but run from its folder: `make setup`, then `python -m"
    " evaluation.passuntil --help`; to import its rooms elsewhere put the folder on PYTHONPATH"
)


def _refuse(*_arguments, **_options):
    raise SystemExit(REFUSAL)


get_requires_for_build_wheel = get_requires_for_build_editable = get_requires_for_build_sdist = _refuse
prepare_metadata_for_build_wheel = prepare_metadata_for_build_editable = _refuse
build_wheel = build_editable = build_sdist = _refuse

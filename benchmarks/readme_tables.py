"""README's section on speed, from the committed results of the benchmarks, so that no number in it is typed.

python -m benchmarks.readme_tables     write the text between the two marks of README.md anew; a test compares it
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.reproduce_cost import reproduce_minutes, slowdowns

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- made by python -m benchmarks.readme_tables -->", "<!-- end of what it made -->"
CHOICE, GENERATED = ("exam", "reading", "endings"), ("recall", "maths")


def _read(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _link(name: str) -> str:
    return f"[benchmarks/results/{name}.json](benchmarks/results/{name}.json)"


def _span(values: Sequence[float], digits: int = 0) -> str:
    low, high = f"{min(values):,.{digits}f}", f"{max(values):,.{digits}f}"
    return low if low == high else f"{low} to {high}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def training() -> list[str]:
    """Tokens per CPU second of training, ours and the peers', on each kind of CPU, and what that means for `make
    reproduce`."""
    native, emulated = _read("train_cpu"), _read("train_cpu_without_bf16")
    is_compiled = all(out["compile"] == "all" for out in (native, emulated))
    compiled = "with and without `torch.compile`" if is_compiled else "without `torch.compile`, which was not tried"
    how = ", imitated ([how](benchmarks/imitated_cpu.py))" if emulated["machine"]["imitated"] else ""
    minutes = [reproduce_minutes("cpu"), reproduce_minutes("cpu", slowdowns(native, emulated))]
    return [
        (
            "Training on a CPU in bf16, two workers side by side, tokens per CPU second, same shapes and data, with"
            f" bf16 instructions ({native['machine']['cpu']}, {_link('train_cpu')})"
        ),
        (
            f"and without, where ours emulates bf16 ({emulated['machine']['cpu']}{how},"
            f" {_link('train_cpu_without_bf16')}{emulated.get('note', '')}). Peers take the best of fp32, bf16, two"
            f" workers and two threads, {compiled}.{_mkl_note(native)}"
        ),
        (
            f"Training, scoring and pass rates of `make reproduce` by the profile's cost table: about {minutes[0]:.0f}"
            f" minutes on two cores with the instructions, about {minutes[1]:.0f} without (estimated from these"
            " speeds)."
        ),
        "",
        *_speeds(native, emulated),
    ]


def _mkl_note(native: dict) -> str:
    """What a reader with a CPU of Intel must know of a table taken on one of AMD: MKL multiplies the peers' fp32 there
    with its older kernels."""
    if "AMD" not in native["machine"]["cpu"]:
        return ""
    return (
        " On a CPU of AMD, MKL multiplies with its AVX2 kernels, which slows the peers; the columns without bf16 give"
        " every tool its AVX-512 kernels, so expect a ratio between the two on a CPU of Intel."
    )


def _speeds(*tables: dict) -> list[str]:
    """One table of both kinds of CPU side by side."""
    tools = list(dict.fromkeys(row["tool"] for row in tables[0]["rows"]))
    rows = []
    for size in dict.fromkeys(row["size"] for row in tables[0]["rows"]):
        cells = []
        for out in tables:
            of_size = {row["tool"]: row for row in out["rows"] if row["size"] == size}
            cells += [f"{of_size[tool]['tokens_per_second']:,}" for tool in tools] + [
                f"{of_size['ours']['ratio_to_best_peer']:.2f}"
            ]
        rows.append([size, *cells])
    return _table(
        ["parameters", *tools, "ours / best peer", *(f"without: {tool}" for tool in tools), "ours / best peer"], rows
    )


def scoring() -> list[str]:
    """Items per second of scoring against lm-evaluation-harness, fp32."""
    rows = [row for row in _read("evaluation")["rows"] if row["precision"] == "fp32"]

    def ratios(*tasks: str) -> str:
        return _span([row["ratio"] for row in rows if row["task"] in tasks], 1)

    return [
        f"Scoring against lm-evaluation-harness, items per CPU second, fp32 ({_link('evaluation')}):",
        (
            f"choice tasks {ratios(*CHOICE)} times its rate, generated answers {ratios(*GENERATED)} times, five tasks"
            f" together {ratios('all')} times:"
        ),
        "short of the tenfold that was aimed at, since both are bound by the same products.",
    ]


def attempts() -> list[str]:
    """Attempts per second of PassUntil against transformers.generate: by attempts per item, and how the gain falls with
    length and entropy."""
    out = _read("passuntil")
    shared, sampled = ([row for row in out["rows"] if row["method"] == method] for method in ("shared", "sampled"))
    groups: dict[str, Callable[[dict], bool]] = {
        "answers known exactly": lambda row: row["is_exact_answer"],
        "program synthesis": lambda row: row["task"] == "program_synthesis",
        "maths, worked": lambda row: row["task"] == "maths",
    }
    counts = sorted({row["attempts_per_item"] for row in shared})
    rows = []
    for count in counts:
        of_count = [row for row in shared if row["attempts_per_item"] == count]
        rows.append(
            [
                f"{count:,}",
                *(_span([row["ratio_to_best_peer"] for row in of_count if is_in(row)]) for is_in in groups.values()),
            ]
        )
    falls = [row for row in out["length_and_entropy"] if row["temperature"] == 1]
    falling = ", ".join(
        f"{row['ratio_to_best_peer']:.{0 if row['ratio_to_best_peer'] > 10 else 1}f} times at {row['max_new_tokens']}"
        f" tokens and {row['attempt_entropy_nats']:.0f} nats"
        for row in falls
    )
    size = f"{out['model']['num_nonembedding_parameters'] / 1e6:.1f}M parameters"
    return [
        (
            f"PassUntil against batched, cached `transformers.generate` with the same model ({size}), attempts per CPU"
            f" second ({_link('passuntil')}):"
        ),
        (
            f"drawn one by one, {_span([row['ratio_to_best_peer'] for row in sampled], 1)} times its rate; on shared"
            " prefixes, by attempts per item:"
        ),
        "",
        *_table(["attempts per item", *groups], rows),
        "",
        (
            f"The gain falls with length and entropy. Any text, nothing to drop, {falls[0]['attempts_per_item']:,}"
            f" attempts: {falling}."
        ),
    ]


def text() -> str:
    """The whole section."""
    return "\n".join([*training(), "", *scoring(), "", *attempts()])


def with_new_tables(readme: str) -> str:
    """README with the section made anew. ValueError where a mark is missing."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        raise ValueError(f"README.md: the marks {BEGIN!r} and {END!r} must stand in it once each")
    before, rest = readme.split(BEGIN)
    return f"{before}{BEGIN}\n{text()}\n{END}{rest.split(END)[1]}"


def main() -> None:
    """Write README.md."""
    path = ROOT / "README.md"
    path.write_text(with_new_tables(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The benchmarks of the public tables: name, chance level and number of items, in one place.

Chance is what the best trivial guesser scores: one over the number of options, and on BoolQ the share of "yes", since
models below any ability answer "yes" throughout. Upstream tables name some of them wrongly; CORRECTIONS says which.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Benchmark:
    """name for people; chance: what a guesser scores, as a share; num_items of the split that the tables use."""

    name: str
    chance: float
    num_items: int


BENCHMARKS = {
    "mmlu": Benchmark("MMLU", 1 / 4, 14042),
    "hellaswag": Benchmark("HellaSwag", 1 / 4, 10042),
    "arc_easy": Benchmark("ARC-easy", 1 / 4, 2376),
    "arc_challenge": Benchmark("ARC-challenge", 1 / 4, 1172),
    "csqa": Benchmark("CommonsenseQA", 1 / 5, 1221),
    "openbookqa": Benchmark("OpenBookQA", 1 / 4, 500),
    "socialiqa": Benchmark("SocialIQA", 1 / 3, 1954),
    "piqa": Benchmark("PIQA", 1 / 2, 1838),
    "boolq": Benchmark("BoolQ", 2033 / 3270, 3270),
    "winogrande": Benchmark("WinoGrande", 1 / 2, 1267),
    "sciq": Benchmark("SciQ", 1 / 4, 1000),
    "logiqa": Benchmark("LogiQA", 1 / 4, 651),
    "lambada": Benchmark("LAMBADA", 0.0, 5153),
    "copa": Benchmark("COPA", 1 / 2, 100),
    "winograd": Benchmark("Winograd", 1 / 2, 273),
    "squad": Benchmark("SQuAD", 0.0, 10570),
    "coqa": Benchmark("CoQA", 0.0, 7983),
    "jeopardy": Benchmark("Jeopardy", 0.0, 2117),
    "wikidata": Benchmark("BIG-bench QA Wikidata", 0.0, 20321),
}

# (source, what it says, what stands here, why)
CORRECTIONS = (
    ("gadre", "siqa: random baseline 50", "1/3", "SocialIQA has three options"),
    ("gadre", "commonsense_qa: random baseline 25", "1/5", "CommonsenseQA has five options"),
    ("gadre", "arc_challenge: 2,376 items", "1,172", "2,376 is the number of items of ARC-easy"),
    ("olmo", "boolq: chance 1/2", "2033/3270", "the share of yes, which models below any ability always answer"),
)

"""Single tamperings of code, profiles, pipelines and locks; tamperings_of_results.py has those of results."""

from tests.tampered_files import (
    Change,
    append,
    conflict,
    csv_cell,
    cut,
    delete,
    edit_lock,
    json_entry,
    replace,
    together,
    write,
)

CPU, FULL = "results/cpu", "results/full"
LOCKS = {"cpu": "dvc.lock", "full": "profiles/full/dvc.lock"}
README = "README.md"


def _stage(content: dict, name: str = "measure_loss@loss_tab2_correlations") -> dict:
    return content["stages"][name]


def of_locks() -> dict[str, Change]:
    """Everything that can be done to a lock, twice: the default profile's and a headline profile's."""
    edits = {
        "another schema": lambda content: content.update(schema="1.0"),
        "a stage less": lambda content: content["stages"].pop("draw@loss_tab2_correlations"),
        "a stage more": lambda content: content["stages"].update(more={"cmd": "true"}),
        "no stages": lambda content: content.update(stages={}),
        "outs: []": lambda content: _stage(content).update(outs=[]),
        "no outs": lambda content: _stage(content).pop("outs"),
        "an out less": lambda content: _stage(content)["outs"].pop(),
        "an out twice": lambda content: _stage(content)["outs"].append(dict(_stage(content)["outs"][0])),
        "a foreign out": lambda content: _stage(content)["outs"].append({"path": "LICENSE", "md5": "0" * 32}),
        "deps: []": lambda content: _stage(content).update(deps=[]),
        "a dep less": lambda content: _stage(content)["deps"].pop(0),
        "a dep more": lambda content: _stage(content)["deps"].append({"path": "Makefile", "md5": "0" * 32}),
        "another cmd": lambda content: _stage(content).update(cmd="true"),
        "no params": lambda content: _stage(content, "scores").pop("params"),
        "a section less": lambda content: next(iter(_stage(content, "scores")["params"].values())).pop("evaluation"),
        "a section more": lambda content: next(iter(_stage(content, "scores")["params"].values())).update(name="x"),
        "another param": (
            lambda content: next(iter(_stage(content, "train_loss")["params"].values()))["training"].update(beta1=0.8)
        ),
        "another file of params": lambda content: _stage(content, "train_loss").update(params={"params.yaml": {}}),
        "hash of code": lambda content: _stage(content)["deps"][0].update(md5="0" * 32),
        "hash of an out": lambda content: _stage(content)["outs"][0].update(md5="0" * 32),
        "no hash": lambda content: _stage(content)["outs"][0].pop("md5"),
        "size": lambda content: _stage(content)["outs"][0].update(size=1),
        "number of files": lambda content: _stage(content, "train_loss")["deps"][0].update(nfiles=1),
    }
    found = {}
    for profile, file in LOCKS.items():
        found |= {f"lock of {profile}: {name}": edit_lock(file, edit) for name, edit in edits.items()}
        found |= {
            f"lock of {profile}: deleted": delete(file),
            f"lock of {profile}: empty": write(file, ""),
            f"lock of {profile}: cut": cut(file),
            f"lock of {profile}: conflict marks": conflict(file),
            f"lock of {profile}: a list": write(file, "- a\n- b\n"),
            f"lock of {profile}: no text": write(file, b"\xff\xfe\x00"),
            f"lock of {profile}: a key twice": append(file, "schema: '2.0'\n"),
            f"lock of {profile}: gone, and a verdict": together(
                delete(file), json_entry(VERDICTS[profile], "verdict", "never")
            ),
        }
    return found


VERDICTS = {"cpu": "results/cpu/verdicts.json", "full": f"{FULL}/verdicts.json"}

CODE = {
    **{
        f"code of {path}": append(path)
        for path in (
            "analysis/onset/threshold.py",
            "corpus/world.py",
            "evaluation/scoring/log_likelihoods.py",
            "kernels/rms_norm.py",
            "models/gpt.py",
            "tasks/maths.py",
            "experiments/style/stage.py",
            "experiments/style/plotting.py",
            "experiments/tables/scores.py",
            "ladder/training.py",
            "experiments/loss_tab2_correlations/measure.py",
            "experiments/loss_tab2_correlations/plot.py",
            "paper/claims.py",
            "paper/verdicts.py",
            "paper/report.py",
        )
    },
    "a new file in a room": write("analysis/extra.py", '"""More."""\n'),
    "a file less in a room": delete("analysis/growth.py"),
    "a criterion": replace("paper/claims.yaml", "criterion: {at_most: 0.5}", "criterion: {at_most: 0.95}"),
    "a claim's words": replace("paper/claims.yaml", "without a jump", "with a jump"),
    "text of the report": append("paper/report_source.md", "More.\n"),
    "a published number": csv_cell("paper/published/table2_correlations.csv", 3, "value"),
    "what DVC ignores": append(".dvcignore", "analysis/onset/threshold.py\n"),
}

PLANS = {
    **{
        f"profile {profile}: {old}": replace(f"profiles/{profile}.yaml", old, new)
        for profile in LOCKS
        for old, new in (
            ("beta2: 0.95", "beta2: 0.99"),
            ("world_seed: 0", "world_seed: 1"),
            ("d_ff: 96", "d_ff: 97"),
            ("num_items: 150", "num_items: 151"),
            ("held_out: [0.7M, 1M]", "held_out: [1M]"),
        )
    },
    "profile cpu: damaged": write("profiles/cpu.yaml", "name: [cpu\n"),
    "profile cpu: empty": write("profiles/cpu.yaml", ""),
    "profile full: gone": delete("profiles/full.yaml"),
    "a profile's results without a profile": write("results/other/scores.csv", "1\n"),
    "params.yaml: another default": replace("params.yaml", "profile: cpu", "profile: smoke"),
    "params.yaml: headline of no profile": replace("params.yaml", "L: full", "L: fill"),
    "params.yaml: headline of a profile without results": replace("params.yaml", "P: full", "P: h200"),
    "params.yaml: damaged": write("params.yaml", "profile: cpu\nheadline: [\n"),
    "data.dvc: gone": delete("data.dvc"),
    "data.dvc: empty": write("data.dvc", ""),
    "data.dvc: cut": cut("data.dvc"),
    "data.dvc: hash": replace("data.dvc", "md5: 9", "md5: 8"),
    "data.dvc: size": replace("data.dvc", "size: 5", "size: 6"),
    "data.dvc: path": replace("data.dvc", "path: data", "path: date"),
    "data.dvc: cache": replace("data.dvc", "cache: false", "cache: true"),
    **{
        f"{file}: {name}": change
        for file in ("dvc.yaml", "profiles/full/dvc.yaml")
        for name, change in {
            "cmd": replace(file, "train loss --here", "train loss"),
            "gone": delete(file),
            "conflict marks": conflict(file),
            "a dependency less": replace(file, "deps: [kernels, models, ", "deps: [models, "),
        }.items()
    },
}

"""Paper P's series: train them, measure their pass rates, and measure the long runs of paper L on the tasks with a
threshold.

    python -m ladder.series train --profile cpu        stage `train_series`
    python -m ladder.series measure --profile cpu      stage `pass_rates`
    python -m ladder.series thresholds --profile cpu   stage `threshold_pass_rates`
    python -m ladder.series run --profile full         train and measure, each run as soon as it is trained; for long ladders
    python -m ladder.series accept --profile cpu       after a change of the engine that its tests prove neutral: rows stay

What is finished is skipped and what was interrupted goes on with the same numbers, so any of these may be stopped and
started again.
One start at a time works on a profile; a second one says who does.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable

from files.atomic import atomic_write
from files.lock import Lock
from ladder.campaign import (
    Campaign,
    accept_code,
    join_runs,
    merge_run,
    series_campaign,
    stored_score_losses,
    tasks_left,
    threshold_campaign,
    tidy_journals,
    write_losses,
)
from ladder.cost import checkpoint_bytes, describe_training, probe_machine, require_disk
from ladder.pass_rates import measure_task, validation_loss
from ladder.pool import Job, Outcome
from ladder.progress import duration
from ladder.sweep import EXIT_FAILED, PRELOAD, conclude, hold, train_jobs, work
from ladder.training import num_workers, runs_to_train, use_one_device, write_runs_table
from profiles.paths import Paths
from profiles.profile import Profile, add_profile_option, load_profile, run_command

MEASURE_PRELOAD = (*PRELOAD, "ladder.campaign")


def measure_job(payload: tuple[Campaign, str, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: measure one run on one task, or go on where it was stopped. Returns one line about it."""
    campaign, name, task = payload
    device = use_one_device(slot, campaign.ladder.profile.sweep.workers_per_gpu)
    ladder = campaign.ladder
    num_rows = measure_task(
        ladder.data(name), ladder.runs[name], campaign.asked(name, task), campaign.journal(name, task), report, device
    )
    return f"{num_rows} rows"


def losses_job(payload: tuple[Campaign, str], report: Callable[[float], None], slot: int) -> str:
    """Worker: validation loss of every checkpoint of a run. Returns one line about it."""
    campaign, name = payload
    use_one_device(slot, campaign.ladder.profile.sweep.workers_per_gpu)
    data, losses = campaign.ladder.data(name), {}
    paths = sorted((campaign.ladder.folder(name) / "checkpoints").glob("*.safetensors"))
    for path in paths:
        tokens_seen, loss_nats, weight_hash = validation_loss(data, path)
        losses[tokens_seen] = (loss_nats, weight_hash)
        report(len(losses) / len(paths))
    write_losses(campaign, name, losses)
    return f"{len(losses)} checkpoints, best loss {min(loss for loss, _ in losses.values()):.3f} nats"


def measure_jobs(campaign: Campaign, left: dict[str, list[str]], after_training: bool = False) -> list[Job]:
    """One job per run and task, and one per run for the losses of its checkpoints where they are not known from its
    scores."""
    jobs, share = [], 1.0 / len(campaign.methods)
    for name, tasks in left.items():
        needs = (name,) if after_training else ()
        run = campaign.ladder.runs[name]
        seconds = campaign.core_seconds[run.size] * (run.num_checkpoints if campaign.every_checkpoint else 1)
        if tasks and not campaign.every_checkpoint:
            # First, because no row is taken into the file of a run before the loss of its checkpoint is known.
            jobs.append(Job(f"losses of {name}", 0.2 * share * seconds, losses_job, (campaign, name), needs))
            needs = (f"losses of {name}",)
        jobs += [
            Job(f"{task} of {name}", share * seconds, measure_job, (campaign, name, task), needs) for task in tasks
        ]
    return jobs


def train_command(arguments: argparse.Namespace, lock: Lock, with_measuring: bool = False) -> int:
    """Train what is not trained yet; with_measuring: measure every run as soon as it is trained."""
    profile = load_profile(arguments.profile)
    campaign = series_campaign(profile)
    ladder, workers, factor = campaign.ladder, num_workers(profile), 1.0
    measured = (
        {name for name in campaign.names if not tasks_left(campaign, name, any_code=True)}
        if profile.sweep.reuse_scores
        else set()
    )
    names = runs_to_train(ladder, measured)
    ladder.paths.runs.mkdir(parents=True, exist_ok=True)
    if names:
        require_disk(ladder.paths.runs, checkpoint_bytes(ladder, names))
        machine = probe_machine(ladder.profile, [ladder.runs[name] for name in names], workers, PRELOAD)
        print(describe_training(ladder, names, workers, machine), flush=True)
        factor = machine.factor
    else:
        print(f"training: all {len(ladder.runs)} runs of the series are finished", flush=True)
    jobs = train_jobs(ladder, names, factor)
    if with_measuring:
        say_faults(campaign)
        jobs += measure_jobs(
            campaign, {name: tasks_left(campaign, name) for name in campaign.names}, after_training=True
        )
    outcome = work(
        ladder, f"{profile.name}: series", jobs, workers, arguments.minutes, lock, merge_on_finish(campaign, jobs)
    )
    write_runs_table(ladder)
    if with_measuring:
        write_tables(campaign)
    return conclude(outcome, f"python -m ladder.series {arguments.command} --profile {profile.name}")


def say_faults(campaign: Campaign) -> None:
    """Name the rows of journals that have to be measured again, one line each."""
    for name in campaign.names:
        for fault in tidy_journals(campaign, name):
            print(fault, file=sys.stderr, flush=True)


def merge_on_finish(campaign: Campaign, jobs: Iterable[Job]) -> Callable[[str], None]:
    """What the pool calls at the end of a job: take what was measured into the file of its run."""
    run_of = {job.name: job.payload[1] for job in jobs if isinstance(job.payload[0], Campaign)}

    def on_finish(job: str) -> None:
        if job in run_of:
            merge_run(campaign, run_of[job])

    return on_finish


def measure_command(arguments: argparse.Namespace, lock: Lock, make_campaign: Callable[[Profile], Campaign]) -> int:
    """Measure what is trained and not measured yet, then join all runs."""
    profile = load_profile(arguments.profile)
    campaign = make_campaign(profile)
    say_faults(campaign)
    for name in campaign.names:
        if campaign.every_checkpoint and campaign.ladder.is_trained(name) and tasks_left(campaign, name):
            write_losses(campaign, name, stored_score_losses(campaign, name))
        merge_run(campaign, name)
    left = {
        name: tasks
        for name in campaign.names
        if campaign.ladder.is_trained(name) and (tasks := tasks_left(campaign, name))
    }
    jobs, workers = measure_jobs(campaign, left), num_workers(profile)
    print(
        f"measuring pass rates of {len(left)} runs of {len(campaign.names)} on {len(campaign.methods)} tasks, up to"
        f" {campaign.sampling.cap:,} attempts an item: about {duration(sum(job.cost for job in jobs) / workers)} on"
        f" {workers} workers",
        flush=True,
    )
    outcome = work(
        campaign.ladder,
        f"{profile.name}: pass rates",
        jobs,
        workers,
        arguments.minutes,
        lock,
        merge_on_finish(campaign, jobs),
        MEASURE_PRELOAD,
    )
    absent = write_tables(campaign)
    code = conclude(outcome, f"python -m ladder.series {arguments.command} --profile {profile.name}")
    if absent and not code:
        print(
            f"error: {len(absent)} of {len(campaign.names)} runs have no pass rates ({absent[0]} ...);"
            f" {advice(campaign, absent)}",
            file=sys.stderr,
        )
        return EXIT_FAILED
    return code


def advice(campaign: Campaign, absent: list[str]) -> str:
    """What gives pass rates to the runs that have none."""
    profile = campaign.ladder.profile.name
    if trained := [name for name in absent if campaign.ladder.is_trained(name)]:
        return (
            f"{trained[0]} is trained: delete {campaign.journal(trained[0], '').parent} and start the same command"
            " again"
        )
    return (
        f"train them with `python -m experiments.{'sweep' if campaign.every_checkpoint else 'series'} train --profile"
        f" {profile}`"
    )


def write_tables(campaign: Campaign) -> list[str]:
    """Write the tables of all runs; the runs that are not measured whole."""
    losses, absent = join_runs(campaign)
    if len(losses) and not campaign.every_checkpoint:
        atomic_write(campaign.ladder.paths.series_losses, losses.to_csv(index=False, lineterminator="\n").encode())
    return absent


def main(arguments: argparse.Namespace) -> int:
    """Run one subcommand."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        profile = load_profile(arguments.profile)
        with hold(Paths(profile.name)) as lock:
            if arguments.command == "measure":
                return measure_command(arguments, lock, series_campaign)
            if arguments.command == "thresholds":
                return measure_command(arguments, lock, threshold_campaign)
            if arguments.command == "accept":
                accepted = [
                    name for make in (series_campaign, threshold_campaign) for name in accept_code(make(profile))
                ]
                print(f"{len(accepted)} runs keep their pass rates")
                return 0
            return train_command(arguments, lock, with_measuring=arguments.command == "run")
    except KeyboardInterrupt:
        return conclude(
            Outcome(is_stopped=True), f"python -m ladder.series {arguments.command} --profile {arguments.profile}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m ladder.series", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("train", "measure", "run", "thresholds", "accept"))
    add_profile_option(parser)
    parser.add_argument("--minutes", type=float, default=None, help="stop after so many minutes; a later start goes on")
    run_command(main, parser)

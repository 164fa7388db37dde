"""What a worker reads: the token stream of a seed, the validation set and the items of a profile's data folder."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from corpus import token_file, tokenizer
from files.tables import read_json
from profiles.profile import Profile

HASHED_TOKENS = (
    token_file.CHUNK_TOKENS
)  # the first chunk: any change of world, mixture, documents or tokenizer shows there


@dataclass(frozen=True)
class Data:
    """The data folder of a profile, opened lazily; every error is one line that names the file.

    With `series` it is a series of paper P, with `further` a further mixture of paper L: tokenizer and items lie in
    `folder`, its streams in a folder of its own there.
    """

    profile: Profile
    folder: Path
    series: str | None = None
    further: str | None = None

    @property
    def mixture(self) -> str:
        """Name of the mixture of documents that the stream is drawn from."""
        if self.series:
            return self.profile.passuntil.series[self.series]
        return self.further or self.profile.corpus.mixture

    @property
    def streams(self) -> Path:
        """Folder of the frozen streams and of the validation set."""
        return self.folder / (self.series or self.further or "")

    @cached_property
    def manifest(self) -> dict:
        """What `python -m corpus` wrote about itself."""
        path = self.folder / "manifest.json"
        build = f"build it with `python -m corpus --profile {self.profile.name}`"
        if not path.exists():
            raise ValueError(f"{path}: no such file; {build}")
        manifest = read_json(path, str(path), build)
        hashes = manifest.get("sha256")
        if not isinstance(hashes, dict) or not isinstance(manifest.get("mixtures", {}), dict):
            raise ValueError(f"{path}: field sha256 is missing or field mixtures is no mapping; {build}")
        mixture = manifest.get("mixtures", {}).get(self.series) if self.series else manifest.get("mixture")
        if self.further in manifest.get("further_mixtures", ()):
            mixture = self.further
        for field, found, asked in (
            ("world_seed", manifest.get("world_seed"), self.profile.corpus.world_seed),
            ("mixture", mixture, self.mixture),
        ):
            if found != asked:
                raise ValueError(
                    f"{path}: field {field} is {found!r}, profile {self.profile.name} says {asked!r}; {build}"
                )
        return manifest

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The frozen tokenizer, checked against the manifest."""
        loaded = tokenizer.load_tokenizer(self.folder / "tokenizer.json")
        if tokenizer.fingerprint(loaded) != self.manifest["tokenizer"]:
            raise ValueError(
                f"{self.folder / 'tokenizer.json'}: is not the tokenizer that manifest.json names; "
                f"rebuild with `python -m corpus --profile {self.profile.name}`"
            )
        return loaded

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the tokenizer."""
        return tokenizer.fingerprint(self.tokenizer)

    def source(self, seed: int, num_tokens: int) -> token_file.TokenSource:
        """The stream of a seed: the frozen file where it holds `num_tokens`, drawn on the fly otherwise; the same
        tokens."""
        path = self.streams / f"train_{seed}.bin"
        if path.exists():
            frozen = token_file.TokenFile(path, self.fingerprint)
            if len(frozen) >= num_tokens:
                return frozen
        # Only here: training from frozen files depends on no generator. What a live stream is, its hash says, which
        # stands in the recipe of every run and in data.json.
        from ladder.live_stream import open_stream

        return open_stream(self.profile.corpus.world_seed, self.mixture, self.tokenizer, seed)

    def batches(self, seed: int, num_tokens: int) -> Callable[[int], Iterator[np.ndarray]]:
        """batches(start_step) for models.train: [B, T + 1] uint16 per step, the same for every size."""
        shared = self.profile.training
        source = self.source(seed, num_tokens + 1)
        return lambda start_step: token_file.batches(source, shared.batch_sequences, shared.sequence_length, start_step)

    def stream_hash(self, seed: int) -> str:
        """Hash of the beginning of a seed's stream: part of the recipe of every run that reads it."""
        return hashlib.sha256(self.source(seed, HASHED_TOKENS).tokens(0, HASHED_TOKENS).tobytes()).hexdigest()[:16]

    def validation(self) -> token_file.ValidationSet:
        """The fixed validation set."""
        return token_file.load_validation(self.streams / "validation.bin", self.fingerprint)

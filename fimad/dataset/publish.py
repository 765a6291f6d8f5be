"""`fimad publish`: a finished dataset to the Hugging Face hub, or to a folder that is uploaded elsewhere (Zenodo)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fimad.dataset.manifest import NAME, is_shard, read_manifest
from fimad.errors import ConfigError, DatasetError, SetupError
from fimad.storage.store import LocalStore, open_store

# The manifest names the shards, the other two follow from it; readers begin at the manifest, so that it goes last.
_PAGES = ("README.md", "croissant.json", NAME)
_HUB = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)/?")
_MEDIA = {
    ".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".ts", ".flv", ".wav", ".mp3", ".m4a", ".ogg", ".opus", ".flac",
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp",
}  # fmt: skip
# What `_Folder.bring` was copying when it was killed; it is written over.
_PART = re.compile(r"[.].+[.]part")
_BLOCK_BYTES = 1024**2


@dataclass
class Publication:
    """What publishing does, or would do.

    Attributes
    ----------
    upload, keep, delete : names of files that are new or changed, there already, and no longer part of the dataset.
    left_out : files of the folder that are not part of the dataset.
    upload_bytes : what is sent.
    """

    target: str
    upload: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    upload_bytes: int = 0


def publish(
    path: str,
    target: str,
    *,
    dry_run: bool = True,
    media: bool = False,
    private: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Publication:
    """Bring a dataset's files to ``hf://datasets/USER/NAME`` or into a folder; shards that are there already stay.

    It can be interrupted at any place and called again. Shards go first, the manifest last, and shards of videos that were
    taken down are deleted together with it; on the hub the history is squashed then, so that they can't be had from it.

    Parameters
    ----------
    dry_run : only say what would be done.
    media : also bring pictures, sound and video that lie in the folder; without it they are refused.
    private : whether a repository that is made is private.
    tell : called with a line for each step.

    Raises
    ------
    DatasetError : there is no dataset, or a file of it is missing or damaged.
    ConfigError : the target is neither, or there are media files.
    SetupError : huggingface_hub is missing, or the hub refuses.
    """
    store = open_store(path)
    if not isinstance(store, LocalStore):
        raise ConfigError(
            f"{path!r} is not a folder.",
            "Files are published from this machine.",
            "Copy the dataset here first: fimad publish FOLDER",
        )
    folder = Path(store.url)
    files = _files(folder, read_manifest(store), media)
    hub = _HUB.fullmatch(target)
    if hub is None and "://" in target:
        raise ConfigError(
            f"{target!r} is no address to publish to.",
            "It is neither on the Hugging Face hub nor a folder.",
            "For example: hf://datasets/USER/NAME, or a folder for Zenodo.",
        )
    place = _Hub(hub[1], private) if hub is not None else _Folder(Path(target), folder)
    there = place.hashes()
    _check_target(target, there, files, in_folder=hub is None)
    about = Publication(target, left_out=_others(folder, files))
    for name, sha256 in files.items():
        same = there.get(name) in (sha256, _blob_id(folder / name)) if name in there else False
        (about.keep if same else about.upload).append(name)
    about.delete = sorted(name for name in there if is_shard(name) and name not in files)
    about.upload_bytes = sum((folder / name).stat().st_size for name in about.upload)
    if not dry_run and (about.upload or about.delete):
        place.begin()
        shards = [name for name in about.upload if name not in _PAGES]
        for number, name in enumerate(shards, start=1):
            tell(f"{number} of {len(shards)}: {name}")
            place.bring(folder, [name], [])
        place.bring(folder, [name for name in _PAGES if name in about.upload], about.delete)
    return about


def _check_target(target: str, there: dict[str, str], files: dict[str, str], *, in_folder: bool) -> None:
    """Raise `ConfigError` where files that are not a dataset's would be written over or deleted.

    Publishing that was broken off leaves shards without a manifest; a repository of the hub has a README from its beginning.
    """
    if NAME in there:
        return
    foreign = sorted(
        name
        for name, digest in there.items()
        if (name.startswith("data/") or (in_folder and name in _PAGES)) and digest != files.get(name)
    )
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise ConfigError(
            f"{target} holds {', '.join(foreign[:3])}{more}, and no dataset of fimad.",
            "It is used for something else, or an older version of the dataset was brought there in part.",
            "Give a new folder or repository, or take those files away first.",
            reason="not_a_dataset",
        )


def _files(folder: Path, manifest: dict[str, Any], media: bool) -> dict[str, str]:
    """SHA-256 of the files that are published, by name, the pages last; each is as the manifest says."""
    files = {}
    for shard in manifest["shards"]:
        files[shard["name"]] = _hash(folder / shard["name"])
        if files[shard["name"]] != shard["sha256"]:
            raise DatasetError(
                f"{shard['name']} is not what the manifest says.",
                "It was damaged, or packing is going on.",
                "Run `fimad verify`, and build again.",
                reason="shard_damaged",
            )
    found = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.suffix.lower() in _MEDIA and file.is_file()
    )
    if found and not media:
        raise ConfigError(
            f"{found[0]!r} is a picture, sound or video{f', and {len(found) - 1} more files are' if len(found) > 1 else ''}.",
            "A dataset of fimad holds features only: publishing media needs the right to do so.",
            "Move them out of the folder, or say `--with-media` if every one may be published.",
        )
    return {**files, **{name: _hash(folder / name) for name in [*found, *_PAGES]}}


def _others(folder: Path, files: dict[str, str]) -> list[str]:
    every = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return sorted(name for name in every if name not in files)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path.name} is missing.", "The dataset was copied in part.", "Run `fimad verify`.", reason="file_missing"
        ) from error
    return digest.hexdigest()


def _blob_id(path: Path) -> str:
    """Git's name for a file that it keeps itself; not used for security."""
    data = path.read_bytes() if path.stat().st_size < 10 * _BLOCK_BYTES else b""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class _Folder:
    """Another folder."""

    def __init__(self, target: Path, source: Path) -> None:
        self._target = target.expanduser().absolute()
        if self._target == source or source in self._target.parents:
            raise ConfigError(
                f"{str(target)!r} is the dataset itself, or lies in it.",
                "It would become a part of what is published.",
                "Give a folder beside the dataset.",
            )

    def hashes(self) -> dict[str, str]:
        files = (file for file in self._target.rglob("*") if file.is_file()) if self._target.is_dir() else iter(())
        named = {file.relative_to(self._target).as_posix(): file for file in files if not _PART.fullmatch(file.name)}
        return {name: _hash(file) for name, file in named.items()}

    def begin(self) -> None:
        self._target.mkdir(parents=True, exist_ok=True)

    def bring(self, folder: Path, names: list[str], delete: list[str]) -> None:
        for name in names:
            place = self._target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_name(f".{place.name}.part")
            shutil.copyfile(folder / name, part)
            os.replace(part, place)
        for name in delete:
            (self._target / name).unlink(missing_ok=True)


class _Hub:
    """A dataset's repository on the hub; `HF_ENDPOINT` and the saved login count."""

    def __init__(self, repository: str, private: bool) -> None:
        try:
            import huggingface_hub
        except ImportError as error:
            raise SetupError(
                "The hub can't be reached: huggingface_hub is not installed.",
                "It is an extra.",
                "pip install 'fimad[publish]'",
                reason="huggingface_hub",
            ) from error
        self._hub = huggingface_hub
        self._api = huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        self._repository, self._private = repository, private

    def hashes(self) -> dict[str, str]:
        """SHA-256 of files in large-file storage, Git's own hash of others."""
        try:
            entries = list(self._api.list_repo_tree(self._repository, repo_type="dataset", recursive=True))
        except self._hub.errors.RepositoryNotFoundError:
            return {}
        except (self._hub.errors.HfHubHTTPError, OSError) as error:
            raise self._refused(error) from error
        return {
            each.path: each.lfs.sha256 if each.lfs else each.blob_id
            for each in entries
            if isinstance(each, self._hub.hf_api.RepoFile)
        }

    def begin(self) -> None:
        with self._told():
            self._api.create_repo(self._repository, repo_type="dataset", private=self._private, exist_ok=True)

    def bring(self, folder: Path, names: list[str], delete: list[str]) -> None:
        operations: list[Any] = [self._hub.CommitOperationAdd(name, str(folder / name)) for name in names]
        operations += [self._hub.CommitOperationDelete(name) for name in delete]
        if not operations:
            return
        with self._told():
            version = json.loads((folder / NAME).read_bytes())["version"]
            self._api.create_commit(
                self._repository,
                operations,
                repo_type="dataset",
                commit_message=f"Version {version}: {names[-1] if names else 'files taken away'}",
            )
            if delete:
                # What was taken down must not stay in the history.
                self._api.super_squash_history(self._repository, repo_type="dataset")

    def _told(self) -> _Told:
        return _Told(self)

    def _refused(self, error: BaseException) -> SetupError:
        return SetupError(
            f"The hub did not take it: {str(error).splitlines()[0][:200] if str(error) else error!r}.",
            "There is no login, no right to write there, or no connection.",
            "Log in with `hf auth login`, check the name, and repeat the command: what arrived stays.",
            reason="hub",
        )


class _Told:
    """Errors of the hub in three parts."""

    def __init__(self, hub: _Hub) -> None:
        self._hub = hub

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (self._hub._hub.errors.HfHubHTTPError, OSError)):
            raise self._hub._refused(error) from error


def lines(about: Publication, dry_run: bool) -> Iterator[str]:
    """What was done, or would be, in words."""
    would = "would be " if dry_run else ""
    yield f"{len(about.upload)} files ({about.upload_bytes / 1e6:.1f} MB) {would}brought to {about.target}, {len(about.keep)} are there already."
    if about.delete:
        yield f"{len(about.delete)} files of an earlier version {would}taken away: {', '.join(about.delete[:3])}"
    if about.left_out:
        yield f"Not part of the dataset, and left out: {', '.join(about.left_out[:5])}"

"""Faults of bundles: damaged, from a later version, unsigned, of another contract; each as a challenger and as the champion."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.rollout_faults.surroundings import sign
from benchmarks.rollout_faults.tried_service import TriedService
from benchmarks.rollout_faults.versions import Damage, store_version, tag_of, without_last_feature
from rollout.document import Challenger, Step
from tabento.bundle.checksums import file_sha256
from tabento.bundle.format import CARD_FILE, MANIFEST_FILE, MODEL_FILE
from tabento.bundle.signature import sign_bundle
from tabento.bundle.signing_key import new_signing_key
from tests.rollout.cascade.object_folders import flip_byte

Act = Callable[[TriedService], None]
ALL_TRAFFIC = (Step(share=1.0),)


def refusal_of(damage: Damage | None, *words: str) -> Act:
    """Return a fault: a bundle of the local store that is refused for good, until another version is wanted.

    Args:
        damage: gives the bundle its fault; None: its contract has a feature less.
        words: words of the reason.
    """

    def act(service: TriedService) -> None:
        if damage is None:
            folder = store_version("broken", without_last_feature())
        else:
            folder = store_version("broken")
            sign(service.around, folder)
            damage(folder)
        service.want(challenger=Challenger(tag=tag_of("broken"), mode="canary", steps=ALL_TRAFFIC))
        service.expect_fault(*words)
        service.want("broken")
        service.expect_fault(*words)
        sign(service.around, store_version("v2"))
        service.want("v2")
        service.expect_live("v2")
        service.want("v1")
        service.expect_live("v1")

    return act


def refused_until_stored_again(service: TriedService) -> None:
    """Want a bundle with a flipped byte, and store the right bundle under the same tag: the next change tries it again."""
    flip_byte(store_version("v2"))
    service.want("v2")
    service.expect_fault("was changed after the bundle was sealed")
    store_version("v2")
    service.want("v1")
    service.expect_live("v1")
    service.want("v2")
    service.expect_live("v2")
    service.want("v1")
    service.expect_live("v1")


def replace_graph(folder: Path) -> None:
    """Seal a bundle whose graph is not one."""
    (folder / MODEL_FILE).write_bytes(b"not a graph")
    _seal(folder, MODEL_FILE)


def remove_signature(folder: Path) -> None:
    """Remove the signature and the key's id, as of a bundle that was never signed."""
    content = json.loads((folder / MANIFEST_FILE).read_bytes())
    del content["signed_by"]
    content["format_version"] = 1
    (folder / MANIFEST_FILE).write_text(json.dumps(content), encoding="utf-8")
    (folder / "MANIFEST.sig").unlink()


def sign_with_another_key(folder: Path) -> None:
    """Sign a bundle with a key that the service does not trust."""
    sign_bundle(folder, new_signing_key())


def change_after_signing(folder: Path) -> None:
    """Change a file and its checksum in the manifest, and leave the signature as it is."""
    (folder / CARD_FILE).write_text("# Another card\n", encoding="utf-8")
    _seal(folder, CARD_FILE)


def _seal(folder: Path, file: str) -> None:
    """Write the checksum of a file into the manifest."""
    content = json.loads((folder / MANIFEST_FILE).read_bytes())
    content["files"][file] = file_sha256(folder / file)
    (folder / MANIFEST_FILE).write_text(json.dumps(content), encoding="utf-8")

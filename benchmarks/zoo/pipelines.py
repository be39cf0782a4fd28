"""The whole zoo: every member by its key, sorted by family."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.process import BenchmarkError
from benchmarks.zoo.boosters import boosters
from benchmarks.zoo.encoding import encoding
from benchmarks.zoo.ensembles import ensembles
from benchmarks.zoo.estimators import estimators
from benchmarks.zoo.less_common import less_common_members
from benchmarks.zoo.member import Member
from benchmarks.zoo.preprocessing import preprocessing


def zoo() -> dict[str, Member]:
    """Return all members by key, in the order of the table: by family, then in the order of the code."""
    members = [*preprocessing(), *encoding(), *estimators(), *ensembles(), *less_common_members(), *boosters()]
    families = list(dict.fromkeys(member.family for member in members))
    return {member.key: member for member in sorted(members, key=lambda member: families.index(member.family))}


def select_members(names: Sequence[str], members: dict[str, Member]) -> dict[str, Member]:
    """Return the members whose family or key matches a name; all members if there are no names.

    Raises:
        BenchmarkError: a name matches no member.
    """
    selected = {
        key: member for key, member in members.items() if not names or any(_fits(name, member) for name in names)
    }
    for name in names:
        if not any(_fits(name, member) for member in members.values()):
            families = ", ".join(dict.fromkeys(member.family for member in members.values()))
            raise BenchmarkError(
                f"no member of the zoo matches {name!r}: give a family ({families}) or a part of a member's name"
            )
    return selected


def _fits(name: str, member: Member) -> bool:
    return name == member.family or name.lower() in member.key.lower()

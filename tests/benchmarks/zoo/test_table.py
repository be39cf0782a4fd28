"""The zoo's table and its summary."""

from __future__ import annotations

from benchmarks.zoo.results import Exact, Naive, Result, Speed
from benchmarks.zoo.table import HEAD, families, markdown, speed_ratios, summary

PROVEN_MEMBER = Result(
    name="A → B",
    family="trees",
    task="binary",
    exact=Exact(
        rows=12_000,
        worst_relative=2.5e-16,
        other_branch_share=0.0,
        undecided=3,
        knife_edges=2,
        label_flips=0,
        worst_probability=1.1e-16,
        nodes=4,
        size=100,
    ),
    naive=Naive(rows=12_000, test_share=0.286, share=0.4, worst=0.5, flips=1_234),
    speed=Speed(exact_1=5.0, exact_100=1.0, naive_1=10.0, naive_100=8.0),
)
FAILED_MEMBER = Result(
    name="C",
    family="linear",
    task="regression",
    exact=Exact(
        rows=11_000,
        worst_relative=1.0,
        other_branch_share=0.25,
        undecided=0,
        label_flips=0,
        worst_probability=None,
        failed="step 'c' | differs",
    ),
    naive=Naive(failed="RuntimeError: no <converter>"),
    speed=Speed(exact_1=5.0, exact_100=1.0),
)
REFUSED_MEMBER = Result(name="D", family="linear", task="outputs", refused="step 'd' cannot be exported exactly")
BROKEN_MEMBER = Result(name="E", family="linear", task="outputs", broken="KeyError: 'e'")


def test_each_member_has_a_line() -> None:
    """Each line has the cells of the head, and the text of an error neither ends a cell nor starts a tag."""
    lines = markdown([PROVEN_MEMBER, FAILED_MEMBER, REFUSED_MEMBER, BROKEN_MEMBER]).splitlines()
    assert len(lines) == 6
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(HEAD) + 1}
    assert lines[2] == (
        "| trees | A → B | binary | 12,000 | 2.5e-16 (3 undecided, 2 knife edges) | 0 | 0 | 1.1e-16 | 28.6% · 40.0% | 5.0e-01 | 1,234"
        " | 5 · 10 | 1 · 8 | 2.00 · 8.00 |"
    )
    assert "**not proven** (1.0e+00): step 'c' \\| differs" in lines[3]
    assert "fails: RuntimeError: no &lt;converter>" in lines[3]
    assert "| 5 · – | 1 · – | – · – |" in lines[3]
    assert "refused: step 'd'" in lines[4]
    assert "**broken**: KeyError: 'e'" in lines[5]


def test_summary_counts() -> None:
    """The summary counts proven, refused and not proven members, and averages the speeds of members with two graphs."""
    text = summary([PROVEN_MEMBER, FAILED_MEMBER, REFUSED_MEMBER, BROKEN_MEMBER])
    assert "4 pipelines; 1 exported and proven, 1 refused by name, 2 not proven" in text
    assert "12,000 rows compared" in text
    assert "worst relative difference 2.5e-16, rows on another branch: 0 at most, labels flipped: 0, undecided" in text
    assert "of the 1 that answer, 1 are off by more than 1e-4 on some row, 1 of them on rows" in text
    assert "over 1 pipelines that have both graphs: the exact graph is 2.00 times as fast" in text
    assert speed_ratios([PROVEN_MEMBER, FAILED_MEMBER, REFUSED_MEMBER], 100) == [8.0]


def test_families_are_counted() -> None:
    """Each family has a line in the order of the results, with geometric means of the speeds, or a dash without speeds."""
    slower = PROVEN_MEMBER.model_copy(update={"speed": Speed(exact_1=8.0, exact_100=8.0, naive_1=1.0, naive_100=1.0)})
    lines = families([PROVEN_MEMBER, slower, FAILED_MEMBER, REFUSED_MEMBER]).splitlines()
    assert lines[2:] == ["| trees | 2 | 2 | 0 | 2 | 0.50 · 1.00 |", "| linear | 2 | 0 | 1 | 0 | – · – |"]


def test_float32_libraries_are_separate() -> None:
    """The worst difference of float32 libraries is separate from the worst difference in double."""
    assert PROVEN_MEMBER.exact is not None
    exact = PROVEN_MEMBER.exact.model_copy(update={"single_precision": True, "worst_relative": 1e-7})
    single = PROVEN_MEMBER.model_copy(update={"exact": exact})
    assert "difference 2.5e-16 (1.0e-07 if the library computes in float32)" in summary([PROVEN_MEMBER, single])
    assert "| 1.0e-07 (float32) (3 undecided, 2 knife edges) |" in markdown([single])


def test_nothing_proven_has_a_summary() -> None:
    """A summary of refusals alone contains no speeds."""
    assert "1 refused by name" in summary([REFUSED_MEMBER])
    assert "speed" not in summary([REFUSED_MEMBER]).lower()

"""The report of ``--count``: one line for each folder, for all code without tests, for everything and for other packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tools.plain_english.figures import Figures

HEADER = ("", "words", "fused what", "if", "where for if", "names", "pronouns", "adverbs")


def report_lines(folders: Mapping[str, Figures], packages: Mapping[str, Figures]) -> Iterator[str]:
    """Yield the lines of the report.

    Args:
        folders: the figures of each folder of the checkout; folders of ``tests`` are left out of the line ``code``.
        packages: the figures of installed packages to compare with.
    """
    code = sum((figures for name, figures in folders.items() if name.partition("/")[0] != "tests"), Figures())
    total = sum(folders.values(), Figures())
    rows = {**folders, "code without tests": code, "total": total, **packages}
    width = max(map(len, rows))
    yield f"{HEADER[0]:<{width}}" + "".join(f"{title:>14}" for title in HEADER[1:])
    for name, figures in rows.items():
        yield f"{name:<{width}}" + "".join(f"{cell:>14}" for cell in _cells(figures))
    yield 'Rates of "fused what", "if" and "where for if" are for 1,000 words of docstrings; "pronouns" (with participles)'
    yield 'and "adverbs" (with prepositions and names in -ed) are for 1,000 names.'
    for title, figures in (("code", code), ("tests and code", total)):
        yield f"The longest functions of {title}:"
        yield from (f"  {length.lines:>5} lines  {length.place}" for length in figures.functions)
        yield f"The longest files of {title}:"
        yield from (f"  {length.lines:>5} lines  {length.place}" for length in figures.files)


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        f"{figures.words:,}",
        *(
            f"{figures.per_thousand_words(count):.1f}"
            for count in (figures.fused_what, figures.if_words, figures.where_for_if)
        ),
        f"{figures.names:,}",
        f"{figures.per_thousand_names(figures.pronouns):.1f}",
        f"{figures.per_thousand_names(figures.adverbs):.1f}",
    )

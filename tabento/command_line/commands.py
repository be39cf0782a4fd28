"""A command with its options in sections, examples that keep their lines, and options that take several values."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import click

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command: both spellings of the help option."""
WIDTH = {"max_content_width": 100}


@dataclass
class CommandState:
    """What the program must know about the command that ran, after an error."""

    verbose: bool = False
    """Whether the traceback of an error is shown."""


def verbose_option(section: str = "") -> SectionedOption:
    """Return the option ``--verbose``, which is kept in the state of the command."""

    def keep(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.ensure_object(CommandState).verbose |= value

    return SectionedOption(
        ["--verbose"],
        is_flag=True,
        expose_value=False,
        callback=keep,
        section=section,
        help="show the traceback of an error",
    )


class SectionedOption(click.Option):
    """An option that the help lists in a section of its own name.

    Args:
        section: the heading in the help; empty for the command's own options.
        takes_several: whether all words up to the next option are values: ``--target first second``.
    """

    def __init__(
        self,
        declarations: Sequence[str],
        *,
        section: str = "",
        takes_several: bool = False,
        **attributes: Any,
    ) -> None:
        super().__init__(declarations, multiple=attributes.pop("multiple", takes_several), **attributes)
        self.section = section
        self.takes_several = takes_several


class SectionedCommand(click.Command):
    """A command whose help has sections of options and ends with its examples."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        attributes["context_settings"] = {**HELP_OPTIONS, **WIDTH, **(attributes.get("context_settings") or {})}
        super().__init__(*arguments, **attributes)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words after the command's name."""
        several = {
            name
            for option in self.params
            if isinstance(option, SectionedOption) and option.takes_several
            for name in option.opts
        }
        return super().parse_args(ctx, repeated_options(args, several))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, section by section; the command's own options are the first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(getattr(parameter, "section", "") or "Options", []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line."""
        write_examples(self.epilog, formatter)


def write_examples(examples: str | None, formatter: click.HelpFormatter) -> None:
    """Write text with the lines that it has; click would fill paragraphs."""
    if examples:
        formatter.write_paragraph()
        for line in examples.rstrip().splitlines():
            formatter.write(f"{line}\n")


def repeated_options(words: Sequence[str], several: Collection[str]) -> list[str]:
    """Repeat the name of an option before each of its values, as click expects it.

    Args:
        words: the words of the command line.
        several: the options that take all words up to the next option.
    """
    result: list[str] = []
    option: str | None = None
    is_first = False
    for position, word in enumerate(words):
        if word == "--":
            return result + list(words[position:])
        if word in several:
            option, is_first = word, True
            result.append(word)
        elif option is not None and not (word.startswith("-") and len(word) > 1):
            result += [word] if is_first else [option, word]
            is_first = False
        else:
            option = None
            result.append(word)
    return result

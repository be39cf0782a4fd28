"""The one table of names that are refused, with the advice that the lint prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from tools.plain_english.identifiers import Kind

ANYWHERE: frozenset[Kind] = frozenset(get_args(Kind))
NOT_FIELDS: frozenset[Kind] = ANYWHERE - {"attribute"}
"""For words that are keys of stored documents, and are fields of the models that read these."""
DEFINITIONS: frozenset[Kind] = frozenset({"class", "function", "module"})
"""For words that are clear beside their value, but do not say what a class, a function or a file is. Methods are left out:
a property ``passed`` reads well behind its object."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """The rule for one refused name."""

    kinds: frozenset[Kind]
    """The kinds of definitions that may not have the name."""
    advice: str
    """The kind of name to use instead, completing "use …"."""


def _table(*groups: tuple[frozenset[Kind], dict[str, str]]) -> dict[str, NameRule]:
    """Return the table of some groups; a key may hold several names that share their advice.

    Raises:
        ValueError: a name is listed twice.
    """
    table: dict[str, NameRule] = {}
    for kinds, group in groups:
        for names, advice in group.items():
            for name in names.split():
                if name in table:
                    raise ValueError(f"Expected each name once in the table of refused names, got {name!r} twice.")
                table[name] = NameRule(kinds, advice)
    return table


NAMES = _table(
    (
        ANYWHERE,
        {
            # Bare participles: they say that something was done, not what the thing is.
            "given": "the noun of the value: arguments, config, rows, values, data_file",
            "found": "the noun of the value: match, version, distribution, findings",
            "made": "the noun of the value: result, node, generated_rows",
            "told": "the noun of the value: messages, record",
            "said": "the noun of the value: output, message, probabilities",
            "asked": "the noun of the value: request, requested_columns, questions",
            "heard": "recorded_call, messages",
            "overhear overhearing overheard": "record_calls, recorded_calls",
            "wanted": "the noun of the value: requested_name, required, expected",
            "tried": "the noun of the value: compared_rows, attempts, trials",
            "shown": "the noun of the value: text, label, displayed_rows",
            "caught": "error, warning_list",
            "held": "the noun of the value: held_out_rows, current, stored_value",
            "taken": "the noun of the value: inputs, used_names, elapsed_s",
            "begun began": "started_s, started_at, is_started",
            "sought met swept": "the noun of the value: target, matches, results",
            "judged": "evaluated with its noun, checks, limited_checks",
            "moved": "the noun of the value: perturbed_rows, shifted_values",
            "grown": "the noun of the value: forest, grown_trees",
            # Prepositions, adverbs and pronouns.
            "at": "index, position, row, offset; for a context manager its noun",
            "of": "owner, source, family; for a constructor from_rows, from_contract",
            "one": "the noun of the element: row, cell, estimator; left and right for a pair",
            "there": "the noun of the value: remote_answers, folder, exists",
            "here": "the noun of the value: local_answers, folder",
            "mine ours theirs": "whose it is with its noun: local_answer, tabento_answer, peer_answer",
            "what": "the noun of the value: value, subject, description",
            "whose which": "the noun of the value: owner, index, column",
            "others": "the noun of the elements: remaining_columns, other_models",
            "each some many few both": "the noun of the elements, in the plural if there are several: rows, sample, models",
            "again": "the noun of the value: second_answer, reloaded_model",
            "anew ahead": "again_ with a noun, retrained, background_ with a noun",
            "apart": "difference, distance, separate_ with a noun",
            "beside": "adjacent with a noun, neighbour",
            "beyond": "outside with a noun, excess",
            "near": "the noun of the value: neighbours, closest_name, near_rows",
            "away together instead twice": "the noun of the value: difference, combined_rows, replacement, repeated_rows",
            "everything nothing nobody somebody anybody everybody anything something": (
                "the noun of the value: all_rows, empty, no_client"
            ),
            "steadiness": "batch_sensitivity",
            "part_ways parting": "first_divergence, divergence",
            "at_door knock let_in": "fastpath, admission",
            "pen": "writer, GraphWriter",
        },
    ),
    (
        NOT_FIELDS,
        {
            "who": "user, caller, owner",
            "known": "known_ with its noun, categories, present_mask",
            "chosen": "the noun of the value: selected_columns, selection, mask",
            "kept": "the noun of the value: kept_columns, saved_path",
            "written": "the noun of the value: text, content, written_files",
            "refused": "error, refusals, n_refused",
            "answered": "responses, answered_rows, n_answered",
            "decided": "decision, is_decided",
            "drawn": "sample, sampled_rows, plotted_points",
            "gone": "is_closed, disconnected, deleted_files",
            "ended": "finished_s, end_s, is_finished",
            "promised": "the noun of the value: contract_range, promised_values",
            "reached": "reached_ with its noun: reached_leaves",
            "opened": "the noun of the value: archive, session, opened_files",
            "whole": "total, is_integer, full_text",
            "inside": "inner_ with its noun, subgraph, is_inside",
            "more": "additional_ with a noun, options, next_bytes",
            "most least": "maximum, limit, minimum",
            "when why": "time, reason",
            "doorman": "fastpath, FastPathProtocol",
        },
    ),
    (
        DEFINITIONS,
        {
            # A file or class is a noun.
            "worst": "worst_rows, WorstRow",
            "lines": "the noun of the elements: row_pairs, curves, text_lines",
            "arrivals arrival": "column_origin; of load: schedule, arrival_times",
            "seen": "the noun of the thing: TreeInputs, visited_nodes, counts",
            "ways": "paths, path_parity",
            "own": "custom_ with a noun",
            "standing": "resident_ with a noun",
            "turns": "TurningPoints, turning_points",
            "ask ask_there": "AnswerFunction, request_answer, answer_in_environment",
            "how where alone late long short quiet plain far above below within around through behind before after once never": (
                "a noun for a class or file; a verb with its object for a function: format_short, label_above"
            ),
            "same single other last first best right wrong": (
                "a noun for a class or file; a verb with its object for a function: is_same, last_estimator, find_best"
            ),
            # A function begins with a verb.
            "added adapted altered averaged boosted boxed broken built calibrated called cancelled changed checked clipped"
            " coded compared computed converted cooled copied counted coupled covered decoded defined derived described divided"
            " done doubled dropped edited encoded engineered evaluated excused expected exported failed filled finished fitted"
            " flattened folded framed gated gathered graded grouped guarded halved holed imported indexed inferred injected"
            " isolated joined learned limited linked listed loaded locked logged lost lowered masked matched measured"
            " merged mixed multiplied mutated named narrowed needed nested noticed numbered ordered packed paced parsed parted"
            " passed picked pinned placed pooled predicted prefixed prepared probed proven published ranked"
            " received recombined recorded reduced refitted registered relaxed removed rendered repeated replaced resolved"
            " restored resumed rounded scaled scored searched sent served settled shared shifted shipped shortened sized"
            " spoiled squared stacked stored studied sunk swapped thresholded tied timed titled traced trained"
            " transformed translated transposed truncated typed unboxed unpacked updated used validated viewed visited voted"
            " weighted widened zipped": (
                "a noun for a class or file (FittedPipeline); a verb for a function (fit, copy_message, round_up)"
            ),
        },
    ),
)
"""By the name in lower case with underscores, see ``tools.plain_english.identifiers.normalized``."""

"""The careful decoder, from bytes to rows: it works in slices and names every fault.

It decodes the bodies that the plain decoder of ``serving.codec.decode`` does not accept: large bodies, unusual spellings, and
wrong values. Valid rows still go through the compiled row decoder. Only the other rows are read token by token, so a bad row
among a thousand costs one row. Reading stops as soon as the answer is certain: more faults than an answer lists, more
rows than the limit, or a nested value that is too large to be described. So the work is bounded by the body's bytes, and
memory by the rows and by one object.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from serving.codec.faults import FOREIGN_KEYS, Faults, foreign_hint
from serving.codec.fields import IGNORED_FIELDS_LIMIT, Fields, longest_text
from serving.codec.input_policies import CLIPS_LIMIT, InputPolicies
from serving.codec.packing import RowPacker
from serving.codec.rows import Clips, Rows
from serving.codec.scanner import CALL_BYTES, Scanner
from serving.codec.slices import Steps, WorkMeter
from serving.codec.texts import TextPacker
from serving.codec.tokens import JsonSyntaxError
from serving.codec.unicode import InvalidUtf8Error, check_utf8, line_and_column
from serving.codec.values import DEPTH_LIMIT, NestedValue, NestingError, Value, parse_object, show_name
from serving.errors import DETAILS_LIMIT, MalformedError
from tabento.bundle.contract import RESERVED_NAME, Contract
from tabento.bundle.texts import Texts

T = TypeVar("T")

_CALL_BYTES_PER_FEATURE = 64
_FLAT_OBJECT = re.compile(rb'\{[^{}"\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^{}"\[\]]*+)*+\}', re.DOTALL)
_CALL_UNITS = 150
_PAIR_UNITS = 50
_FEATURE_UNITS = 20
_FAULT_UNITS = 400
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

DecodeRows = Callable[[bytes], list[bytes] | None]
"""Returns the packed numbers of valid rows, which are written with commas in between, or None."""
Pairs = list[tuple[str, Value]]


class CarefulDecoder:
    """Decodes bodies of one contract in slices.

    Args:
        policies: the contract of the model, with the policies of its features.
        max_rows: the largest number of rows in one request.
        decode_rows: the compiled decoder of rows.
        ignore_unknown: whether fields outside the contract are skipped, instead of refused.
    """

    def __init__(
        self, policies: InputPolicies, max_rows: int, decode_rows: DecodeRows, ignore_unknown: bool = False
    ) -> None:
        contract = policies.contract
        self.policies = policies
        self.max_rows = max_rows
        self.decode_rows = decode_rows
        self.fields = Fields(contract, ignore_unknown)
        self.clipper = policies.clipper
        self.text_limit = longest_text(contract)
        # A row of this length has at most one nested value that is short enough to be read in one call itself.
        self.call_bytes = CALL_BYTES + _CALL_BYTES_PER_FEATURE * len(self.fields)
        self.packer = RowPacker(contract)
        self.texts: TextPacker | None = None

    def take_texts(self, contract: Contract, texts: Texts) -> None:
        """Pack the texts of each row after its numbers from now on."""
        self.texts = TextPacker(contract, texts)
        self.packer = RowPacker(contract, texts.width)

    def steps(self, body: bytes, meter: WorkMeter | None = None) -> Steps[Rows]:
        """Decode a body, and yield between slices.

        Args:
            body: the bytes of the request.
            meter: counts the work; by default a new one.

        Raises:
            MalformedError: the body is not JSON in UTF-8.
            InvalidError: it is JSON but not rows of the contract, or has too many.
        """
        meter = meter or WorkMeter()
        return (yield from explain_syntax(body, _Reading(self, body, meter).rows(), meter))


def explain_syntax(body: bytes, reading: Steps[T], meter: WorkMeter) -> Steps[T]:
    """Check that a body is UTF-8, run the steps that read it, and name the position of an error of its syntax.

    Args:
        body: the bytes of the request.
        reading: reads the body as JSON. May raise JsonSyntaxError and NestingError.
        meter: counts the work.

    Raises:
        MalformedError: the body is not JSON in UTF-8.
    """
    if body.startswith(_BYTE_ORDER_MARK):
        raise MalformedError("The body begins with a byte order mark (the bytes EF BB BF). Send it without.")
    try:
        yield from check_utf8(body, meter)
        return (yield from reading)
    except InvalidUtf8Error as error:
        raise MalformedError(
            f"The body is not UTF-8: byte {error.position} is {body[error.position]:#04x}. Encode it as UTF-8."
        ) from None
    except JsonSyntaxError as error:
        line, column = yield from line_and_column(body, error.position, meter)
        raise MalformedError(
            f"The body is not JSON: {error.message.removesuffix(' at')} at line {line}, column {column}."
        ) from None
    except NestingError:
        raise MalformedError(
            f"The body is nested too deeply, more than {DEPTH_LIMIT} levels; a row is a flat object."
        ) from None


def check_clips(clips: Clips | None, faults: Faults, field: str | None) -> None:
    """Check that a request has at most as many clipped values as an answer lists.

    Args:
        clips: the clipped values of the rows that have been read.
        faults: the faults of the request.
        field: the field that holds the rows; None if the form of the request has no such field.

    Raises:
        InvalidError: there are more.
    """
    if clips is not None and len(clips.entries) > CLIPS_LIMIT:
        expected = f"at most {CLIPS_LIMIT} values outside the range of their feature"
        faults.add(None, field, expected, "more; send several requests")
        faults.refuse(complete=False)


class _Reading:
    """One body that is being read."""

    def __init__(self, decoder: CarefulDecoder, body: bytes, meter: WorkMeter) -> None:
        self._decoder = decoder
        self._fields = decoder.fields
        self._body = body
        self._meter = meter
        self._scanner = Scanner(body, meter, decoder.text_limit)
        self._faults = Faults()
        self._packed: list[bytes] = []
        self._clips: Clips | None = None
        # Each pair beyond the number of fields is an unknown field or a repeated one: a fault, or a fault beyond the limit of
        # ignored fields.
        n_other_pairs = IGNORED_FIELDS_LIMIT + 1 if decoder.fields.ignore_unknown else DETAILS_LIMIT
        self._pairs_limit = len(decoder.fields) + n_other_pairs
        self._list_expected = f"a list of 1 to {decoder.max_rows} objects"

    def rows(self) -> Steps[Rows]:
        """Return the rows, or raise their faults."""
        scanner = self._scanner
        byte = yield from scanner.peek()
        if not byte:
            raise MalformedError(
                "The body is empty; expected a JSON object of features, or one with a list of instances."
            )
        if byte != b"{":
            value = yield from scanner.value()
            expected = f"an object of features, or one with the key {RESERVED_NAME!r}"
            self._faults.add(None, None, expected, self._fields.message_values.show(None, value))
            yield from self._finish(_is_complete(value))
        start = scanner.position
        if len(self._body) <= self._decoder.call_bytes:
            pairs = yield from scanner.read_in_one_call(parse_object, self._decoder.call_bytes)
            if pairs is not None:
                if all(key != RESERVED_NAME for key, _ in pairs):
                    return (yield from self._single(pairs, complete=True))
                yield from self._check_frame(pairs, complete=True)
                # Only the rows remain to be checked.
                scanner.position = start
        return (yield from self._members())

    def _members(self) -> Steps[Rows]:
        """Read the outermost object member by member."""
        scanner = self._scanner
        pairs: Pairs = []
        single, complete = True, True
        while complete and (key := (yield from scanner.next_key(not pairs))) is not None:
            value: Value
            if key == RESERVED_NAME and single and (yield from scanner.peek()) == b"[":
                value = NestedValue(is_object=False, count=(yield from self._instances()), complete=True)
            else:
                value = yield from scanner.value()
            single = single and key != RESERVED_NAME
            pairs.append((key, value))
            complete = len(pairs) <= self._pairs_limit and _is_complete(value)
        if single:
            return (yield from self._single(pairs, complete))
        yield from self._check_frame(pairs, complete)
        yield from self._finish(complete)
        return self._decoder.packer.rows(self._packed, single=False, clips=self._clips)

    def _single(self, pairs: Pairs, complete: bool) -> Steps[Rows]:
        """Return the row of a body that is one object."""
        # If a row has fields of the contract, an ignored field does not indicate the format of another server.
        row_of_ours = self._fields.ignore_unknown and any(self._fields.knows(key) for key, _ in pairs)
        for key, _ in pairs:
            if key in FOREIGN_KEYS and not self._fields.knows(key) and not row_of_ours:
                self._faults.hint = foreign_hint(key)
                break
        yield from self._row(0, pairs, complete)
        yield from self._finish(complete and not self._faults.too_many)
        return self._decoder.packer.rows(self._packed, single=True, clips=self._clips)

    def _finish(self, complete: bool) -> Steps[None]:
        """Check the end of the body, if it was read up to there. Raise its faults if it has any."""
        if complete:
            yield from self._scanner.end()
        if self._faults:
            self._faults.refuse(complete=complete)

    def _check_frame(self, pairs: Pairs, complete: bool) -> Steps[None]:
        """Raise the faults outside the rows. They are named instead of the faults in the rows.

        Args:
            pairs: keys and values of the outermost object; the key of the rows is among them.
            complete: whether they are all of its pairs.
        """
        frame = Faults()
        lists = [value for key, value in pairs if key == RESERVED_NAME]
        for key, value in pairs:
            if key != RESERVED_NAME:
                frame.add(
                    None,
                    show_name(key),
                    f"only {RESERVED_NAME!r} beside it",
                    self._fields.message_values.show(key, value),
                )
            if frame.too_many:
                frame.refuse(complete=False)
        if len(lists) > 1:
            frame.add(None, RESERVED_NAME, "the field once", f"it {len(lists)} times")
        if not isinstance(lists[0], NestedValue) or lists[0].is_object:
            frame.add(None, RESERVED_NAME, self._list_expected, self._fields.message_values.show(None, lists[0]))
        elif not lists[0].count:
            frame.add(None, RESERVED_NAME, self._list_expected, "an empty list")
        if frame:
            self._faults = frame
            yield from self._finish(complete)

    def _instances(self) -> Steps[int]:
        """Read the list of rows whose opening bracket is at the position. Returns the number of rows."""
        scanner, body, meter, packed = self._scanner, self._body, self._meter, self._packed
        decode_rows, max_rows, call_bytes = self._decoder.decode_rows, self._decoder.max_rows, self._decoder.call_bytes
        count = 0
        one_by_one_until = 0
        while (yield from scanner.next_element(count == 0)):
            start = scanner.position
            rows = None
            if count < max_rows and body.startswith(b"{", start):
                # First many rows in one call. If that fails, one row after another until the bad one is found.
                several = start >= one_by_one_until
                end = self._end_of_rows(start) if several else body.find(b"}", start, start + call_bytes) + 1
                rows = decode_rows(body[start:end]) if end > start else None
                if meter.spend(_CALL_UNITS + max(end - start, 0)):
                    yield
                if several and rows is None:
                    one_by_one_until = max(end, start + 1)
                    end = body.find(b"}", start, start + call_bytes) + 1
                    rows = decode_rows(body[start:end]) if end > start else None
            if rows is not None and count + len(rows) <= max_rows:
                scanner.position = end
                packed += rows
                count += len(rows)
            elif rows is not None or count == max_rows:
                self._faults = Faults()
                got = f"a list of more than {max_rows}; send several requests"
                self._faults.add(None, RESERVED_NAME, self._list_expected, got)
                self._faults.refuse(complete=True)
            else:
                yield from self._element(count)
                count += 1
        return count

    def _end_of_rows(self, start: int) -> int:
        """Return the index after the last of some rows: a guess that is right unless a string has brackets."""
        limit = start + self._decoder.call_bytes
        if limit >= len(self._body):
            limit = max(self._body.rfind(b"]", start), start)
        return self._body.rfind(b"}", start, limit) + 1

    def _element(self, index: int) -> Steps[None]:
        """Read one row that the compiled decoder does not accept."""
        scanner = self._scanner
        byte = yield from scanner.peek()
        if byte != b"{":
            value = yield from scanner.value()
            self._faults.add(index, None, "an object of features", self._fields.message_values.show(None, value))
            complete = _is_complete(value)
        else:
            match = _FLAT_OBJECT.match(self._body, scanner.position, scanner.position + self._decoder.call_bytes)
            length = self._decoder.call_bytes if match is None else len(match[0])
            pairs = yield from scanner.read_in_one_call(parse_object, length)
            complete = True
            if pairs is None:
                pairs = []
                while complete and (key := (yield from scanner.next_key(not pairs))) is not None:
                    value = yield from scanner.value()
                    pairs.append((key, value))
                    complete = len(pairs) <= self._pairs_limit and _is_complete(value)
            yield from self._row(index, pairs, complete)
        if not complete or self._faults.too_many:
            self._faults.refuse(complete=False)

    def _row(self, index: int, pairs: Pairs, complete: bool) -> Steps[None]:
        """Check the pairs of one row, and store its numbers."""
        faults_before = len(self._faults)
        numbers, identifiers = self._fields.values(index, pairs, self._faults, complete)
        if not self._faults:
            texts = self._decoder.texts
            terms = b"" if texts is None else (yield from texts.pack(dict(pairs), self._meter))
            if self._decoder.clipper is not None:
                self._clips = self._decoder.clipper.clip(index, numbers, self._clips)
                check_clips(self._clips, self._faults, RESERVED_NAME)
            self._packed.append(self._decoder.packer.pack(numbers, identifiers, terms))
        units = _PAIR_UNITS * len(pairs) + _FEATURE_UNITS * len(self._fields)
        if self._meter.spend(units + _FAULT_UNITS * (len(self._faults) - faults_before)):
            yield


def _is_complete(value: Value) -> bool:
    """Return whether a value was read to its end."""
    return not isinstance(value, NestedValue) or value.complete

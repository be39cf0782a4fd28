"""The decoder for contracts with texts: always the careful one, which works in slices."""

from __future__ import annotations

from serving.codec.decode import Decoder
from serving.codec.input_policies import InputPolicies
from serving.codec.rows import Rows
from tabento.bundle.contract import Contract
from tabento.bundle.texts import Texts


class TextDecoder(Decoder):
    """Decodes requests for one contract that has texts; see ``Decoder``."""

    def __init__(
        self,
        contract: Contract,
        max_rows: int,
        ignore_unknown: bool,
        texts: Texts,
        policies: InputPolicies | None = None,
    ) -> None:
        super().__init__(contract, max_rows, ignore_unknown, policies)
        self.careful.take_texts(contract, texts)

    def decode_plain(self, body: bytes) -> Rows | None:
        """Return None: the careful decoder decides, because the work of a text is not known before it is split."""
        return None

    def _plain_rows(self, text: bytes) -> list[bytes] | None:
        return None

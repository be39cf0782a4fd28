"""The way of decoding for contracts with texts: always the careful one, which works in slices."""

from __future__ import annotations

from bundle.contract import Contract
from bundle.texts import Texts
from serving.decode import Decoder
from serving.rows import Rows


class TextDecoder(Decoder):
    """Decodes requests for one contract that has texts; see ``Decoder``."""

    def __init__(self, contract: Contract, max_rows: int, ignore_unknown: bool, texts: Texts) -> None:
        super().__init__(contract, max_rows, ignore_unknown)
        self.careful.take_texts(contract, texts)

    def decode_plain(self, body: bytes) -> Rows | None:
        """Return None: the careful way decides, because the work of a text is not known before it is split."""
        return None

    def _plain_rows(self, text: bytes) -> list[bytes] | None:
        return None

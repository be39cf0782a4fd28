"""In which format is the prediction log written? The cost and the size of a row as JSON lines, compressed, and as Parquet.

``python -m benchmarks.log_format --data california_housing.csv`` takes real rows; without a file the rows are drawn. Batches have
128 rows, as the monitor process receives them. The same rows then become one Parquet file, which is the best case for Parquet:
a file that is open cannot be read, and a killed process loses it.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import describe_machine
from monitoring.log.index import record_keys
from monitoring.log.row_lines import RowEncoder
from monitoring.log.sealing import BLOCK_BYTES, compress_member, line_blocks
from monitoring.privacy import Privacy
from monitoring.rows import Floats, MonitoredModel, PredictedRows
from monitoring.settings import MonitoringSettings
from tabento.bundle.contract import Contract, encode_value
from tabento.bundle.reference import NumberDistribution, Reference
from training.config import load_config

CONFIG = Path("configs/california.yaml")
BATCH_ROWS = 128
REPEATS = 5
SEED = 16
FIRST_S = 1_790_000_000.0
LEVELS = (1, 3, 6, 9)
NUMBERS = NumberDistribution(
    count=1, null_rate=0, mean=1, std=0, minimum=1, maximum=1, p05=1, p50=1, p95=1, edges=(1,), shares=(1, 0)
)


def packed_rows(contract: Contract, n_rows: int, data: Path | None) -> Floats:
    """Return packed rows: of a file, repeated as often as needed, or drawn."""
    generator = np.random.default_rng(SEED)
    if data is None:
        columns = [
            generator.integers(0, len(feature.categories), n_rows).astype(np.float64)
            if feature.categories
            else generator.gamma(2.0, 100.0, n_rows).round(2)
            for feature in contract.features
        ]
        return np.column_stack(columns)
    frame = pd.read_csv(data, keep_default_na=True)
    rows = np.array(
        [
            [
                encode_value(feature, None if pd.isna(value) else value)
                for feature, value in zip(contract.features, row, strict=True)
            ]
            for row in frame[list(contract.feature_names)].itertuples(index=False)
        ]
    )
    return rows[generator.integers(0, len(rows), n_rows)]


def batches_of(model: MonitoredModel, packed: Floats) -> list[PredictedRows]:
    """Return the rows in batches, each row a request of its own."""
    generator = np.random.default_rng(SEED)
    batches: list[PredictedRows] = []
    for first in range(0, len(packed), BATCH_ROWS):
        numbers = packed[first : first + BATCH_ROWS]
        count = len(numbers)
        batches.append(
            PredictedRows(
                model=model,
                count=count,
                request_ids=[value.tobytes().hex() for value in generator.integers(0, 2**63, (count, 2))],
                row_numbers=np.zeros(count, np.int32),
                times_s=FIRST_S + np.arange(first, first + count, dtype=np.float64) * 1e-4,
                callers=["shop"] * count,
                numbers=numbers,
                terms=np.zeros((count, 0)),
                answers=generator.gamma(2.0, 1e5, (count, 1)),
                queue_s=generator.gamma(2.0, 1e-4, count),
                batch_s=generator.gamma(2.0, 2e-4, count),
                total_s=generator.gamma(2.0, 4e-4, count),
                deadlines_ms=np.full(count, np.nan),
                caches=[None] * count,
                identifiers=[b""] * count,
                trace_ids=[None] * count,
            )
        )
    return batches


def fastest_s(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor time of the fastest of several calls in seconds, and its result."""
    times: list[float] = []
    result: Any = None
    for _ in range(REPEATS):
        start_s = time.process_time()
        result = call()
        times.append(time.process_time() - start_s)
    return min(times), result


def parquet_bytes(records: list[dict[str, Any]], compression: str) -> int:
    """Return the size of a Parquet file of records."""
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), target, compression=compression)
    return target.tell()


def parquet_of_columns(batches: list[PredictedRows], names: Sequence[str], compression: str) -> int:
    """Write batches of columns to a Parquet file without a detour through records; return its size."""
    target = io.BytesIO()
    writer: Any = None
    for rows in batches:
        columns: dict[str, Any] = dict(zip(names, rows.numbers.T, strict=True))
        columns |= {"time": rows.times_s, "request_id": rows.request_ids, "row": rows.row_numbers}
        columns |= {"key": rows.callers, "prediction": rows.answers[:, 0], "queue": rows.queue_s, "batch": rows.batch_s}
        columns |= {"total": rows.total_s, "deadline": rows.deadlines_ms}
        columns |= {name: [getattr(rows.model, name)] * rows.count for name in ("name", "version", "variant")}
        table = pa.table(columns)
        if writer is None:
            writer = pq.ParquetWriter(target, table.schema, compression=compression)
        writer.write_table(table)
    writer.close()
    return target.tell()


def measure(n_rows: int, data: Path | None) -> dict[str, Any]:
    """Return the microseconds and the bytes of a row in each format."""
    contract = load_config(CONFIG).contract()
    model = MonitoredModel(
        name=contract.name,
        version="k3x7q2mzt6",
        variant="champion",
        contract=contract,
        reference=Reference(features={}, prediction=NUMBERS, target=NUMBERS),
        metrics={},
        folder=Path(),
        row_values=len(contract.features),
        slo_ms=10.0,
    )
    encoder = RowEncoder(model, Privacy(contract, MonitoringSettings()))
    batches = batches_of(model, packed_rows(contract, n_rows, data))
    encode_s, lines = fastest_s(lambda: [encoder.encode(rows) for rows in batches])
    content = b"".join(lines)
    formats = {"JSON lines": {"us": encode_s, "bytes": len(content)}}
    blocks = list(line_blocks(io.BytesIO(content)))
    keys_s, _ = fastest_s(lambda: [record_keys(block) for block in blocks])
    own_s, own = fastest_s(lambda: sum(len(compress_member(block)) for block in blocks))
    formats[f"+ gzip, members of {BLOCK_BYTES >> 20} MiB (the log)"] = {"us": own_s, "bytes": own}
    for level in LEVELS:
        level_s, size = fastest_s(lambda level=level: len(zlib.compress(content, level)))  # type: ignore[misc]
        formats[f"+ zlib, level {level}"] = {"us": level_s, "bytes": size}
    records = [json.loads(line) for line in content.splitlines()]
    for compression in ("snappy", "zstd"):
        columns_s, size = fastest_s(lambda kind=compression: parquet_of_columns(batches, contract.feature_names, kind))  # type: ignore[misc]
        formats[f"Parquet, a row group a batch, {compression}"] = {"us": columns_s, "bytes": size}
        formats[f"Parquet, one row group, {compression}"] = {"us": np.nan, "bytes": parquet_bytes(records, compression)}
    return {
        "rows": n_rows,
        "data": "drawn" if data is None else data.name,
        "formats": {
            name: {
                "us_a_row": None if values["us"] != values["us"] else round(values["us"] / n_rows * 1e6, 2),
                "bytes_a_row": round(values["bytes"] / n_rows, 1),
            }
            for name, values in formats.items()
        },
        "index_us_a_row": round(keys_s / n_rows * 1e6, 2),
        "installed_mb": {name: installed_mb(name) for name in ("pyarrow", "msgspec")},
        "machine": describe_machine(),
    }


def installed_mb(name: str) -> float:
    """Return the megabytes of an installed package: the log in Parquet would add them to every image."""
    package = distribution(name)
    paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return round(sum(path.stat().st_size for path in paths if path.exists()) / 1e6, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_format", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="the number of rows (default 50000)")
    parser.add_argument("--data", type=Path, help="a CSV file with the columns of configs/california.yaml")
    parser.add_argument("--json", type=Path, help="write the result to this file")
    options = parser.parse_args(arguments)
    result = measure(options.rows, options.data)
    for name, values in result["formats"].items():
        cost = "" if values["us_a_row"] is None else f"{values['us_a_row']:.2f} µs"
        print(f"{name:40} {cost:>10}  {values['bytes_a_row']:7.1f} bytes a row")
    print(f"{'reading the keys for the index':40} {result['index_us_a_row']:7.2f} µs")
    print("installed:", ", ".join(f"{name} {size} MB" for name, size in result["installed_mb"].items()))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

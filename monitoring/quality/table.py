"""Live quality as text for a terminal."""

from __future__ import annotations

from typing import Any

WORST_SLICES = 5


def figure_text(figure: dict[str, Any]) -> str:
    """Return a figure with its interval: ``0.52 (0.5 to 0.54)``."""
    value = f"{figure['value']:.4g}"
    if figure["low"] is None or figure["high"] is None:
        return value
    return f"{value} ({figure['low']:.4g} to {figure['high']:.4g})"


def quality_table(answer: dict[str, Any]) -> str:
    """Return the answer of ``GET /quality`` as text."""
    lines = []
    window = answer["window"]
    for model in answer["models"]:
        lines.append(
            f"{model['model']}:{model['version']} ({model['variant']}), {model['rows']:,} truths, {window['text']}"
        )
        for target in model["targets"]:
            lines.append(f"  {target['name']}" + (f" in {target['unit']}" if target["unit"] else ""))
            for name, figure in target["metrics"].items():
                test = "" if figure["test"] is None else f"test {figure['test']:.4g}"
                verdict = figure["verdict"] or ""
                lines.append(f"    {name:<18} {figure_text(figure):<34} {test:<14} {verdict}".rstrip())
            worse_slices = [item for item in target["slices"] if item["worse"]]
            lines += [
                f"    worse slice: {item['feature']} {item['value']} ({item['rows']:,} rows):"
                f" {target['loss']} {item['loss']:.4g}, {item['ratio']:.2f} times that of all rows"
                for item in worse_slices[:WORST_SLICES]
            ]
    feedback = answer["feedback"]
    if not answer["models"]:
        lines.append("No truth of this window is joined with its prediction.")
    lines.append(
        f"All truths: {feedback['joined']:,} joined, {feedback['waiting']:,} wait for their prediction,"
        f" {feedback['mismatches']:,} do not fit their model."
    )
    return "\n".join(lines)

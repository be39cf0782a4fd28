"""``tabento ensure``: the tag of a stored model, which is trained first if the store does not have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from training.preflight import before_reading, before_training, require_none
from training.preflight.home import is_any_stored

if TYPE_CHECKING:
    from training.config import ModelConfig
    from training.progress import Progress
    from training.settings import TrainingSettings


def ensured_tag(
    config: ModelConfig,
    data: str | None,
    settings: TrainingSettings,
    progress: Progress,
    *,
    problems: Sequence[str] = (),
    record_later: bool = False,
) -> str:
    """Return the tag of a stored bundle of a config and data; train if there is none.

    What only training needs is checked at once if no version is stored, else when it turns out that training is needed:
    a stored model needs neither its estimator's package nor the registry.

    Args:
        config: the model.
        data: what ``--data`` gave.
        settings: folders and what is allowed.
        progress: who is told.
        problems: what the caller has found to stand in the way; told together with what is found here.
        record_later: whether what MLflow gets is left to ``tabento record``.

    Raises:
        PreflightError: something stands in the way; nothing was read or fitted.
        Exception: as for ``training.stored.ensure``.
    """

    def missing() -> list[str]:
        return before_training(config, settings, data)

    found = [*problems, *before_reading(config, settings, data)]
    stored = is_any_stored(config.name)
    require_none(found if stored else [*found, *missing()])
    from training.reports import indexed
    from training.stored import ensure

    with indexed(settings, config):
        return ensure(
            config,
            data,
            settings,
            progress,
            before_training=lambda: require_none(missing() if stored else []),
            record_later=record_later,
        )

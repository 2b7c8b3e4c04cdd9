"""Code of the user's that a store names: it is found without being loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dipcli.errors import UsageError
from dipcli.nets.activations import ACTIVATIONS
from dipcli.nets.upsamplers import UPSAMPLERS
from dipcli.registry import ARCHITECTURES, LOSSES, MEASURES, OPTIMIZERS, RULES, TASKS

REGISTRIES = {  # of the settings that may name code of the user's
    "arch": ARCHITECTURES,
    "upsample": UPSAMPLERS,
    "activation": ACTIVATIONS,
    "task": TASKS,
    "optimizer": OPTIMIZERS,
    "loss": LOSSES,
    "stop": RULES,
    "record": MEASURES,
}


def user_code(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings of a store that name code of the user's, found without loading it."""
    code = {}
    for name, registry in REGISTRIES.items():
        value = config.get(name)
        words = value if isinstance(value, list | tuple) else str(value).split(",")
        # a comma separates names (--record) or a name and its keys (--arch)
        if any(registry.is_code(str(word)) for word in [*words, str(value)]):
            code[name] = ",".join(map(str, words))
    return code


def refuse_unnamed_code(store: str, config: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raise an error if a store names code that the user does not name: it must not be run."""
    for name, text in user_code(config).items():
        if name not in options:
            msg = f"{store} was fitted with code of yours, {text}: add --{name} {text} to load it"
            raise UsageError(msg)

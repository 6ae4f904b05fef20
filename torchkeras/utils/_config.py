"""`Config`: named values as attributes, as items, as JSON."""

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from torchkeras._errors import nearest

__all__ = ["Config"]


class Config:
    """A dict whose values are attributes too, and which can be frozen.

    >>> config = Config(learning_rate=0.1)
    >>> config.use_ema = True
    >>> config["use_ema"], config.learning_rate, len(config)
    (True, 0.1, 2)
    >>> config.freeze()
    >>> config.momentum = 0.9
    Traceback (most recent call last):
    ...
    ValueError: Cannot mutate attribute(s) because the config is frozen.
    """

    def __init__(self, **kwargs: Any):
        self.__dict__.update(_config=kwargs, _frozen=False)

    @property
    def frozen(self) -> bool:
        """Whether changes are refused."""
        return self._frozen

    def freeze(self) -> None:
        """Refuse changes from now on."""
        self.__dict__["_frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        self.__dict__["_frozen"] = False

    def _values(self) -> dict[str, Any]:
        """The values, to be changed."""
        if self._frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen.")
        return self._config

    def as_dict(self) -> dict[str, Any]:
        """A dict of the values."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        """The names, in the order in which they were given."""
        return self._config.keys()

    def values(self) -> ValuesView[Any]:
        """The values, in the order in which they were given."""
        return self._config.values()

    def items(self) -> ItemsView[str, Any]:
        """Pairs of name and value, in the order in which they were given."""
        return self._config.items()

    def pop(self, *args: Any) -> Any:
        """Take a value out, as `dict.pop` does."""
        return self._values().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set many values, as `dict.update` does."""
        self._values().update(*args, **kwargs)

    def get(self, keyname: str, value: Any = None) -> Any:
        """The value of that name, or else `value`."""
        return self._config.get(keyname, value)

    def __setattr__(self, name: str, value: Any):
        if hasattr(type(self), name):
            raise AttributeError(f"'{name}' belongs to {type(self).__name__} and cannot be set.")
        self._values()[name] = value

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_config", {})
        if name not in values:
            raise AttributeError(f"Unknown attribute: '{name}'.{nearest(name, values)}")
        return values[name]

    def __setitem__(self, key: str, item: Any):
        self._values()[key] = item

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __delitem__(self, key: str):
        del self._values()[key]

    def __contains__(self, item: Any) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

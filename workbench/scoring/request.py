"""What a score is asked with: the method, what every method reads, and the method's own options.

request = ScoreRequest.of("circuitseer", variant="excess", drop_sink=True)
request.own.column  # "excess_no_sink"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.errors import InputError
from workbench.options import OptionRecord, check_options, option, records
from workbench.options.loading import batch_tokens_option, engine_option
from workbench.scoring.method import PARTS, Method
from workbench.scoring.methods import SCORERS

BATCH_TOKENS = 2048


def _part_help() -> str:
    """Which part is scored by default, and by which methods another."""
    others: dict[str, list[str]] = {}
    for method in SCORERS.values():
        if method.part != "prompt":
            others.setdefault(method.part, []).append(method.name)
    named = "; ".join(f"{', '.join(names)}: {part}" for part, names in others.items())
    return f"What is scored; default: prompt ({named})."


@dataclass(frozen=True)
class ScoreRequest:
    """A method, what it is asked, and its `own` options; `part` None takes the method's own.

    `engine` is what passes run on (`workbench.engines.choose_engine`); `batch_tokens` None goes by
    free memory.
    """

    method: Method
    own: Any
    part: str | None = option(None, _part_help(), choices=PARTS)
    with_loss: bool = option(False, "Also the solution's loss, to correlate with.")
    batch_tokens: int | None = batch_tokens_option()
    seed: int = option(0, "Seed.")
    engine: str = engine_option()

    def __post_init__(self) -> None:
        check_options(self)
        check_options(self.own)
        if self.part not in (None, *self.method.parts):
            raise InputError(
                f"the part is '{self.part}'",
                expected=f"{' or '.join(self.method.parts)}, which is all that "
                f"{self.method.name} scores",
                do="leave out --part",
            )

    @classmethod
    def of(cls, method: str, **values: Any) -> ScoreRequest:
        """The request for a method by name, with flat options as the command line has them.

        An option of other methods is refused, unless it has its default.
        """
        if method not in SCORERS:
            raise InputError(f"the method is '{method}'", expected=f"one of {', '.join(SCORERS)}")
        scorer = SCORERS[method]
        common = {record.name for record in records(cls)}
        own = {record.name for record in records(scorer.options)}
        for option_name in sorted(values.keys() - common - own):
            _refuse_unread(scorer, option_name, values[option_name])
        chosen = scorer.options(**{k: v for k, v in values.items() if k in own})
        return cls(scorer, chosen, **{k: v for k, v in values.items() if k in common})

    @property
    def scored_part(self) -> str:
        return self.part or self.method.part

    @property
    def tokens(self) -> int:
        """Positions in a batch, where free memory has not been asked."""
        return self.batch_tokens or BATCH_TOKENS

    @property
    def adds_loss(self) -> bool:
        """Whether the solution's loss is a column of its own: one more pass over the whole row."""
        is_known = self.method.is_loss and self.scored_part == self.method.part
        return self.with_loss and not is_known

    @property
    def runs_model(self) -> bool:
        return self.method.runs_model or self.adds_loss


def readers(name: str) -> tuple[str, ...]:
    """The methods that read the option `name` as their own."""
    return tuple(
        method.name
        for method in SCORERS.values()
        if name in {record.name for record in records(method.options)}
    )


def own_records() -> list[OptionRecord]:
    """The own options of all methods, each with the methods that read it in its help."""
    every = {
        record.name: record for method in SCORERS.values() for record in records(method.options)
    }
    return [
        replace(
            record, help=f"{record.help.removesuffix('.')}; read by {', '.join(readers(name))}."
        )
        for name, record in every.items()
    ]


def exported_options(method: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What an export says of the methods' own options; None where `method` does not read it.

    `config` is that of a run of scores.
    """
    own = SCORERS[method].exported
    return {name: config.get(name) if name in own else None for name in exported_names()}


def exported_names() -> list[str]:
    """The own options, of any method, that an export names."""
    return list(dict.fromkeys(name for one in SCORERS.values() for name in one.exported))


def _refuse_unread(method: Method, name: str, value: Any) -> None:
    """Raise InputError for an option of other methods that has not its default."""
    if not (known := readers(name)):
        raise TypeError(f"no scoring method reads an option '{name}'")
    others = SCORERS[known[0]].options
    (record,) = (record for record in records(others) if record.name == name)
    if value == record.default:
        return
    check_options(others(**{name: value}))
    raise InputError(
        f"the method {method.name} does not read {record.flag}",
        expected=f"one that does ({', '.join(known)})",
        do="leave it out",
    )

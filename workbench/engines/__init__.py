"""Engines: how a pass is run. Losses, sets of heads, column means and decoding, hooked or fused."""

from workbench.engines.agree import ENGINES, choose_engine
from workbench.engines.base import Decoder, Engine, Outcomes
from workbench.engines.budget import batch_tokens
from workbench.engines.columns import attention_received, received_by_keys
from workbench.engines.decode import decode, decode_batches, decoded_text, default_stop_ids
from workbench.engines.fused import FusedEngine
from workbench.engines.hooked import HookedEngine
from workbench.engines.losses import batch_of, counted_mask, sample_losses
from workbench.engines.memory import DidNotFit, Memory, attempt
from workbench.engines.outcomes import loss_gradient, sample_means, token_outcomes

__all__ = [
    "ENGINES",
    "Decoder",
    "DidNotFit",
    "Engine",
    "FusedEngine",
    "HookedEngine",
    "Memory",
    "Outcomes",
    "attempt",
    "attention_received",
    "batch_of",
    "batch_tokens",
    "choose_engine",
    "counted_mask",
    "decode",
    "decode_batches",
    "decoded_text",
    "default_stop_ids",
    "loss_gradient",
    "received_by_keys",
    "sample_losses",
    "sample_means",
    "token_outcomes",
]

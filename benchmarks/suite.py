"""All rows: what is measured, against what, and what it should come to.

ROWS["race"].measure(settings)
"""

from __future__ import annotations

from benchmarks import (
    commands,
    engine_rows,
    explaining,
    exporting,
    gpu,
    importance,
    memory,
    padding,
    racing,
    scored_rows,
    scoring,
    selecting,
    sharing,
)
from benchmarks.row import Row

PLAIN = "plain loop, one hooked pass a head"
ROWS: dict[str, Row] = {
    "importance-equal": Row(
        "importance of all heads, exact, equal lengths, 12 x 12 heads",
        PLAIN,
        importance.equal,
        " x",
        least=1.75,
    ),
    "importance-gsm8k": Row(
        "importance of all heads, exact, GSM8K lengths, solution counted, bundled model",
        f"{PLAIN}, batches of 8, all logits",
        importance.lengths,
        " x",
        least=2.5,
    ),
    "race": Row(
        "`heads find --method race`, bundled model, probe of 300",
        "exact, the same probe",
        racing.race_time,
        " x",
        least=6,
    ),
    "race-same": Row(
        "`race`: resamples of the probe with the same top 5 %, bundled model",
        "exact, the same resample",
        racing.agreement("race"),
        " of 20",
        least=19,
    ),
    "race-simulated": Row(
        "`race`: wrong top sets in 100 simulated runs, at confidence 0.95",
        "the means of all samples",
        racing.simulated,
        " of 100",
        most=5,
    ),
    "screen": Row(
        "`heads find --method screen`, 12 x 12 heads",
        "exact, the same probe",
        racing.screen_time,
        " x",
        least=2.5,
    ),
    "screen-same": Row(
        "`screen`: resamples of the probe with the same top 5 %, bundled model",
        "exact, the same resample",
        racing.agreement("screen"),
        " of 20",
        least=19,
    ),
    "screen-same-12": Row(
        "the same, 12 x 12 heads with random weights",
        "exact, the same resample",
        racing.agreement("screen", "12 x 12"),
        " of 20",
        least=19,
    ),
    "eager-1024": Row(
        "CircuitSeer scores, T = 1,024, 12 x 12 heads",
        "`output_attentions=True`, eager",
        scoring.eager(1024),
        " x",
        least=2,
    ),
    "eager-4096": Row(
        "CircuitSeer scores, T = 4,096, 12 x 12 heads",
        "`output_attentions=True`, eager",
        scoring.eager(4096),
        " x",
        least=4,
    ),
    "sdpa-1024": Row(
        "CircuitSeer scores, T = 1,024, 12 x 12 heads",
        "plain SDPA pass through the same layers",
        scoring.sdpa(1024),
        " x its time",
        most=1.1,
    ),
    "sdpa-4096": Row(
        "CircuitSeer scores, T = 4,096, 12 x 12 heads",
        "plain SDPA pass through the same layers",
        scoring.sdpa(4096),
        " x its time",
        most=1.1,
    ),
    "sdpa-large": Row(
        "CircuitSeer scores, T = 512, two batches, 1.5B shape in bfloat16",
        "plain SDPA pass through the same layers",
        scoring.sdpa_large,
        " x its time",
        most=1.1,
    ),
    "sdpa-16384": Row(
        "CircuitSeer scores, T = 16,384, 30 x 9 heads, bfloat16",
        "plain SDPA pass through the same layers",
        scoring.sdpa_long,
        " x its time",
        most=1.1,
    ),
    "memory-flat": Row(
        "memory of scoring a position at T = 4,096",
        "a position at T = 1,024",
        memory.flat,
        " x",
        most=1.1,
    ),
    "influence": Row(
        "AttentionInfluence scores, T = 512, 12 x 12 heads",
        "two plain SDPA passes, all logits",
        scoring.influence,
        " x",
        least=1,
    ),
    "padding": Row(
        "tokens spent on padding, GSM8K pool", "all tokens", padding.padding, " %", most=5
    ),
    **engine_rows.ROWS,
    "gpu": Row(
        "scoring on a GPU, 1.5B shape, bfloat16, T = 1,024",
        "matmul peak of that GPU, measured",
        gpu.scoring_share,
        " % of it",
        least=45,
        on_gpu=True,
    ),
    "workers-local": Row(
        "two processes of a thread each (`--workers 2`), 12 x 12 heads, loaded",
        "one process of a thread",
        sharing.two_workers("local"),
        " x",
        least=1.7,
    ),
    "workers-ray": Row(
        "two Ray actors of a thread each (`--backend ray`), 12 x 12 heads, loaded",
        "one actor of a thread",
        sharing.two_workers("ray"),
        " x",
        least=1.7,
    ),
    "help": Row("`workbench --help`", "-", commands.help_text, " s", most=0.5),
    "heads-show": Row("`workbench heads show`", "-", commands.heads_show, " s", most=1.5),
    "select-soft": Row(
        "`select --policy soft`: the choice of a tenth of 10,000,000 rows of scores",
        "-",
        selecting.choice("soft"),
        " s",
        most=10,
    ),
    "select-top": Row(
        "`select --policy top`: the same choice", "-", selecting.choice("top"), " s", most=10
    ),
    "select-memory": Row(
        "peak memory of `select --policy soft`, 10,000,000 rows of scores",
        "-",
        selecting.memory,
        " GB",
        most=1.5,
    ),
    "score-memory": Row(
        "peak memory of `score` beside its passes, 10,000,000 rows by the slope of 1 to 2 million",
        "-",
        scored_rows.memory,
        " GB",
        most=1.5,
    ),
    "export-memory": Row(
        "peak memory of `export` of a tenth of 10,000,000 short rows",
        "-",
        exporting.memory,
        " GB",
        most=1.5,
    ),
    "export-speed": Row(
        "`export`: JSON lines written, GSM8K and MATH repeated",
        "-",
        exporting.speed,
        " MB/s",
        least=100,
    ),
    "explain": Row(
        "time that `--explain` foretells, at worst over all three shapes",
        "the time the work takes",
        explaining.explained,
        " % off",
        most=30,
    ),
    "load": Row(
        "peak memory of loading the 1.5B shape, bfloat16",
        "its weights on disk",
        memory.loading,
        " x",
        most=1.25,
    ),
}

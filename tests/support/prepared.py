"""The objects that usage lines name: each made once, small, and only when a line names it.

    shared = Shared(folder)      # the current folder of the lines
    shared.model, shared.samples

What a word means differs by package in places (`options`): the classes `Of...` hold those.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import tempfile
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from tests.tuning.exports import write_export

ROOT = Path(__file__).resolve().parents[2]
# Rows of each bundled pool that the lines may read: enough for a probe of the default size.
POOLS = {"generated": 320, "gsm8k": 24, "math": 24, "text": 60}
HASH = "1a2b3c4d"


def cut_pools(folder: Path) -> dict[str, str]:
    """The first rows of every bundled pool, by name."""
    folder.mkdir()
    for name, n in POOLS.items():
        with gzip.open(ROOT / f"data/pools/{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            (folder / f"{name}.jsonl").write_text("".join(islice(file, n)), encoding="utf-8")
    return {name: str(folder / f"{name}.jsonl") for name in POOLS}


def copy_runs(folder: Path) -> None:
    """The bundled finished runs; each also as `<stage>-1a2b3c4d`."""
    shutil.copytree(ROOT / "data/demo_runs", folder)
    for path in sorted(folder.iterdir()):
        alias = folder / f"{path.name.rpartition('-')[0]}-{HASH}"
        if not alias.exists():
            alias.symlink_to(path.name)


class Shared:
    """Words that mean the same in every package; paths are relative to the folder of the lines."""

    def __init__(self, home: Path):
        self.home = home
        self.pools = cut_pools(home / "pools")
        copy_runs(home / "runs")
        rows = [{"problem": f"{i} + {i}?", "solution": f"{2 * i}"} for i in range(4)]
        (home / "my").mkdir()
        self._write("my/sums.jsonl", rows)
        write_export(home / "subset")
        (home / "a.jsonl.gz").write_bytes(gzip.compress((home / "my/sums.jsonl").read_bytes()))

    def _write(self, name: str, rows: list[dict]) -> Path:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (self.home / name).write_text(text, encoding="utf-8")
        return self.home / name

    def run(self, start: str) -> Path:
        """The finished run whose name begins so."""
        return Path("runs") / f"{start}-{HASH}"

    # Models

    @cached_property
    def model(self):
        from workbench.models import load_model

        return load_model("math-tiny", device="cpu")

    @cached_property
    def hooked(self):
        return self.model.hooked

    @cached_property
    def tokenizer(self):
        return self.model.tokenizer

    @cached_property
    def config(self):
        return self.hooked.original_model.config

    @property
    def n_layers(self):
        return self.model.n_layers

    @cached_property
    def folder(self):
        return ROOT / "data/models/math-tiny"

    # Rows

    @cached_property
    def samples(self):
        from workbench.data import read_samples

        return list(read_samples(["generated"]))[:6]

    @cached_property
    def sample(self):
        return self.samples[0]

    @cached_property
    def completion(self):
        return "3 + 4 = 7.\nThen 7 - 2 = 5.\nSo the answer is 5.\n#### 5"

    @cached_property
    def decoded_text(self):
        return self.completion

    @cached_property
    def held_out(self):
        return self.samples[3:]

    @cached_property
    def plain_text(self):
        from workbench.data import read_samples

        return [s for s in read_samples(["text"]) if len(s.text or "") < 400][:4]

    @cached_property
    def texts(self):
        return [sample.text for sample in self.plain_text]

    @cached_property
    def sentences(self):
        from workbench.data import plain_sentences, read_samples

        return plain_sentences(s.text for s in read_samples(["text"]))

    @cached_property
    def probe(self):
        from workbench.types import ProbeSet

        return ProbeSet(tuple(self.samples), strategy="random", seed=0)

    @cached_property
    def rendered(self):
        from workbench.probe import rendered_probe

        return rendered_probe(self.model, self.probe)

    @property
    def batches(self):
        return [list(range(len(self.rendered)))]

    @cached_property
    def prompts(self):
        return [r.ids[: r.prompt_length] for r in self.rendered[:2]]

    @property
    def prompt_ids(self):
        return self.prompts[0]

    @cached_property
    def ids(self):
        from workbench.models import padded

        return padded([r.ids for r in self.rendered[:2]], self.model.pad_id)

    @property
    def n_pos(self):
        return self.ids.shape[1]

    @cached_property
    def counted(self):
        from workbench.models import counted_mask

        return counted_mask(self.rendered[:2], "completion")

    @property
    def spans(self):
        return torch.tensor([[(0, self.n_pos)] * len(self.ids)])

    # Heads

    @property
    def heads_path(self):
        return self.run("heads-exact") / "heads.json"

    @cached_property
    def heads(self):
        from workbench.circuits import read_heads

        return read_heads(self.heads_path)

    @cached_property
    def circuit(self):
        from workbench.circuits import circuit_of

        return circuit_of(self.heads)

    @cached_property
    def sets(self):
        return [(), self.circuit.heads]

    @cached_property
    def ranked(self):
        from workbench.types import Head

        return [Head(h.layer, h.head) for h in sorted(self.heads.heads, key=lambda h: h.rank)]

    @property
    def a(self):
        return self.heads

    @cached_property
    def b(self):
        from workbench.circuits import read_heads

        return read_heads(self.run("heads-retrieval") / "heads.json")

    @cached_property
    def importance(self):
        from workbench.circuits import Importance

        rng = np.random.default_rng(0)
        ids = tuple(s.row_id for s in self.samples)
        return Importance(ids, 1 + rng.random(len(ids)), rng.normal(size=(len(ids), 4, 8)))

    @property
    def reasoning(self):
        return self.importance

    @property
    def deltas(self):
        return self.importance.flat

    @cached_property
    def measure(self):
        drawn = np.random.default_rng(0).normal(size=(300, 144)) + np.linspace(9, 0, 144)
        return lambda samples, heads: drawn[np.ix_(samples, heads)]

    @cached_property
    def circuit_costs(self):
        return np.array([0.5, 0.6, 0.4])

    @cached_property
    def random_costs(self):
        return np.array([[0.1, 0.2, 0.1], [0.2, 0.1, 0.3]])

    @property
    def validation_path(self):
        return self.run("validate") / "validation.json"

    @cached_property
    def report(self):
        return json.loads(self.validation_path.read_text(encoding="utf-8"))

    @cached_property
    def pattern(self):
        from workbench.models import uniform_pattern

        return uniform_pattern(5).repeat(1, 2, 1, 1)

    @property
    def head(self):
        return 0

    @property
    def start(self):
        return torch.tensor([0])

    @property
    def end(self):
        return torch.tensor([5])

    @cached_property
    def uniform(self):
        from workbench.models import uniform_column_mean

        return uniform_column_mean(5).numpy()

    @property
    def d_head(self):
        return 4

    @cached_property
    def query(self):
        return torch.randn(2, 3, 7, 4, generator=torch.Generator().manual_seed(0))

    @property
    def key(self):
        return self.query

    # Runs

    @cached_property
    def place(self):
        from workbench.stages import Place

        return Place(Path("runs"))

    @cached_property
    def source(self):
        from workbench.stages import ModelSource

        return ModelSource("math-tiny", device="cpu")

    @cached_property
    def probe_path(self):
        from workbench.stages import ProbeOptions, run_probe

        options = ProbeOptions(n=8, strategy="random")
        return run_probe(self.place, self.source, ["generated"], options).result

    @property
    def scores_path(self):
        return self.run("score-circuitseer") / "scores.parquet"

    @cached_property
    def frame(self):
        return pd.read_parquet(self.scores_path)

    @property
    def spec(self):
        from workbench.runs import RunSpec

        return RunSpec("score-circuitseer", {"variant": "cv2"}, {})

    @property
    def shards(self):
        import pyarrow as pa

        return enumerate([pa.table({"score": [0.5]}), pa.table({"score": [0.25]})])

    @property
    def run_folder(self):
        return Path(tempfile.mkdtemp(dir=self.home))

    @property
    def sha256(self):
        return "0" * 64

    @property
    def out(self):
        """A folder that is not there yet."""
        return Path(tempfile.mkdtemp(dir=self.home)) / "out"

    @property
    def provenance(self):
        return {"model": "math-tiny", "method": "circuitseer", "policy": "soft", "seed": 0}


class OfPackage:
    """Words of one package; the others are those of `shared`."""

    def __init__(self, shared: Shared):
        self.shared = shared


class OfConfig(OfPackage):
    @property
    def config(self):
        return {"variant": "cv2"}


class OfData(OfPackage):
    rows = ({"prompt": "1 + 1?", "completion": "2"},)
    lengths = (3, 5, 8)

    @property
    def chunks(self):
        return iter([self.rows])

    @property
    def rng(self):
        return random.Random(0)

    @property
    def count(self):
        return lambda document: len(document.prompt) // 2


class OfScoring(OfPackage):
    scores = np.array([0.5, 0.1, 0.9])
    lengths = np.array([10, 12, 14])
    n_tokens = np.array([4, 5, 6])
    row_ids = ("row-1", "row-2", "row-3")

    @cached_property
    def options(self):
        from workbench.scoring import ScoreOptions

        return ScoreOptions("circuitseer")

    @cached_property
    def chars(self):
        text = self.shared.completion
        return np.array([(i, i + 1) for i in range(len(text))])


class OfSelection(OfPackage):
    n_tokens = np.array([10, 20, 30, 40])
    order = np.array([2, 0, 3, 1])
    row_ids = ("row-1", "row-2", "row-3", "row-4")

    @property
    def scores(self):
        return self.shared.frame

    @cached_property
    def pool_table(self):
        from workbench.selection.pool import read_pool

        return read_pool(self.shared.frame)

    @property
    def chosen_positions(self):
        return np.arange(5)

    @property
    def p(self):
        n = len(self.pool_table)
        return np.full(n, 1 / n)

    @property
    def selection(self):
        from workbench.data import read_samples

        ids = [s.row_id for s in islice(read_samples(["generated"]), 2)]
        return pd.DataFrame({"row_id": ids, "score": 1.0, "p": 0.5, "rank": [1, 2]})

    @property
    def row(self):
        return dict(self.shared.sample.row)

    @cached_property
    def layout(self):
        from workbench.selection.layout import row_layout, shape_of_export

        return row_layout(self.row, shape_of_export(self.shared.sample, "jsonl"))


class OfFigures(OfPackage):
    tokens = ("1", "+", "1")
    received = np.array([0.2, 0.3, 0.5])
    edges = np.array([0.0, 0.5, 1.0])
    counts = np.array([3, 4])
    scores = np.array([0.5, 0.1])
    weights = np.array([1.0, 1.0])
    parts = ("3 + 4 = 7.", "#### 7")
    pool = np.array([0.1, 0.2, 0.3, 0.4])
    chosen = np.array([0.3, 0.4])

    @property
    def path(self):
        return self.shared.heads_path

    @property
    def pattern(self):
        return self.shared.pattern[0, 0, :3, :3].numpy()

    @cached_property
    def mask(self):
        path = self.shared.run("amplify-mask") / "mask.json"
        return json.loads(path.read_text(encoding="utf-8"))

    @property
    def report_path(self):
        return self.shared.run("amplify-report") / "report.json"

    @property
    def steps(self):
        table = pd.read_parquet(self.shared.run("score-air") / "steps.parquet")
        return table[table["row_id"] == table["row_id"][0]]

    @property
    def row(self):
        from workbench.amplification import read_pivots

        rows = read_pivots(self.shared.run("amplify-localize") / "pivots.parquet")
        return next(row for row in rows if row["status"] == "ok")


class OfTuning(OfPackage):
    n = 4

    @cached_property
    def options(self):
        from workbench.tuning import TuneOptions

        return TuneOptions(max_steps=1, batch_size=2)

    @cached_property
    def export(self):
        from workbench.tuning import read_export

        return read_export(Path("subset"))

    @cached_property
    def summary(self):
        from workbench.stages import run_tune

        shared = self.shared
        return run_tune(shared.place, shared.source, Path("subset"), self.options).summary

    @property
    def network(self):
        """A fresh network of the checkpoint, which may be trained."""
        from workbench.models import load_plain

        return load_plain("math-tiny")[0]

    @cached_property
    def examples(self):
        from workbench.tuning import make_examples

        rows = self.export.rows()
        return make_examples(rows, self.shared.tokenizer, n_ctx=512).rows

    @property
    def dataset(self):
        from workbench.tuning.batches import as_dataset

        return as_dataset(self.examples, weighted=True)

    @property
    def optimizer(self):
        return torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])

    @property
    def curve(self):
        return [{"step": 1, "loss": 1.0, "learning_rate": 1e-4, "grad_norm": 1.0}]

    @property
    def logits(self):
        return torch.zeros(1, 5, 8)

    @property
    def labels(self):
        return torch.tensor([[0, 1, 2, 3, 4]])

    @property
    def weights(self):
        return torch.ones(1, 5)

    @property
    def chars(self):
        return np.array([[0, 2], [3, 5]])

    @property
    def steps_path(self):
        return self.shared.run("score-air") / "steps.parquet"


class OfAmplification(OfPackage):
    warnings = ()

    def _file(self, start: str, name: str) -> Path:
        return self.shared.run(f"amplify-{start}") / name

    @property
    def pivots_path(self):
        return self._file("localize", "pivots.parquet")

    @property
    def mask_path(self):
        return self._file("mask", "mask.json")

    @cached_property
    def summary(self):
        return json.loads(self._file("update-mask", "update.json").read_text(encoding="utf-8"))

    @cached_property
    def kept(self):
        from workbench.amplification import read_mask

        return read_mask(self.mask_path)[0]

    @cached_property
    def shape(self):
        from workbench.amplification import read_mask

        return read_mask(self.mask_path)[1]

    @cached_property
    def values(self):
        from workbench.amplification import KINDS

        return {kind: torch.ones(4, self.shape.per_layer(kind)) for kind in KINDS}

    @cached_property
    def plain(self):
        from workbench.amplification import plain_network

        return plain_network("math-tiny")

    @property
    def network(self):
        return self.plain.hooked.original_model

    @cached_property
    def problems(self):
        from workbench.amplification import problems_of

        return problems_of(self.shared.model, self.shared.samples[:2])

    @cached_property
    def examples(self):
        from workbench.amplification import read_examples

        found = read_examples(self.pivots_path)
        return sorted(found, key=lambda example: len(example.prefix))[:3]

    @property
    def rows(self):
        return [example.prefix for example in self.examples]

    @cached_property
    def located(self):
        from workbench.amplification import PivotOptions, find_pivots

        return find_pivots(self.plain, self.problems, PivotOptions(max_new_tokens=8, n_samples=0))

    @cached_property
    def found(self):
        from workbench.amplification import MaskOptions, learn_mask

        return learn_mask(self.shared.model, self.examples, MaskOptions(epochs=1))

    @cached_property
    def options(self):
        from workbench.amplification import UpdateOptions

        return UpdateOptions(steps=1)

    @property
    def accuracy(self):
        return lambda: 0.5

    @cached_property
    def layout(self):
        from workbench.amplification import read_layout

        return read_layout(self.network, self.shape)

    @property
    def dtypes(self):
        return dict.fromkeys(self.layout.every_name, torch.float32)

    @cached_property
    def trainable(self):
        from workbench.amplification import RowMasters

        return RowMasters(self.network, self.layout.rows(self.kept), self.dtypes)

    @property
    def loss(self):
        return sum(w.sum() for w in self.trainable.weights.values())

    @property
    def greedy(self):
        return (5, 6, 7)

    @property
    def sampled(self):
        return (5, 8, 7)

    @property
    def curve(self):
        return [{"epoch": 1, "kept": 3}]

    @property
    def base(self):
        return json.loads(self._file("report", "measured-base.json").read_text("utf-8"))

    @property
    def report(self):
        return json.loads(self._file("report", "report.json").read_text(encoding="utf-8"))

    @property
    def facts(self):
        return {"problems": self.report["problems"]}

    @property
    def variants(self):
        return {"mask": [self.base | self.summary]}


class OfStages(OfPackage):
    path = OfFigures.path
    options = OfScoring.options

    def _outcome(self, start: str, name: str) -> SimpleNamespace:
        folder = self.shared.run(start)
        return SimpleNamespace(run=folder, result=folder / name)

    @property
    def mask_path(self):
        return self.mask.result

    @property
    def pivots(self):
        return self._outcome("amplify-localize", "pivots.json")

    @property
    def mask(self):
        return self._outcome("amplify-mask", "mask.json")

    @property
    def update(self):
        return self._outcome("amplify-update-mask", "update.json")


WORDS = {
    "config": OfConfig,
    "data": OfData,
    "scoring": OfScoring,
    "selection": OfSelection,
    "figures": OfFigures,
    "reports": OfFigures,
    "tuning": OfTuning,
    "amplification": OfAmplification,
    "stages": OfStages,
}


class Prepared:
    """`words("tuning")` looks names up for a package; LookupError for a word nobody knows."""

    def __init__(self, home: Path):
        self.shared = Shared(home)
        self.packages = {name: words(self.shared) for name, words in WORDS.items()}

    def word(self, package: str, name: str):
        of_package = self.packages.get(package)
        for place in (of_package, self.shared):
            if place is not None and hasattr(type(place), name):
                return getattr(place, name)
        raise LookupError(name)

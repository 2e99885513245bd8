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
from functools import cached_property, partial
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
    """Words that mean the same in every package; paths are relative to the folder of the lines.

    `public` has what the packages show, wherever it lies.
    """

    def __init__(self, home: Path, public: SimpleNamespace):
        self.home, self.public = home, public
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
        return self.public.load_model("math-tiny", device="cpu")

    @cached_property
    def engine(self):
        return self.public.choose_engine(self.model)

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

    @cached_property
    def adapter(self):
        """An adapter over the bundled model, as far as its configuration goes."""
        folder = Path("my/adapter")
        folder.mkdir()
        config = {"base_model_name_or_path": "math-tiny"}
        (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    # Rows

    @cached_property
    def samples(self):
        """Four short problems."""
        rows = list(self.public.read_samples(["generated"]))
        return sorted(rows, key=lambda s: len(s.prompt + s.completion))[:4]

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
        return self.samples[2:]

    @cached_property
    def plain_text(self):
        return [s for s in self.public.read_samples(["text"]) if len(s.text or "") < 400][:4]

    @cached_property
    def texts(self):
        return [sample.text for sample in self.plain_text]

    @cached_property
    def sentences(self):
        return self.public.plain_sentences(s.text for s in self.public.read_samples(["text"]))

    @cached_property
    def probe(self):
        return self.public.ProbeSet(tuple(self.samples), strategy="random", seed=0)

    @cached_property
    def rendered(self):
        return self.public.rendered_probe(self.model, self.probe)

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
        return self.public.padded([r.ids for r in self.rendered[:2]], self.model.pad_id)

    n_pos = 5

    @cached_property
    def counted(self):
        return self.public.counted_mask(self.rendered[:2], "completion")

    @property
    def ids_twice(self):
        return self.ids.repeat(2, 1)

    @cached_property
    def residual(self):
        return self.public.capture(self.model, self.ids).final

    @property
    def windows(self):
        return [(0, self.ids.shape[1])] * len(self.ids)

    @property
    def windows_without_sink(self):
        return [(1, self.ids.shape[1])] * len(self.ids)

    @property
    def reference_rows(self):
        return self.rendered

    @property
    def ids_of_rows(self):
        return [r.ids for r in self.rendered[:2]]

    @cached_property
    def ablation(self):
        from workbench.ablation import KINDS, prepare

        return prepare(self.engine, KINDS["mean"], self.reference_rows, seed=0)

    @property
    def spans(self):
        return torch.tensor([[(0, self.ids.shape[1])] * len(self.ids)])

    # Heads

    @property
    def heads_path(self):
        return self.run("heads-exact") / "heads.json"

    @cached_property
    def heads(self):
        return self.public.read_heads(self.heads_path)

    @cached_property
    def circuit(self):
        return self.public.circuit_of(self.heads)

    @cached_property
    def sets(self):
        return [(), self.circuit.heads]

    @cached_property
    def ranked(self):
        return [
            self.public.Head(h.layer, h.head)
            for h in sorted(self.heads.heads, key=lambda h: h.rank)
        ]

    @property
    def a(self):
        return self.heads

    @cached_property
    def b(self):
        return self.public.read_heads(self.run("heads-retrieval") / "heads.json")

    @cached_property
    def importance(self):
        rng = np.random.default_rng(0)
        ids = tuple(s.row_id for s in self.samples)
        return self.public.Importance(
            ids, 1 + rng.random(len(ids)), rng.normal(size=(len(ids), 4, 8))
        )

    @property
    def reasoning(self):
        return self.importance

    @property
    def control(self):
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
        return self.public.uniform_pattern(5).repeat(1, 2, 1, 1)

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
        return self.public.uniform_column_mean(5).numpy()

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
        return self.public.Place(Path("runs"))

    @cached_property
    def source(self):
        return self.public.ModelSource("math-tiny", device="cpu")

    @cached_property
    def probe_path(self):
        options = self.public.ProbeOptions(n=8, strategy="random")
        return self.public.run_probe(self.place, self.source, ["generated"], options).result

    @property
    def scores_path(self):
        return self.run("score-circuitseer") / "scores.parquet"

    @cached_property
    def frame(self):
        return pd.read_parquet(self.scores_path)

    @property
    def spec(self):
        return self.public.RunSpec("score-circuitseer", {"variant": "cv2"}, {})

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
        self.shared, self.public = shared, shared.public


class OfConfig(OfPackage):
    @property
    def config(self):
        return {"variant": "cv2"}


class OfEngines(OfPackage):
    batch = (0, 1)
    lengths = (3, 4)

    @property
    def work(self):
        return sorted

    @property
    def resolve_placement(self):
        from workbench.models.placement import resolve_placement

        return resolve_placement


class OfData(OfPackage):
    rows = ({"prompt": "1 + 1?", "completion": "2"},)
    lengths = (3, 5, 8)

    @property
    def chunks(self):
        return iter([list(self.rows)])

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

    @property
    def loss_base(self):
        return np.full(len(self.shared.completion), 0.5)

    @property
    def loss_weak(self):
        return np.full(len(self.shared.completion), 0.7)

    @cached_property
    def options(self):
        return self.public.ScoreRequest.of("circuitseer")

    @cached_property
    def request(self):
        return self.public.ScoreRequest.of("circuitseer")

    @property
    def rows(self):
        return self.shared.samples

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
        ids = [s.row_id for s in self.shared.samples[:2]]
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
        rows = self.public.read_pivots(self.shared.run("amplify-localize") / "pivots.parquet")
        return next(row for row in rows if row["status"] == "ok")


class OfTuning(OfPackage):
    n = 4

    @cached_property
    def options(self):
        return self.public.TuneOptions(max_steps=1, batch_size=2)

    @cached_property
    def export(self):
        return self.public.read_export(Path("subset"))

    @cached_property
    def summary(self):
        shared = self.shared
        return self.public.run_tune(
            shared.place, shared.source, Path("subset"), self.options
        ).summary

    @property
    def network(self):
        """A fresh network of the checkpoint, which may be trained."""
        return self.public.load_plain("math-tiny")[0]

    @cached_property
    def examples(self):
        rows = self.export.rows()
        return self.public.make_examples(rows, self.shared.tokenizer, n_ctx=512).rows

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
        """The first steps of the bundled run: reading all takes seconds."""
        steps = pd.read_parquet(self.shared.run("score-air") / "steps.parquet")
        steps[:20].to_parquet("steps.parquet")
        return Path("steps.parquet")


class OfAmplification(OfPackage):
    warnings = ()
    kinds = ("query", "key", "value", "neuron")

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
        return self.public.read_mask(self.mask_path)[0]

    @cached_property
    def shape(self):
        return self.public.read_mask(self.mask_path)[1]

    @cached_property
    def values(self):
        return {kind: torch.ones(4, self.shape.per_layer(kind)) for kind in self.kinds}

    @cached_property
    def network(self):
        return self.public.plain_network("math-tiny")

    @property
    def wrapped(self):
        """What `network` is around, as `transformers` has it."""
        return self.network.wrapped

    @property
    def pool(self):
        return list(self.public.read_samples(["generated"]))

    @cached_property
    def problems(self):
        return self.public.problems_of(self.network, self.shared.samples[:2])

    @cached_property
    def examples(self):
        found = self.public.read_examples(self.pivots_path)
        return sorted(found, key=lambda example: len(example.prefix))[:6]

    @property
    def rows(self):
        return [example.prefix for example in self.examples]

    @property
    def hooks_of(self):
        from workbench.amplification.mask import mask_hooks

        return partial(mask_hooks, self.shape)

    @cached_property
    def located(self):
        return self.public.find_pivots(
            self.network, self.problems, self.public.PivotOptions(max_new_tokens=8, n_samples=0)
        )

    @cached_property
    def found(self):
        return self.public.learn_mask(
            self.shared.model, self.examples, self.public.MaskOptions(epochs=1)
        )

    @cached_property
    def options(self):
        return self.public.UpdateOptions(steps=1)

    @property
    def accuracy(self):
        return lambda: 0.5

    @cached_property
    def layout(self):
        return self.public.read_layout(self.wrapped, self.shape)

    @property
    def dtypes(self):
        return dict.fromkeys(self.layout.every_name, torch.float32)

    @cached_property
    def trainable(self):
        return self.public.RowMasters(self.wrapped, self.layout.rows(self.kept), self.dtypes)

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
    "engines": OfEngines,
    "models": OfEngines,
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

    def __init__(self, home: Path, public: SimpleNamespace):
        self.shared = Shared(home, public)
        self.packages = {name: words(self.shared) for name, words in WORDS.items()}

    def word(self, package: str, name: str):
        of_package = self.packages.get(package)
        for place in (of_package, self.shared):
            if place is not None and hasattr(type(place), name):
                return getattr(place, name)
        raise LookupError(name)

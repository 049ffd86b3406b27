"""Keeps what pilots have measured: one SQLite file, one row a run, safe against kills at any moment.

Rows are written by the parent process of a runner only, several parents may share a file. It never trains anything.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from budget.errors import Fault, InvalidInput, LabelBudgetError
from pilots.trainers import Outcome, Run

if TYPE_CHECKING:
    import pandas as pd

APPLICATION_ID = 0x4C424447  # "LBDG": tells our files from anyone else's SQLite
IMPORTED = "imported"
Pools = tuple[tuple[str, int], ...]
BUSY_SECONDS = 60.0
NETWORK_DISKS = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs"),
    *("lustre", "nfs", "nfs4", "ocfs2", "smb3", "virtiofs", "wekafs"),
}

# One script a version of the format; `user_version` says how many have been applied.
MIGRATIONS = (
    """
    CREATE TABLE recipe (
        hash TEXT PRIMARY KEY, text TEXT NOT NULL, used TEXT NOT NULL
    ) STRICT;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        recipe TEXT NOT NULL REFERENCES recipe (hash),
        task TEXT NOT NULL, labels INTEGER NOT NULL CHECK (labels >= 0), pools TEXT NOT NULL,
        strategy TEXT NOT NULL, annotators INTEGER NOT NULL, mode TEXT NOT NULL, seed INTEGER NOT NULL,
        score REAL, test_size INTEGER, seconds REAL, device TEXT NOT NULL, note TEXT NOT NULL,
        name TEXT NOT NULL, started TEXT NOT NULL,
        UNIQUE (recipe, task, labels, pools, strategy, annotators, mode, seed)
    ) STRICT;
    """,
    """
    CREATE TABLE pretraining (
        recipe TEXT NOT NULL, pools TEXT NOT NULL, seed INTEGER NOT NULL, seconds REAL NOT NULL,
        PRIMARY KEY (recipe, pools, seed)
    ) STRICT;
    """,
    """
    ALTER TABLE run RENAME TO run_before;
    CREATE TABLE run (
        id INTEGER PRIMARY KEY,
        recipe TEXT NOT NULL REFERENCES recipe (hash),
        task TEXT NOT NULL, labels INTEGER NOT NULL CHECK (labels >= 0), pools TEXT NOT NULL,
        strategy TEXT NOT NULL, annotators INTEGER NOT NULL, mode TEXT NOT NULL, seed INTEGER NOT NULL,
        backbone TEXT NOT NULL,
        score REAL, test_size INTEGER, seconds REAL, device TEXT NOT NULL, note TEXT NOT NULL,
        name TEXT NOT NULL, started TEXT NOT NULL,
        UNIQUE (recipe, task, labels, pools, strategy, annotators, mode, seed, backbone)
    ) STRICT;
    INSERT INTO run SELECT id, recipe, task, labels, pools, strategy, annotators, mode, seed, '',
        score, test_size, seconds, device, note, name, started FROM run_before;
    DROP TABLE run_before;
    """,
    """
    ALTER TABLE recipe ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
    UPDATE recipe SET turn = (
        SELECT count(*) FROM recipe AS other WHERE (other.used, other.rowid) <= (recipe.used, recipe.rowid)
    );
    """,
)

KEY = """recipe = ? AND task = ? AND labels = ? AND pools = ?
         AND strategy = ? AND annotators = ? AND mode = ? AND seed = ? AND backbone = ?"""

# A success replaces a failure of the same run, and so does a failure for another reason; nothing replaces a success.
INSERT = """
INSERT INTO run (recipe, task, labels, pools, strategy, annotators, mode, seed, backbone,
                 score, test_size, seconds, device, note, name, started)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET score = excluded.score, test_size = excluded.test_size, seconds = excluded.seconds,
    device = excluded.device, note = excluded.note, name = excluded.name, started = excluded.started
WHERE run.score IS NULL AND (excluded.score IS NOT NULL OR excluded.note <> run.note)
"""


@dataclass(frozen=True)
class Row:
    """One run as it is kept. `name` says where its log lies (for an import: the file it came from)."""

    run: Run
    outcome: Outcome
    name: str
    started: str


@dataclass(frozen=True)
class Status:
    """How far a task is: runs with a score, failed runs, the sizes they cover, and why the last one failed."""

    task: str
    done: int
    failed: int
    smallest: int
    largest: int
    last_failure: str


def canonical(run: Run) -> Run:
    """The one spelling of a run: pools in order of their names, those of no labels left out.

    >>> canonical(Run("cars", 50, 0, (("web", 0), ("general", 100)))).pools
    (('general', 100),)
    """
    return replace(run, pools=tuple(sorted((name, labels) for name, labels in run.pools if labels)))


def recipe_hash(recipe: str) -> str:
    """Sixteen hexadecimal digits that stand for a recipe."""
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def run_name(run: Run) -> str:
    """A short name for a run, good for a folder: the same run has the same name wherever it is carried out.

    >>> run_name(Run("cars", 50, 0)) == run_name(Run("cars", 50, 0, (("general", 0),)))
    True
    """
    defined = asdict(canonical(run))
    if not run.backbone:
        del defined["backbone"]  # as it was before there was a choice
    return hashlib.sha256(json.dumps(defined, sort_keys=True).encode()).hexdigest()[:16]


def now() -> str:
    """The time, UTC, as it is written into the store."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Store:
    """The pilots' SQLite file; beside it `folder`, with logs, results in flight and pretrained networks.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place, Store.open(Path(place) / "pilots.sqlite") as store:
    ...     store.record("recipe", Row(Run("cars", 50, 0), Outcome(0.5, 100, 1.0, "cpu"), "a", now()))
    ...     store.frame()["score"].tolist()
    [0.5]
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.folder = path.with_name(path.name + ".files")
        self._connection = connection

    @classmethod
    def open(cls, path: str | Path, create: bool = True) -> Store:
        """Open the store at `path`, or begin one there.

        Raises InvalidInput if there is none (and `create` is false), or the file is not ours, damaged, or newer.
        """
        path = Path(path)
        if not create and not path.is_file():
            raise _refuse(path, "no such file", "a store of pilots", "begin one with `labelbudget pilot run`")
        if not create and not path.stat().st_size:
            raise _refuse(path, "an empty file", "a store of pilots", "begin one with `labelbudget pilot run`")
        try:
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise _refuse(path, str(error), "a file in a folder that can be written", "another path") from error
        store = cls(path, connection)
        try:
            store._prepare()
        except sqlite3.Error as error:
            store.close()
            hint = "restore it from a copy, or move it away and begin a new one"
            hint = "wait until the other program that has it open is done" if _busy(error) else hint
            raise _refuse(path, str(error), "an undamaged store of pilots that can be written", hint) from error
        except LabelBudgetError:
            store.close()
            raise
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file. Everything recorded is already on disk."""
        self._connection.close()

    def record(self, recipe: str, row: Row) -> None:
        """Keep one run; when this returns, it is on disk. A run that already has a score keeps it."""
        self.record_all(recipe, (row,))

    def record_all(self, recipe: str, rows: Iterable[Row]) -> int:
        """Keep all rows or, if anything goes wrong, none; the answer is how many of them were new."""
        known = recipe_hash(recipe)
        with self._transaction():
            self._take_turn(recipe)
            before = self._connection.total_changes
            self._connection.executemany(INSERT, (_values(known, row) for row in rows))
            return self._connection.total_changes - before

    def use(self, recipe: str) -> None:
        """From now on this is the recipe used last, even if all of its runs are there already."""
        with self._transaction():
            self._take_turn(recipe)

    def record_pretraining(self, recipe: str, pools: Pools, seed: int, seconds: float) -> None:
        """Keep how long a pretraining took, the first time it is told."""
        values = (recipe_hash(recipe), _json(pools), seed, seconds)
        with self._transaction():
            self._connection.execute("INSERT INTO pretraining VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", values)

    def pretrainings(self, recipe: str | None = None) -> dict[tuple[Pools, int], float]:
        """The seconds of each pretraining of a recipe (default: the one used last), by pools and seed."""
        own = self._last_recipe() if recipe is None else recipe_hash(recipe)
        found = self._connection.execute("SELECT pools, seed, seconds FROM pretraining WHERE recipe = ?", (own,))
        return {(tuple(json.loads(pools).items()), seed): seconds for pools, seed, seconds in found}

    def finished(self, recipe: str, failed: bool = True) -> frozenset[Run]:
        """The runs of a recipe that have a score, and (`failed`) those that were tried and gave none."""
        rows = self._rows("recipe = ?" if failed else "recipe = ? AND score IS NOT NULL", (recipe_hash(recipe),))
        return frozenset(row.run for row in rows)

    def holds(self, recipe: str, run: Run) -> bool:
        """Whether the run has a score."""
        return any(True for _ in self._rows(f"{KEY} AND score IS NOT NULL", _key(recipe_hash(recipe), run)))

    def rows(self, recipe: str | None = None) -> tuple[Row, ...]:
        """What was imported, and the runs of `recipe` (default: the one used last), in the order of their keys.

        Runs of other recipes stay in the file but measure something else. Where a run was both imported and carried
        out, the imported row gives way.
        """
        own = self._last_recipe() if recipe is None else recipe_hash(recipe)
        kept = {row.run: row for row in self._rows("recipe = ?", (recipe_hash(IMPORTED),))}
        kept |= {row.run: row for row in self._rows("recipe = ?", (own,))}
        return tuple(kept[run] for run in sorted(kept, key=_order))

    def left_out(self, recipe: str | None = None) -> int:
        """How many runs in the file belong to another recipe and are therefore not among `rows`."""
        own = self._last_recipe() if recipe is None else recipe_hash(recipe)
        query = "SELECT count(*) FROM run WHERE recipe NOT IN (?, ?)"
        return int(self._connection.execute(query, (own, recipe_hash(IMPORTED))).fetchone()[0])

    def frame(self, recipe: str | None = None) -> pd.DataFrame:
        """`rows` as a table with the columns of measurements; score NaN: the run failed."""
        return to_frame(self.rows(recipe))

    def status(self, recipe: str | None = None) -> tuple[Status, ...]:
        """How far each task is, in order of the tasks' names."""
        rows = self.rows(recipe)
        return tuple(
            _status(task, [row for row in rows if row.run.task == task]) for task in sorted({r.run.task for r in rows})
        )

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA synchronous = FULL")
        if self._pragma("application_id") != APPLICATION_ID:
            self._begin_file()
        if self._pragma("user_version") > len(MIGRATIONS):
            found = f"a store of format {self._pragma('user_version')}"
            raise _refuse(self.path, found, f"format {len(MIGRATIONS)} or older", "a newer version of labelbudget")
        damage = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(damage)
        self._choose_journal()
        with self._transaction():
            for version in range(self._pragma("user_version"), len(MIGRATIONS)):
                for statement in MIGRATIONS[version].split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {version + 1}")

    def _choose_journal(self) -> None:
        """Let readers and a writer work side by side; on a network disk, where that needs memory that machines do not
        share, let them wait for each other. SQLite does not wait by itself for this one lock, so we do."""
        mode = "DELETE" if on_network(self.path) else "WAL"
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute(f"PRAGMA journal_mode = {mode}")
                return
            except sqlite3.OperationalError as error:
                if not _busy(error) or time.monotonic() > give_up:
                    raise
            time.sleep(0.01)

    def _begin_file(self) -> None:
        """Mark an empty file as ours; refuse one that holds somebody else's tables."""
        with self._transaction():
            if self._pragma("application_id") == APPLICATION_ID:
                return
            if self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                found = "an SQLite file of another program"
                raise _refuse(self.path, found, "a store of pilots", "another path, or `labelbudget pilot import`")
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing. Raises LabelBudgetError if it cannot be put on disk."""
        try:
            with self._connection:  # commits, or rolls back what raised
                self._connection.execute("BEGIN IMMEDIATE")
                yield
        except sqlite3.OperationalError as error:
            raise LabelBudgetError(
                f"{self.path}: {error}; nothing of this was kept, what was there before is"
            ) from error

    def _take_turn(self, recipe: str) -> None:
        """Turns are counted: clocks go wrong."""
        self._connection.execute(
            """INSERT INTO recipe (hash, text, used, turn)
               VALUES (?, ?, ?, (SELECT coalesce(max(turn), 0) + 1 FROM recipe))
               ON CONFLICT DO UPDATE SET used = excluded.used, turn = excluded.turn""",
            (recipe_hash(recipe), recipe, now()),
        )

    def _pragma(self, name: str) -> int:
        return int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])

    def _last_recipe(self) -> str:
        query = "SELECT hash FROM recipe WHERE hash <> ? ORDER BY turn DESC LIMIT 1"
        found = self._connection.execute(query, (recipe_hash(IMPORTED),)).fetchone()
        return str(found[0]) if found else ""

    def _rows(self, condition: str, values: tuple[str | int, ...]) -> Iterator[Row]:
        query = f"""SELECT task, labels, seed, pools, strategy, annotators, mode, backbone,
                    score, test_size, seconds, device, note, name, started FROM run WHERE {condition}"""
        for (
            task,
            labels,
            seed,
            pools,
            *how,
            score,
            test_size,
            seconds,
            device,
            note,
            name,
            started,
        ) in self._connection.execute(query, values):
            run = Run(task, labels, seed, tuple(json.loads(pools).items()), *how)
            yield Row(run, Outcome(score, test_size or 0, seconds or 0.0, device, note), name, started)


def on_network(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether a path lies on a disk that other machines may write to."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    kinds = {Path(place.replace("\\040", " ")): kind for _, place, kind, *_ in (line.split(" ") for line in lines)}
    whole = path.resolve()
    return next((kinds[place] for place in (whole, *whole.parents) if place in kinds), "") in NETWORK_DISKS


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows as a table with the columns of measurements, one column for each pool that any run used."""
    import pandas as pd

    rows = tuple(rows)
    pools = sorted({name for row in rows for name, _ in row.run.pools})
    columns: dict[str, tuple[str, list[object]]] = {
        "task": ("str", [row.run.task for row in rows]),
        "labels": ("int64", [row.run.labels for row in rows]),
        "seed": ("int64", [row.run.seed for row in rows]),
        "score": ("float64", [row.outcome.score for row in rows]),
    }
    columns |= {f"pool:{pool}": ("int64", [dict(row.run.pools).get(pool, 0) for row in rows]) for pool in pools}
    columns |= {
        "strategy": ("str", [row.run.strategy for row in rows]),
        "annotators": ("int64", [row.run.annotators for row in rows]),
        "mode": ("str", [row.run.mode for row in rows]),
        "backbone": ("str", [row.run.backbone for row in rows]),
        "test_size": ("float64", [row.outcome.test_size or None for row in rows]),
        "seconds": ("float64", [row.outcome.seconds or None for row in rows]),
        "device": ("str", [row.outcome.device for row in rows]),
        "run": ("str", [row.name for row in rows]),
        "started": ("str", [row.started for row in rows]),
    }
    return pd.DataFrame({name: pd.Series(values, dtype=dtype) for name, (dtype, values) in columns.items()})


def _busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock; the low byte of SQLite's extended code says so."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _values(recipe: str, row: Row) -> tuple[object, ...]:
    outcome = row.outcome
    score = outcome.score if outcome.score is not None and math.isfinite(outcome.score) else None
    rest = (score, outcome.test_size, outcome.seconds, outcome.device, outcome.note, row.name, row.started)
    return (*_key(recipe, row.run), *rest)


def _key(recipe: str, run: Run) -> tuple[str | int, ...]:
    """What defines a run, in the order of KEY."""
    run = canonical(run)
    how = (run.strategy, run.annotators, run.mode, run.seed, run.backbone)
    return (recipe, run.task, run.labels, _json(run.pools), *how)


def _json(pools: Pools) -> str:
    return json.dumps(dict(sorted(pools)), ensure_ascii=False)


def _order(run: Run) -> tuple[object, ...]:
    return (run.task, run.labels, run.pools, run.strategy, run.annotators, run.mode, run.backbone, run.seed)


def _status(task: str, rows: list[Row]) -> Status:
    failures = sorted((row.started, row.outcome.note) for row in rows if row.outcome.score is None)
    labels = [row.run.labels for row in rows]
    last = failures[-1][1] if failures else ""
    return Status(task, len(rows) - len(failures), len(failures), min(labels), max(labels), last)


def _refuse(path: Path, found: str, allowed: str, hint: str) -> InvalidInput:
    return InvalidInput((Fault(str(path), "", found, allowed, hint),))

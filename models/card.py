"""The card: what a model was trained on, how well it does, and where it ends, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from models import metrics
from models.calibration import expected_calibration_error
from models.folder import PLOTS
from models.segments import HUMANS_MIN
from models.split import BY_TIME, FOLDS, Side
from models.thresholds import flagged_share

if TYPE_CHECKING:
    from models.folder import Manifest
    from models.history import Accounts, Trace
    from models.metrics import Metrics, Ranking
    from models.segments import SegmentRate
    from models.split import Split
    from models.training import Fitted, Options

_TOP: Final = 15
Measure = Callable[[NDArray[np.bool_], NDArray[np.float64]], float | None]
_INTERVALS: Final[dict[str, Measure]] = {
    "AUC": metrics.auc,
    "average precision": metrics.average_precision,
    "Brier score": lambda is_bot, scores: float(np.mean((scores - is_bot) ** 2)),
    "expected calibration error": expected_calibration_error,
    "recall at 1 % false positives": lambda is_bot, scores: metrics.recall_at_fpr(is_bot, scores, 0.01),
    "recall at 0.1 % false positives": lambda is_bot, scores: metrics.recall_at_fpr(is_bot, scores, 0.001),
}


@dataclass(frozen=True, slots=True)
class Results:
    """All a card reports on."""

    manifest: Manifest
    fitted: Fitted
    accounts: Accounts
    split: Split
    trace: Trace
    final: NDArray[np.float64]
    """Each account's score after its last event, by the trees of the folds that it is not in."""
    tested: Metrics
    newer: Ranking
    segments: tuple[SegmentRate, ...]
    events_min: int
    synthetic: bool
    options: Options


def write_card(results: Results) -> str:
    """Write the card in Markdown."""
    sections = (_head, _data, _quality, _thresholds, _segments, _features, _tuning, _limits)
    written = (section(results) for section in sections)
    return "\n\n".join(section for section in written if section) + "\n"


def _head(results: Results) -> str:
    manifest = results.manifest
    method = type(results.fitted.calibration).__name__
    lines = [
        f"# Model {manifest.version}",
        "",
        f"LightGBM, {results.fitted.rounds} trees over {len(manifest.features)} features "
        f"(catalogue {manifest.catalogue}), calibrated with {method} regression; seed {results.options.seed}.",
    ]
    if results.synthetic:
        lines += [
            "",
            "**Trained on synthetic data only.** The accounts, their behaviour and the truth about them were made up "
            "by a simulator. Every figure below is about the simulator; none says how well this model does on a real "
            "platform. Train on your own labels before it decides about people.",
        ]
    return "\n".join(lines)


def _data(results: Results) -> str:
    rows = []
    for side in Side:
        on = results.split.on(side)
        humans, bots = int((on & ~results.accounts.is_bot).sum()), int((on & results.accounts.is_bot).sum())
        rows.append([side.name.lower(), humans, bots, int(results.accounts.events[on].sum())])
    newer = (
        "first seen last" if results.split.method == BY_TIME else "of one fold: by time there are too few of a class"
    )
    how = (
        f"Accounts are shared out among {FOLDS} folds, campaigns whole; every figure and threshold below comes from "
        "trees that never saw the account they judge. The model itself has seen all of them. Besides, the newer fifth "
        f"of the accounts ({newer}) is judged by trees that saw the older ones."
    )
    training, doubted = results.manifest.training, results.fitted.doubted
    doubts = f" {doubted:,} labels that other accounts' trees contradict count half." if doubted is not None else ""
    return "\n\n".join(
        [
            "## Data",
            f"{training['labelled_accounts']:,} labelled accounts with events "
            f"({training['labels_without_events']:,} labels without); {_points(training)}. Accounts count equally, "
            f"however many vectors they give; the last weighs as much as all before it.{doubts}",
            f"{how} No account is on two sides, and no campaign (where labels name campaigns).",
            _table(["side", "humans", "bots", "events"], rows),
        ]
    )


def _points(training: dict[str, Any]) -> str:
    if "events" not in training:
        return f"{training['points']:,} vectors from a table made elsewhere"
    return (
        f"{training['events']:,} events from {training['first_event']} to {training['last_event']}; "
        f"{training['points']:,} vectors, taken after {_and(training['points_after'])} events of an account and after "
        "its last, none later than its label (`labelled_at`)"
    )


def _quality(results: Results) -> str:
    is_bot, scores = results.accounts.is_bot, results.final
    rng = np.random.default_rng(results.options.seed)
    rows: list[list[Any]] = []
    for name, metric in _INTERVALS.items():
        interval = metrics.bootstrap(is_bot, scores, metric, rng, results.options.resamples)
        rows.append([name, _number(metric(is_bot, scores)), _range(interval)])
    tested = results.tested
    flagged = [
        ["precision", _number(tested.precision)],
        ["recall", _number(tested.recall)],
        ["F1", _number(tested.f1)],
        ["median events until a bot is flagged", _number(tested.median_events_to_flag)],
        ["median seconds until a bot is flagged", _number(tested.median_seconds_to_flag)],
    ]
    pictures = " ".join(f"![{name}]({PLOTS}/{name}.png)" for name in ("precision_recall", "reliability", "scores"))
    return "\n\n".join(
        [
            "## Quality on accounts the trees never saw",
            "By the score after an account's last event, from trees of the other folds; intervals are 95 % over "
            "resampled accounts.",
            _table(["measure", "value", "interval"], rows),
            "As the stream judges, the newer accounts by trees of the older ones: flagged once the score after any "
            f"event, from the {results.events_min}th on, reaches the review threshold {tested.threshold:.4f}.",
            _table(["measure", "value"], flagged),
            "Flagged by an account's nth event at the latest:",
            _table(["events", "bots", "humans"], _within(tested)),
            _newer(results.newer),
            pictures,
        ]
    )


def _newer(newer: Ranking) -> str:
    return (
        f"The newer {newer.n:,} accounts ({newer.positives:,} bots), by trees of the older ones: AUC "
        f"{_number(newer.auc)}, average precision {_number(newer.average_precision)}, recall at 1 % false positives "
        f"{_number(newer.recall_at_fpr_1pct)}."
    )


def _within(tested: Metrics) -> list[list[Any]]:
    return [
        [n, _percent(share), _percent(tested.humans_flagged_within.get(n, 0.0))]
        for n, share in tested.bots_flagged_within.items()
    ]


def _thresholds(results: Results) -> str:
    highest = results.trace.highest(len(results.accounts), results.events_min)
    is_bot = results.accounts.is_bot
    rows = [
        [
            step,
            f"{threshold.score:.4f}",
            _percent(threshold.false_positive_rate),
            _percent(flagged_share(highest[~is_bot], threshold.score)),
            _percent(flagged_share(highest[is_bot], threshold.score)),
        ]
        for step, threshold in results.manifest.thresholds.items()
    ]
    humans = int((~is_bot).sum())
    return "\n\n".join(
        [
            "## Thresholds",
            f"Chosen on {humans:,} human accounts, by the highest score each ever had. One "
            f"account there is {_percent(1 / max(humans, 1))}: a stricter rate than that allows none, so its threshold "
            "lies just above the highest score seen. No threshold lies below the one before it, nor below the "
            "probability its verdict asks for.",
            _table(["verdict", "from score", "wanted at most", "humans", "bots"], rows),
        ]
    )


def _segments(results: Results) -> str:
    if not results.segments:
        return ""
    dimensions = list(dict.fromkeys(rate.dimension for rate in results.segments))
    of = {name: [rate for rate in results.segments if rate.dimension == name] for name in dimensions}
    return "\n\n".join(
        [
            "## False positives by segment",
            "Humans that reached the review threshold, by what their events say of them. No segment is a model's "
            "input. Each is tested against the others of its table (Fisher's exact test), where both have at least "
            f"{HUMANS_MIN} humans, and **differs** where chance is unlikely over all tests together (false discovery "
            "rate 5 %, Benjamini and Hochberg). Intervals are 95 % (Wilson).",
            *(
                _table([name, "humans", "flagged", "share", "interval", ""], _rates(rates))
                for name, rates in of.items()
            ),
        ]
    )


def _rates(rates: list[SegmentRate]) -> list[list[Any]]:
    return [
        [
            rate.segment,
            rate.humans,
            rate.flagged,
            _percent(rate.false_positive_rate),
            f"{_percent(rate.interval[0])} to {_percent(rate.interval[1])}",
            "**differs**" if rate.differs else "not tested" if rate.p_adjusted is None else "",
        ]
        for rate in rates
    ]


def _features(results: Results) -> str:
    gains = results.fitted.gains
    order = [i for i in np.argsort(-gains, kind="stable")[:_TOP].tolist() if gains[i] > 0]
    rows = [[f"`{results.manifest.features[i]}`", _percent(float(gains[i]))] for i in order]
    return "\n\n".join(["## What weighs most", _table(["feature", "share of gain"], rows)])


def _tuning(results: Results) -> str:
    tuned = results.fitted.tuned
    if tuned is None:
        return ""
    order = sorted(range(len(tuned.tried)), key=lambda i: tuned.tried[i].loss)
    shown = [i for i in order if i in order[:_TOP] or i == 0]
    rows = [
        [
            "before" if i == 0 else str(i),
            f"{tuned.tried[i].loss:.5f}",
            *(f"{value:.4g}" for value in tuned.tried[i].parameters.values()),
        ]
        for i in shown
    ]
    return "\n\n".join(
        [
            "## Tuning",
            f"{len(tuned.tried)} settings of the trees were tried (Optuna's TPE sampler), each by the mean log loss of "
            "the folds left out; the best are used. They were chosen on the accounts that the figures above are of, "
            "which flatters the figures a little.",
            _table(["trial", "log loss", *tuned.best.parameters], rows),
        ]
    )


def _limits(results: Results) -> str:
    limits = [
        "Features are computed from an account's events up to the moment of the score and nothing later, by the "
        "engine that runs on the stream. Labels are taken as true; what an account did after it was labelled is left "
        "out where labels say when.",
        "The share of bots among the labels is taken for the share on the platform; where it differs, scores are "
        "shifted, and thresholds keep their meaning only as rates among humans like those labelled.",
        "An account that behaves unlike any labelled one can score anything.",
        "Thresholds hold for people like those in the data. Measure again where habits differ: new countries, "
        "new features of the platform, holidays.",
    ]
    if not results.accounts.is_bot.sum() >= 100:
        limits.append("There are fewer than 100 bots: read the intervals, not the values.")
    if results.synthetic:
        limits.append("Synthetic data only: nothing here was ever measured on people.")
    return "\n".join(["## Limits", "", *(f"- {limit}" for limit in limits)])


def _table(heading: list[str], rows: list[list[Any]]) -> str:
    cells = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(f"{c:,}" if isinstance(c, int) else c for c in row) + " |" for row in cells)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4f}" if abs(value) < 10 else f"{value:,.0f}"


def _range(interval: tuple[float, float] | None) -> str:
    return "none" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _and(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers)

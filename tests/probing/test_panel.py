from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import oracles
from phonoscope.errors import PanelError
from phonoscope.probing.panel import Panel, check_enough, draw_panel
from phonoscope.settings import ProbingSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from conftest import MakeFrames, Spoken
    from phonoscope.corpus.types import Corpus
    from phonoscope.signal.frames import FrameTable

    Made = tuple[FrameTable, Corpus]

PHONES = "paiz"  # z does not occur


def spoken(n: int = 12, seed: int = 0) -> list[Spoken]:
    """Segments of none to seven frames, more of one phone than of another."""
    draws = np.random.default_rng(seed)
    found: list[Spoken] = []
    for i in range(n):
        said = [("ppppaai."[j], int(draws.integers(0, 8))) for j in draws.integers(0, 8, 15)]
        found.append((f"s{i % 3}", "train" if i % 4 == 0 else "validation", said))
    return found


@pytest.fixture(scope="module")
def made(make_frames: MakeFrames) -> Made:
    return make_frames(spoken(), PHONES)


def posteriors(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give each row of the table its own log probabilities, whatever the order in which they are asked for."""
    drawn = np.random.default_rng(9).dirichlet(np.ones(len(PHONES)), 5_000)
    return np.log(drawn[rows]).astype(np.float32)


def never(rows: NDArray[np.int64]) -> NDArray[np.float32]:
    pytest.fail(f"the model was asked for {len(rows)} rows")


def settings(**changes: Any) -> ProbingSettings:  # noqa: ANN401
    return ProbingSettings(**({"n_per_phone": 1_000, "minimum": 2, "correct_only": False} | changes))


def candidates(made: Made, frame: str) -> list[tuple[int, str, list[int]]]:
    frames, corpus = made
    described = []
    for i, utterance in enumerate(corpus.utterances):
        segments = [(s.phone, round(s.start * 100), round(s.end * 100)) for s in utterance.segments]
        described.append((str(utterance.split), int(frames.offset[i]), segments))
    return oracles.panel_candidates(described, frame)


def is_correct(phone: str, rows: list[int]) -> bool:
    mean = [np.mean([posteriors(np.array([row]))[0, p] for row in rows]) for p in range(len(PHONES))]
    return PHONES[int(np.argmax(mean))] == phone


def samples_of(panel: Panel) -> list[tuple[str, str, list[int]]]:
    """Return (utterance, phone, rows) of each sample."""
    return [
        (utterance, phone, panel.rows[panel.sample_of_row == sample].tolist())
        for sample, utterance, phone in panel.samples.select("sample", "utterance", "phone").iter_rows()
    ]


@pytest.mark.parametrize("correct_only", [True, False])
@pytest.mark.parametrize("frame", ["third", "middle", "mean"])
def test_candidates_are_those_of_the_loops(made: Made, frame: str, correct_only: bool) -> None:  # noqa: FBT001
    predictor = posteriors if correct_only else never
    panel = draw_panel(*made, settings(frame=frame, correct_only=correct_only), 0, predictor)
    expected = candidates(made, frame)
    right = [c for c in expected if not correct_only or is_correct(c[1], c[2])]
    # so many are asked for that all are taken: phone after phone, each phone's in the order of the corpus
    wanted = [(f"u{i}", phone, rows) for name in "pai" for i, phone, rows in right if phone == name]
    assert samples_of(panel) == wanted
    assert panel.samples["sample"].to_list() == list(range(len(wanted)))
    assert panel.phones == ("p", "a", "i")
    assert panel.left_out == ("z",)
    for phone, segments, correct, used, in_panel in panel.counts.iter_rows():
        assert segments == sum(c[1] == phone for c in expected)
        assert correct == (sum(c[1] == phone for c in right) if correct_only else None)
        assert used == sum(c[1] == phone for c in right)
        assert in_panel == (phone != "z")
    assert panel.counts.columns == ["phone", "segments", "correct", "used", "in_panel"]
    assert panel.short == ("a", "i")


@pytest.mark.parametrize("frame", ["third", "middle", "mean"])
def test_samples_say_where_they_come_from(made: Made, frame: str) -> None:
    _, corpus = made
    panel = draw_panel(*made, settings(frame=frame), 0, never)
    assert panel.samples.columns == ["sample", "utterance", "speaker", "phone", "time", "start", "end"]
    by_id = {u.id: u for u in corpus.utterances}
    for row in panel.samples.iter_rows(named=True):
        utterance = by_id[row["utterance"]]
        assert utterance.split == "validation"
        assert row["speaker"] == utterance.speaker
        assert (row["phone"], row["start"], row["end"]) in [(s.phone, s.start, s.end) for s in utterance.segments]
        length = round(100 * (row["end"] - row["start"]))
        after = {"third": 0.025, "middle": (length // 2 + 0.5) / 100, "mean": length / 200}[frame]
        assert row["time"] == pytest.approx(row["start"] + after)


def test_each_phone_has_as_many_samples_as_asked_for_and_none_twice(made: Made) -> None:
    panel = draw_panel(*made, settings(n_per_phone=5), 0, never)
    assert panel.samples["phone"].to_list() == ["p"] * 5 + ["a"] * 5 + ["i"] * 5
    assert panel.counts["used"].to_list() == [5, 5, 5, 0]
    assert panel.short == ()
    assert len(set(panel.rows.tolist())) == 15
    assert panel.sample_of_row.tolist() == list(range(15))
    everything = candidates(made, "third")
    drawn = [(int(u[1:]), phone, rows) for u, phone, rows in samples_of(panel)]
    assert all(sample in everything for sample in drawn)
    assert [everything.index(sample) for sample in drawn[:5]] == sorted(everything.index(s) for s in drawn[:5])


def test_only_correct_ones_are_drawn(made: Made) -> None:
    panel = draw_panel(*made, settings(n_per_phone=3, correct_only=True), 0, posteriors)
    assert all(is_correct(phone, rows) for _, phone, rows in samples_of(panel))


def test_a_seed_draws_the_same_and_another_others(made: Made) -> None:
    drawn = [draw_panel(*made, settings(n_per_phone=4), seed, never).rows.tolist() for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len({tuple(rows) for rows in drawn}) == 4


def test_every_candidate_has_its_chance(made: Made) -> None:
    seen = {
        tuple(r)
        for seed in range(60)
        for _, _, r in samples_of(draw_panel(*made, settings(n_per_phone=5), seed, never))
    }
    assert seen == {tuple(rows) for _, _, rows in candidates(made, "third")}


def test_a_phone_s_draw_does_not_depend_on_the_others(made: Made) -> None:
    frames, corpus = made
    wanted = settings(n_per_phone=4)
    whole = draw_panel(frames, corpus, wanted, 7, never)
    # fewer i's, by declaring some of them a's: p is drawn as before
    table = frames.segments
    phone = table.phone.copy()
    phone[np.flatnonzero(phone == 2)[::2]] = 1
    changed = draw_panel(replace(frames, segments=replace(table, phone=phone)), corpus, wanted, 7, never)
    assert samples_of(changed)[:4] == samples_of(whole)[:4]
    assert samples_of(changed)[4:] != samples_of(whole)[4:]


def test_a_phone_with_too_few_samples_is_left_out(made: Made) -> None:
    counts = draw_panel(*made, settings(), 0, never).counts
    number = dict(counts.select("phone", "used").iter_rows())
    assert number["p"] > number["a"] > number["i"] > 2
    panel = draw_panel(*made, settings(minimum=number["i"] + 1), 0, never)
    assert panel.phones == ("p", "a")
    assert panel.left_out == ("i", "z")
    assert panel.counts["used"].to_list() == [number["p"], number["a"], 0, 0]
    assert set(panel.samples["phone"]) == {"p", "a"}
    assert draw_panel(*made, settings(minimum=number["i"]), 0, never).phones == ("p", "a", "i")
    # more can not be asked for than are to be drawn
    assert draw_panel(*made, settings(minimum=500, n_per_phone=3), 0, never).phones == ("p", "a", "i")


def test_too_few_phones_are_an_error_that_names_the_richest(made: Made) -> None:
    with pytest.raises(PanelError, match=r"/p/ \d+, /a/ \d+, /i/ \d+.*--probing\.minimum"):
        draw_panel(*made, settings(minimum=1_000), 0, never)

    def wrong(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(np.log(np.array([0.1, 0.1, 0.1, 0.7], np.float32)), (len(rows), 1))

    with pytest.raises(PanelError, match=r"correct.*--probing\.correct_only false"):
        draw_panel(*made, settings(correct_only=True), 0, wrong)


def test_enough_speech_is_seen_before_any_training(made: Made) -> None:
    _, corpus = made
    check_enough(corpus, settings(minimum=3))
    with pytest.raises(PanelError, match=r"segments.*/p/"):
        check_enough(corpus, settings(minimum=900))
    check_enough(corpus, settings(minimum=900, n_per_phone=3))


def test_a_corpus_without_validation_is_an_error(make_frames: MakeFrames) -> None:
    made = make_frames([("ann", "train", [("p", 5), ("a", 5)])], PHONES)
    for correct_only in (True, False):
        with pytest.raises(PanelError, match="validation"):
            draw_panel(*made, settings(correct_only=correct_only), 0, posteriors)

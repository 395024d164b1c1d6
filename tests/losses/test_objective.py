from __future__ import annotations

import gc
import math
import weakref

import pytest
import torch
import torch.nn.functional as F

from diffstyler_cli.errors import NumericalError
from diffstyler_cli.losses.aesthetic import AestheticLoss
from diffstyler_cli.losses.content import ContentLoss
from diffstyler_cli.losses.instruction import CutoutEmbeddings, Cutouts, InstructionLoss
from diffstyler_cli.losses.nce import NCELoss
from diffstyler_cli.losses.objective import Objective, Shared
from diffstyler_cli.losses.tv import total_variation

WEIGHTS = {"instruction": 500.0, "content": 3.0, "nce": 1.0, "aesthetic": 0.5, "tv": 2.0}


@pytest.fixture
def build(features, encoder, photo):
    """All five terms, as a run puts them together; `build(tv=0)` changes a weight."""

    def make(**changes):
        maps, embed = Shared(features), Shared(CutoutEmbeddings(encoder, Cutouts(3, 8, seed=1)))
        target = F.normalize(torch.ones(5, dtype=torch.float64), dim=0)
        losses = {
            "instruction": InstructionLoss(embed, target),
            "content": ContentLoss(maps, ["deep"], photo),
            "nce": NCELoss(maps, features.layers, photo, seed=2, places=16),
            "aesthetic": AestheticLoss(embed, lambda e: e[:, 0]),
            "tv": total_variation,
        }
        weights = WEIGHTS | changes
        return Objective({name: (loss, weights[name]) for name, loss in losses.items()}, [maps, embed])

    return make


def test_report_is_the_table(build, pred):
    report = build()(pred)
    assert list(report.terms) == ["instruction", "content", "nce", "aesthetic", "tv"]
    assert {name: term.weight for name, term in report.terms.items()} == WEIGHTS
    assert report.total == pytest.approx(sum(t.weight * t.value for t in report.terms.values()))
    assert all(term.grad_norm > 0 for term in report.terms.values())
    assert report.terms["tv"].value == pytest.approx(total_variation(pred).sum().item())


def test_gradient_norms_are_those_of_the_weighted_terms_and_the_gradient_is_their_sum(build, pred):
    report = build()(pred)
    parts = []
    for name, term in report.terms.items():
        loss, weight = build().terms[name]
        leaf = pred.detach().requires_grad_()
        (part,) = torch.autograd.grad(weight * loss(leaf).sum(), leaf)
        assert term.grad_norm == pytest.approx(part.norm().item(), rel=1e-9)
        parts.append(part)
    torch.testing.assert_close(report.grad, sum(parts))
    assert not report.grad.requires_grad


def test_together_is_the_same_but_for_the_norms(build, pred, features, encoder):
    apart, together = build(), build()
    together.apart = False
    one, two = apart(pred), together(pred)
    torch.testing.assert_close(two.grad, one.grad)
    assert two.total == pytest.approx(one.total)
    for before, after in zip((one.terms, *one.samples), (two.terms, *two.samples), strict=True):
        assert {n: (t.value, t.weight) for n, t in after.items()} == {
            n: (pytest.approx(t.value), t.weight) for n, t in before.items()
        }
        assert [term.grad_norm for term in after.values()] == [None] * 5
    empty = Objective({})
    empty.apart = False
    assert torch.equal(empty(pred).grad, torch.zeros_like(pred))


def test_gradient_by_finite_differences(build, pred):
    grad = build()(pred).grad
    h = 1e-6
    for place in ((0, 0, 3, 4), (1, 2, 11, 15)):
        nudge = torch.zeros_like(pred)
        nudge[place] = h
        slope = (build()(pred + nudge).total - build()(pred - nudge).total) / (2 * h)
        assert grad[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_a_samples_gradient_does_not_depend_on_its_batch_mates(build, pred):
    together = build()(pred)
    first, second = build()(pred[:1]), build()(pred[1:])
    torch.testing.assert_close(together.grad, torch.cat([first.grad, second.grad]))
    assert together.total == pytest.approx(first.total + second.total)


def test_networks_run_once_a_prediction(build, features, encoder, pred):
    objective = build()
    assert features.calls == 1  # content targets and NCE keys share the photo's features
    objective(pred)
    objective(pred)
    assert features.calls == 3
    assert encoder.calls == 2


def test_terms_of_weight_0_are_not_computed(build, features, encoder, pred):
    objective = build(content=0, nce=0, instruction=0)
    before = features.calls
    report = objective(pred)
    assert list(report.terms) == ["aesthetic", "tv"]
    assert features.calls == before
    assert encoder.calls == 1


def test_an_objective_without_terms_is_flat(pred):
    report = Objective({"tv": (total_variation, 0.0)})(pred)
    assert report.total == 0
    assert report.terms == {}
    assert torch.equal(report.grad, torch.zeros_like(pred))


def test_works_inside_no_grad_and_leaves_the_prediction_alone(build, pred):
    with torch.no_grad():
        report = build()(pred)
    torch.testing.assert_close(report.grad, build()(pred).grad)
    assert not pred.requires_grad


def test_nothing_of_a_call_stays_in_memory(pred):
    kept = []

    def compute(x):
        value = x.square()
        kept.append(weakref.ref(value))
        return value

    shared = Shared(compute)
    Objective({"tv": (lambda x: shared(x).sum((1, 2, 3)), 1.0)}, [shared])(pred)
    gc.collect()
    assert kept[0]() is None


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: x.sum((1, 2, 3)) * math.nan,
        lambda x: x.sum((1, 2, 3)) * math.inf,
        lambda x: (x - x).abs().sqrt().sum((1, 2, 3)),
    ],
    ids=["nan", "inf", "nan gradient"],
)
def test_nan_names_the_term(loss, pred):
    objective = Objective({"tv": (total_variation, 1.0), "content": (loss, 1.0)})
    for objective.apart in (True, False):
        with pytest.raises(NumericalError, match="The content loss") as caught:
            objective(pred)
        assert "--w-content" in caught.value.advice


def test_reports_each_sample_of_a_batch_by_itself():
    objective = Objective({"tv": (total_variation, 2.0)})
    batch = torch.randn(3, 3, 8, 8)
    report = objective(batch)
    alone = [objective(sample).terms["tv"] for sample in batch.split(1)]
    for sample, one in zip(report.samples, alone, strict=True):
        assert sample["tv"].value == pytest.approx(one.value, rel=1e-5)
        assert sample["tv"].grad_norm == pytest.approx(one.grad_norm, rel=1e-5)
    assert report.terms["tv"].value == pytest.approx(sum(one.value for one in alone), rel=1e-5)

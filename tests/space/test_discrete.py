"""Networks of discrete tables as velocity networks: exact at the table's points, right between them and beyond."""

from __future__ import annotations

import pytest
import torch
from space_networks import TABLES, Gaussian, N, card_of
from torch import Tensor

from diffstyler_cli.diffusion.dual import batched_cfg, mix
from diffstyler_cli.diffusion.schedule import alpha_sigma, per_sample
from diffstyler_cli.diffusion.solvers import integrate
from diffstyler_cli.models.discrete import PREDICTIONS, AdaptedNetwork

DATA = Gaussian(0.3, 0.5)
OTHER = Gaussian(-0.2, 0.8)


def states(t: Tensor) -> Tensor:
    noise = torch.randn(len(t), 3, 4, 4, generator=torch.Generator().manual_seed(0))
    alpha, sigma = alpha_sigma(per_sample(t, noise))
    return alpha * DATA.mean + (alpha**2 * DATA.std**2 + sigma**2).sqrt() * noise


def within(network: AdaptedNetwork, count: int = 40) -> Tensor:
    return torch.linspace(network.t_min, network.t_max, count, dtype=torch.float64).float()


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("table", TABLES)
def test_the_velocity_is_the_closed_form_wherever_the_table_reaches(table: str, prediction: str) -> None:
    network = DATA.adapted(table, prediction)
    t = within(network)
    x = states(t)
    expected = DATA.velocity(x.double(), *alpha_sigma(per_sample(t.double(), x.double())))
    v = network(x, t)
    assert v.dtype == torch.float32
    # what a float32 ε says of x₀ near noise, and x₀ of ε near the picture, is no better than that
    alpha, sigma = (per_sample(each, expected) for each in alpha_sigma(t.double()))
    scale = {"epsilon": alpha, "sample": sigma}.get(prediction, torch.ones(()))
    torch.testing.assert_close(v.double() * scale, expected * scale, atol=2e-6, rtol=2e-6)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_s_own_points_are_met_exactly(table: str) -> None:
    asked: list[Tensor] = []

    def network(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        asked.append(timestep)
        return x.new_ones(x.shape)

    adapted = AdaptedNetwork(network, card_of(), TABLES[table], "epsilon")
    t = torch.tensor([adapted.time(k) for k in range(N)], dtype=torch.float64)
    assert (adapted.time(0), adapted.time(N - 1)) == (adapted.t_min, adapted.t_max) == (t[0], t[-1])
    x = torch.zeros(N, 3, 4, 4)
    v = adapted(x, t.float())  # as the pipeline gives it: float32
    assert torch.equal(asked[0], torch.arange(N, dtype=torch.float32))
    # ε = 1 at x = 0: v is 1/α of the table, to the last bit
    assert torch.equal(v[:, 0, 0, 0], 1 / TABLES[table].double().sqrt().float())
    torch.testing.assert_close(alpha_sigma(t)[0] ** 2, TABLES[table].double(), atol=1e-12, rtol=1e-9)


def test_between_two_points_the_log_snr_is_in_proportion() -> None:
    network = DATA.adapted("linear", "epsilon")
    times = torch.tensor([network.time(k) for k in (400, 400.25, 401)], dtype=torch.float64)
    assert network.timestep(times).tolist() == pytest.approx([400, 400.25, 401], abs=1e-9)
    alpha, sigma = alpha_sigma(times)
    snr = torch.log(alpha / sigma)
    assert ((snr[1] - snr[0]) / (snr[2] - snr[0])).item() == pytest.approx(0.25)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_beyond_the_table_the_end_is_asked_and_the_state_keeps_its_own_noise_level(prediction: str) -> None:
    """Above, what the network takes for the picture is kept; below, what it takes for the noise."""
    asked: list[Tensor] = []
    perfect = DATA.network(TABLES["scaled-linear"], prediction)

    def network(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        asked.append(timestep)
        return perfect(x, timestep, cond)

    adapted = AdaptedNetwork(network, card_of(), TABLES["scaled-linear"], prediction)
    assert adapted.asked_at == (0.0, 1.0)
    t = torch.tensor([0.0, 0.004, 0.5, 0.98, 0.9957, 1.0])
    x = states(t)
    v = adapted(x, t).double()
    alpha, sigma = alpha_sigma(per_sample(t.double(), v))
    pred, eps = alpha * x - sigma * v, sigma * x + alpha * v
    assert asked[0].tolist()[:2] == [0, 0]
    assert asked[0].tolist()[3:] == [N - 1] * 3
    ends = TABLES["scaled-linear"].double()[[0, -1]]
    for samples, level, read, of in ((slice(0, 2), ends[0], eps, 1), (slice(3, 6), ends[1], pred, 0)):
        held = DATA.means(x[samples].double(), level.sqrt(), (1 - level).sqrt())[of]
        torch.testing.assert_close(read[samples], held, atol=1e-4, rtol=1e-4)
    expected = DATA.velocity(x[2:3].double(), alpha[2:3], sigma[2:3])  # a mate inside is not touched
    torch.testing.assert_close(v[2:3], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("first", PREDICTIONS)
@pytest.mark.parametrize("second", PREDICTIONS)
def test_networks_of_two_tables_are_mixed_at_one_noise_level(first: str, second: str) -> None:
    photo, art = DATA.adapted("scaled-linear", first), OTHER.adapted("linear", second)
    t = within(photo, 20)
    x = states(t)
    levels = alpha_sigma(per_sample(t.double(), x.double()))
    expected = 0.3 * DATA.velocity(x.double(), *levels) + 0.7 * OTHER.velocity(x.double(), *levels)
    torch.testing.assert_close(mix(photo, art, 0.3)(x, t).double(), expected, atol=2e-5, rtol=2e-5)


def test_a_wrong_noise_level_would_be_seen() -> None:
    """The same network under a table that is not its own is not the closed form: the tests above can fail."""
    wrong = AdaptedNetwork(DATA.network(TABLES["linear"], "epsilon"), card_of(), TABLES["scaled-linear"], "epsilon")
    t = within(wrong)
    x = states(t)
    expected = DATA.velocity(x, *alpha_sigma(per_sample(t, x)))
    assert (wrong(x, t) - expected).abs().max() > 0.02


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_flow_of_an_adapted_gaussian_ends_where_it_should(prediction: str) -> None:
    network = DATA.adapted("scaled-linear", prediction)
    times = torch.linspace(network.t_max, network.t_min, 60, dtype=torch.float64)
    start = states(torch.tensor([network.t_max]))
    *_, last = integrate(network, start, times, "plms")
    (alpha, sigma), (noisy, noise) = alpha_sigma(network.t_min), alpha_sigma(network.t_max)
    spread = ((alpha * DATA.std) ** 2 + sigma**2) / ((noisy * DATA.std) ** 2 + noise**2)
    expected = alpha * DATA.mean + spread**0.5 * (start - noisy * DATA.mean)
    torch.testing.assert_close(last.x, expected, atol=2e-3, rtol=0)


def test_a_network_of_whole_timesteps_gets_the_nearest() -> None:
    asked: list[Tensor] = []

    def network(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        asked.append(timestep)
        return x

    adapted = AdaptedNetwork(network, card_of(), TABLES["linear"], "epsilon", integer=True)
    times = torch.tensor([adapted.time(k) for k in (7, 12.4, 12.6)])
    adapted(torch.zeros(3, 3, 4, 4), times)
    assert asked[0].dtype == torch.int64
    assert asked[0].tolist() == [7, 12, 13]


def test_learnt_variances_are_left_out() -> None:
    adapted = AdaptedNetwork(
        lambda x, timestep, cond: torch.cat([0 * x, x + 1e9], 1), card_of(), TABLES["linear"], "epsilon"
    )
    x = torch.ones(1, 3, 4, 4)
    (t,) = torch.tensor([[adapted.time(500)]])
    alpha, sigma = TABLES["linear"][500].sqrt(), (1 - TABLES["linear"][500]).sqrt()
    torch.testing.assert_close(adapted(x, t), -sigma / alpha * x)


class Words:
    """A text encoder: as many ones as the text has letters."""

    shape = (5, 2)

    def encode(self, texts: list[str]) -> Tensor:
        return torch.stack([torch.full(self.shape, float(len(text)) + 0.5) for text in texts])


class Labels:
    shape = ()

    def encode(self, texts: list[str]) -> Tensor:
        return torch.tensor([["", "cat", "dog"].index(text) for text in texts])


@pytest.mark.parametrize(("conditioner", "text"), [(Words(), "dog"), (Labels(), "dog")])
def test_classifier_free_guidance_by_a_network_s_own_conditions(conditioner: Words | Labels, text: str) -> None:
    def network(x: Tensor, timestep: Tensor, cond: Tensor | None) -> Tensor:
        assert cond is not None
        return x + cond.reshape(len(cond), -1).float().mean(1)[:, None, None, None]

    adapted = AdaptedNetwork(network, card_of(), TABLES["linear"], "v_prediction", conditioner=conditioner)
    rows, null = conditioner.encode([text]), adapted.null_condition()
    assert torch.equal(null, conditioner.encode([""])[0])
    x, t = torch.zeros(2, 3, 4, 4), torch.full((2,), 0.5)
    nothing = 0.5 if null.ndim else 0.0
    something = 3.5 if null.ndim else 2.0
    torch.testing.assert_close(adapted(x, t), x + nothing)  # without a condition it is told the null one
    guided = batched_cfg(adapted, rows, [3.0], null)(x, t)
    torch.testing.assert_close(guided, x + nothing + 3 * (something - nothing))


def test_conditions_of_another_shape_are_refused() -> None:
    adapted = AdaptedNetwork(lambda x, *_: x, card_of(), TABLES["linear"], "epsilon", conditioner=Words())
    with pytest.raises(ValueError, match=r"\(1, 5, 2\)"):
        adapted(torch.zeros(1, 3, 4, 4), torch.tensor([0.5]), torch.zeros(1, 4, 2))
    free = AdaptedNetwork(lambda x, *_: x, card_of(), TABLES["linear"], "epsilon")
    with pytest.raises(TypeError, match="unconditional"):
        free(torch.zeros(1, 3, 4, 4), torch.tensor([0.5]), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="unconditional"):
        free.null_condition()


@pytest.mark.parametrize(
    "table",
    [[0.9], [0.9, 0.9], [0.5, 0.9], [1.0, 0.5], [0.9, -0.1], [0.9, float("nan")], [0.0, 0.0], []],
)
def test_what_is_no_table_is_refused(table: list[float]) -> None:
    with pytest.raises(ValueError, match="ᾱ must fall"):
        AdaptedNetwork(lambda x, *_: x, card_of(), torch.tensor(table), "epsilon")


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'flow'"):
        AdaptedNetwork(lambda x, *_: x, card_of(), TABLES["linear"], "flow")


def test_a_table_may_end_without_any_signal() -> None:
    table = torch.cat([TABLES["scaled-linear"][:-1], torch.zeros(1)])
    network = AdaptedNetwork(lambda x, *_: x, card_of(), table, "v_prediction")
    assert 0.99 < network.t_max < 1
    t = torch.tensor([network.t_max, 1.0])
    assert network.timestep(t).tolist() == [N - 1, N - 1]
    assert network(torch.ones(2, 3, 4, 4), t).isfinite().all()


def test_its_card_says_what_the_table_says() -> None:
    network = AdaptedNetwork(lambda x, *_: x, card_of(t_min=0.1, t_max=0.2), TABLES["linear"], "v_prediction")
    assert network.card.prediction == "v"
    assert (network.card.t_min, network.card.t_max) == pytest.approx((0.006367, 0.995956), abs=1e-6)
    module = AdaptedNetwork(torch.nn.Identity(), card_of(), TABLES["linear"], "epsilon")
    assert module.half().table.signal.dtype == torch.float64  # precision of the weights is not that of the table

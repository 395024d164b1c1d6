from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diffstyler_cli.sweep.scores import mark_pareto, pareto

POINTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda p: (float(p[0]), float(p[1]))), max_size=12
)


@given(POINTS)
def test_the_front_is_what_no_other_point_beats(points: list[tuple[float, float]]) -> None:
    beaten = [any(u >= x and v >= y and (u, v) != (x, y) for u, v in points) for x, y in points]
    assert pareto(points) == [not b for b in beaten]


def test_cells_compete_only_with_cells_of_the_same_prompts() -> None:
    cells = [
        {"prompts": [prompt], "scores": {"clip": clip, "content": 0.5} if clip else {}, "pareto": False}
        for prompt, clip in (("a", 20.0), ("a", 25.0), ("b", 10.0), ("b", 0.0))
    ]
    mark_pareto(cells)
    assert [cell["pareto"] for cell in cells] == [False, True, True, False]

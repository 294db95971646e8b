"""FLOPs of a training step: what a run records is what its configuration gives."""

import json

import pytest

from gatekit.compare.budget import evaluations
from gatekit.registry import components
from gatekit.study.command import compose
from gatekit.study.plan import plan
from gatekit.tasks import seeds
from gatekit.training.feed import Feed
from gatekit.training.model import build_model, step_flops

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.parametrize(
    "words",
    [
        ["task=echo", "trainer.batch=4"],
        ["task=sum", "layers=2", "bidirectional=true", "pool=mean"],
        ["task=sum", "pool=all", "output_unit=projection"],
    ],
)
def test_the_count_from_the_configuration_is_that_of_the_model(words):
    (run,) = plan(compose(["cell=gru", "units=3", *words])).runs
    config = json.loads(json.dumps(run.config))
    task = components.load().task(config["task"])
    splits = task.splits(seeds.generator(0, "data"))
    feed = Feed(task, splits, 0, config["trainer"]["batch"])
    model = build_model(config, task.signature(), feed.masked, feed.length_for(config["pool"]))
    recorded = step_flops(model, feed.step_size(), feed.every)
    counted = evaluations._of_network({**config, "batch": config["trainer"]["batch"]})
    assert recorded == pytest.approx(counted)
    assert recorded > 0

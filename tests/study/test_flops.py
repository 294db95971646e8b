"""FLOPs of a training step: what a run records is what its configuration gives."""

import json

import pytest
from seams import Feed, build_model, components, evaluations, plan, seeds

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
    (run,) = plan(["cell=gru", "units=3", *words]).runs
    config = json.loads(json.dumps(run.config))
    task = components.load().task(config["task"])
    splits = task.splits(seeds.generator(0, "data"))
    feed = Feed(task, splits, 0, config["trainer"]["batch"])
    model = build_model(config, task.signature(), feed.masked, feed.length_for(config["pool"]))
    recorded = model.stack.training_flops(*feed.step_size())
    counted = evaluations._of_network({**config, "batch": config["trainer"]["batch"]})
    assert recorded == pytest.approx(counted)
    assert recorded > 0


@pytest.mark.parametrize(
    "words",
    [
        ["layers=3", "bidirectional=true", "residual=true", "dropout=0.1", "pool=mean"],
        ["layers=2", "block=modern", "width=4"],
    ],
)
def test_the_layers_of_a_model_are_its_operations(words):
    (run,) = plan(["task=sum", "cell=gru", "units=4", *words]).runs
    signature = components.load().task(run.config["task"]).signature()
    model = build_model(run.config, signature, masked=False)
    weights = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert weights == {op.name: op.count for op in model.stack.ops if op.count}
    names = {op.name for op in model.stack.ops if not op.name.endswith("_steps")}
    assert names == {layer.name for layer in model.layers} - {"x"}

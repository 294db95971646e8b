"""Computing a built cell: the Keras layers and the executors.

`layers` has `RNN` and `Cell`, which check their inputs. `call.prepare` describes one call as a
`problem`, `executors` solves it, and `call.finish` computes the outputs. `step` has the operations
that all executors use within a step; `hold` applies zoneout and mask to a state; `emission` applies
the output unit; `noise` and `masking` are shared by these modules. `padding` limits how many
lengths of sequences XLA has to compile.

Start with `problem.py`, `step.py` and `executors/reference.py`, which defines what a cell means.
docs/architecture.md has a picture.

No module here is public.
"""

from __future__ import annotations

import os
import sys

from gatekit.cell.errors import ConfigError

_keras = sys.modules.get("keras")
if _keras is None:
    # It has precedence over the file keras.json.
    os.environ["KERAS_BACKEND"] = "tensorflow"
elif _keras.config.backend() != "tensorflow":
    raise ConfigError(
        f"Keras was imported with the backend {_keras.config.backend()!r}, but gatekit needs "
        "TensorFlow: set KERAS_BACKEND=tensorflow before Python starts"
    )

"""The initial values of PyTorch's recurrent layers."""

import math

from gatekit import Initializer, hookimpl


class TorchUniform(Initializer):
    """Draws from ``U[-1/sqrt(n), 1/sqrt(n)]``, n units of the layer.

    PyTorch draws all weights of its recurrent layers from this distribution, including biases.

    Reference: torch.nn.RNN, torch.nn.GRU, torch.nn.LSTM, in their documentation
    """

    def draw(self, rng, shape, context):
        """Return the draws."""
        limit = 1.0 / math.sqrt(context.units)
        return rng.uniform(-limit, limit, shape)


@hookimpl
def gatekit_initializers():
    """Register the initializer."""
    return {"torch_uniform": TorchUniform}

"""The LSTM with noise on its states or reads, at test time; and with initial values of its own.

Zoneout replaces a state by a mixture, whose mean is taken at test time:

    c' = f c_prev + i g
    h' = o tanh(c')
    c = z_c c_prev + (1 - z_c) c'
    h = z_h h_prev + (1 - z_h) h'

Variational dropout scales what is kept, so that it is the LSTM at test time. Chrono and inverse
gamma initialisation change where the biases start.

Reference: Krueger et al. 2016, arXiv 1606.01305; Gal & Ghahramani 2016, arXiv 1512.05287; Tallec &
Ollivier 2018, arXiv 1804.11188; Mahto et al. 2021, arXiv 2009.12727.
"""

from __future__ import annotations

from . import lstm
from .case import Case
from .functions import Array, States, Stepped, Weights

RATES = {"c": 0.5, "h": 0.05}


def step(x: Array, states: States, w: Weights) -> Stepped:
    """One time step of the LSTM with zoneout.

    Args:
        x: batch x features.
        states: h and c, each batch x units.
        w: weights by name, those of the LSTM.

    Returns:
        The emission h, batch x units, and the new states.
    """
    _, new = lstm.step(x, states, w)
    mixed = {n: z * states[n] + (1 - z) * new[n] for n, z in RATES.items()}
    return mixed["h"], mixed


CASES = {
    "zoneout_lstm": Case(step, lstm.STATES, lstm.shapes),
    "variational_dropout_lstm": Case(lstm.step, lstm.STATES, lstm.shapes),
    "chrono_lstm": Case(lstm.step, lstm.STATES, lstm.shapes),
    "inverse_gamma_lstm": Case(lstm.step, lstm.STATES, lstm.shapes),
}

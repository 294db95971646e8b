"""NumPy recurrences written from the papers: the witnesses against gatekit's cells.

Written from the equations, never from a cell's YAML. Each module has ``STATES``,
``shapes(features, units)`` and ``step(x, states, w) -> (emission, new states)``; ``run.py``
drives them over time and gives exact gradients. An option of a cell is an argument of its step:
``functools.partial(janet.step, beta=0.5)``.

===================  ==========  ============================================================
module               states      weights
===================  ==========  ============================================================
``rnn``              h           candidate: x, h_prev, bias
``lstm``             h, c        input, forget, output, candidate: x, h_prev, bias
``peephole``         h, c        as lstm; input.c_prev, forget.c_prev, output.c (each units)
``cifg``             h, c        forget, output, candidate: x, h_prev, bias
``gru``              h           reset, update: x, h_prev, bias;
                                 candidate: x, reset*h_prev, bias
``gru_reset_after``  h           reset, update: x, h_prev, bias; recurrent: h_prev, bias;
                                 candidate: x, bias
``mgu``              h           forget: x, h_prev, bias;
                                 candidate: x, forget*h_prev, bias
``janet``            h           forget, candidate: x, h_prev, bias; option beta
``ur_lstm``          h, c        forget, refine, output, candidate: x, h_prev, bias
``on_lstm``          h, c        input, forget, output, candidate: x, h_prev, bias;
                                 master_forget, master_input: the same, units // chunk wide
``slstm``            h, c, n, m  input, forget, output, candidate: x, h_prev, bias
``mingru``           h           update, candidate: x, bias
``power_law``        h, c, k, t  as lstm; forget.p (units, before the sigmoid); option eps;
                                 ``step_coupled``: the same without the input gate
``rhn``              h           candidate_1, transform_1: x, h_prev, bias; further layers l:
                                 s_{l-1}, bias; option depth
===================  ==========  ============================================================

A weight is named ``<gate>.<read>``: ``forget.x`` is features x units, ``forget.h_prev`` is units
x units and acts from the right (``h_prev @ w``), ``forget.bias`` is units.
"""

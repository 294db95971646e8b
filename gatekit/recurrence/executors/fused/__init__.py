r"""The fused executor: few large products, and one gradient for the whole recurrence.

**Forward**, for each step t, with a row-wise function f that has no matrix in it:

    z_t = [x_t, 1, u_t] W,   u_t = u(s_{t-1})        one product for each distinct recurrent read u
    n_t = f(z_t, s_{t-1}; p)                         p: row-wise weights, such as peepholes
    s_t = n_t, or s_{t-1} where zoneout or the mask holds it (`hold`)

W has the weights of all gates that read u side by side. If the reset gate of a GRU must be known
before u = reset * h_prev, a step has two such products, one after the other, and u also depends on
signals of the stage before. What reads no state is computed for all steps before the loop; so is
the product of [x_t, 1], unless W stays in the cache of a CPU. Under XLA, a call without gradient
computes what is hoisted inside the loop, where that is faster (`LoopLayout.hoist_inside`); XLA
drops the unused copy.

**Backward**, with v' for the gradient of the loss in v, for t = T, ..., 1:

    s'_t          += y'_t                             from outside; then `hold` splits it: into n'_t
                                                      where n_t was taken, into s'_{t-1} elsewhere
    z'_t           = (df/dz)^T n'_t                   f is replayed under a tape, stage by stage
    s'_{t-1}      += (df/ds)^T n'_t + (du/ds)^T (z'_t W_u^T)
    p'            += (df/dp)^T n'_t

and after the loop, each in one product over time x batch:

    W' = sum_t [x_t, 1, u_t]^T z'_t,   x'_t = z'_t W_x^T

where inputs enter the product; otherwise u_t alone does. `hoist` and the joining of W run before
the custom gradient. TensorFlow differentiates both: it turns z' into the gradients of hoisted
inputs and splits W' into the weights of each gate.

At a reset, the initial state is in place of s_{t-1}, and s'_{t-1} is its gradient instead.

So the loop saves s_{t-1} and z_t of each step and no activation, and it never adds to W' in a step.

**In the code** (a call is a `recurrence.problem.Problem`; read that file first):

| here | there |
|---|---|
| s_t, s_{t-1} | ``env["h"]``, ``env["h_prev"]``: values of a step by name |
| u_t, z_t | ``product.expr`` evaluated; ``sums[GROUP]``, the z of gates that share a product |
| W, p | ``tensors.matrices``, ``tensors.weights`` |
| v', or $\bar v$ | ``gradients[KEY]`` within a step, else ``dNAME``; z' is saved as ``d:GROUP`` |
| s'_t, s'_{t-1} | ``dstates`` from the step after, ``gradients["h_prev"]`` for the step before |
| y'_t | ``cotangents``: gradients that come from outside; at one step, ``outside`` |

An *adjoint* turns the gradients of what a part of a step computes into those of what it reads.

`schedule` shows the stages and products of an LSTM and a GRU, and explains *group* and *part*.

| file | content |
|---|---|
| `schedule`, `scheduler` | which reads share a product W, what is hoisted, what each stage needs |
| `schedule`, at its end | how a loop reads and writes memory, with the measurements |
| `tensors` | what reads no state, for all steps; W, p, x, initial states: all that has a gradient |
| `forward`, `backward` | the two loops |
| `residuals` | what the loops save of each step, under XLA and in graph mode |
| `weight_gradients` | W', x' and what else is formed after the loop |
| `executor` | both loops as one function; start here. `run_in_chunks` needs less memory |

Source: Werbos, Backpropagation through time (1990), doi:10.1109/5.58337; Appleyard, Kocisky &
Blunsom, Optimizing performance of recurrent neural networks on GPUs (2016), arXiv:1604.01946 (one
product for all gates, one for all steps); Chen et al. (2016), arXiv:1604.06174 (remat).
"""

r"""The fused executor: a few large products, and one gradient for the whole recurrence.

**Forward**, for each step t, with a row-wise function f that has no matrix in it:

    z_t = [x_t, 1, u_t] W,   u_t = u(s_{t-1})        one product for each distinct recurrent read u
    n_t = f(z_t, s_{t-1}; p)                         p: row-wise weights, such as peepholes
    s_t = n_t, or s_{t-1} where zoneout or the mask holds it (`hold`)

W has the weights of all gates that read u side by side. A GRU needs its reset gate before
u = reset * h_prev, so it has two such products, one after the other, and the second u also depends
on signals of an earlier stage. Signals that read no state are hoisted: they are computed for all
steps before the loop. So is the product of [x_t, 1], unless W stays in the cache of a CPU. Under
XLA, a call without gradient computes hoisted signals inside the loop if that is faster
(`LoopLayout.hoist_inside`), and XLA drops the unused copy.

**Backward**, with v' for the gradient of the loss with respect to v, for t = T, ..., 1:

    s'_t          += y'_t                             from outside; then `hold` splits it: into n'_t
                                                      where n_t was taken, into s'_{t-1} elsewhere
    z'_t           = (df/dz)^T n'_t                   f is replayed under a tape, stage by stage
    s'_{t-1}      += (df/ds)^T n'_t + (du/ds)^T (z'_t W_u^T)
    p'            += (df/dp)^T n'_t

and after the loop, each in one product over time x batch:

    W' = sum_t [x_t, 1, u_t]^T z'_t,   x'_t = z'_t W_x^T

if inputs enter the product; otherwise only u_t does. `hoist` and the joining of W run before the
custom gradient. TensorFlow differentiates both: it turns z' into the gradients of hoisted inputs
and splits W' into the weights of each gate.

At a reset, the initial state replaces s_{t-1}, and s'_{t-1} is the gradient of the initial state.

So the loop saves s_{t-1} and z_t of each step but no activations, and no step adds to W'.

**In the code** (a call is a `recurrence.problem.Problem`; read that file first):

| above | in the code |
|---|---|
| s_t, s_{t-1} | ``env["h"]``, ``env["h_prev"]``: values of a step by name |
| u_t, z_t | ``product.expr`` evaluated; ``sums[GROUP]``, the z of gates that share a product |
| W, p | ``tensors.matrices``, ``tensors.weights`` |
| v', or $\bar v$ | ``gradients[KEY]`` within a step, else ``dNAME``; z' is saved as ``d:GROUP`` |
| s'_t, s'_{t-1} | ``dstates`` from the step after, ``gradients["h_prev"]`` for the step before |
| y'_t | ``cotangents``: gradients from outside the loop; those of one step are ``outside`` |

An *adjoint* of a part of a step turns the gradients of its results into those of its operands.

`schedule` shows the stages and products of an LSTM and a GRU, and explains *group* and *part*.

| file | content |
|---|---|
| `schedule`, `scheduler` | which reads share a product W, the hoisted signals, each stage's needs |
| `schedule`, at its end | how a loop reads and writes memory, with the measurements |
| `tensors` | hoisted signals; every tensor with a gradient: W, p, x, initial states |
| `forward`, `backward` | the two loops |
| `residuals` | the values that the loops save at each step, under XLA and in graph mode |
| `weight_gradients` | W', x' and the other gradients that are computed after the loop |
| `executor` | both loops as one function; start here. `run_in_chunks` needs less memory |

Source: Werbos, Backpropagation through time (1990), doi:10.1109/5.58337; Appleyard, Kocisky &
Blunsom, Optimizing performance of recurrent neural networks on GPUs (2016), arXiv:1604.01946 (one
product for all gates, one for all steps); Chen et al. (2016), arXiv:1604.06174 (remat).

No module here is public.
"""

"""The Keras layers: any cell, used like `keras.layers.LSTM`.

`rnn.RNN` runs a sequence, `step_cell.Cell` one step; `cell_layer` is their common base.
`sequence_layer` is the common base of `RNN` and of `BlockLayer`. `arguments` and `inputs` check
arguments and inputs; `shared_cells` shares built cells between equal layers; `regularizers` handles
regularizers and constraints; `seeds` gives layers that share a seed different weights.
Start with `rnn.py`.

No module here is public.
"""

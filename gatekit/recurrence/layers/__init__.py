"""The Keras layers: any cell, used like `keras.layers.LSTM`.

`rnn.RNN` runs a sequence, `step_cell.Cell` one step; `cell_layer` is what both share, and
`sequence_layer` what `RNN` shares with the layer of a block. `arguments`
and `inputs` check what is given; `built` shares cells
between equal layers; `regularizers` and `seeds` follow Keras.
Start with `rnn.py`.
"""

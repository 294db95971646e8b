"""Blocks as Keras layers: a recurrent layer with norms, convolution, gates and MLP around it.

`layer.BlockLayer` is the layer. `keras_parts` creates a Keras layer for each operation that a block
declares, including the causal convolution. `run` computes the operations in order. `order` applies
masks and resets to the convolution.
Start with `layer.py`.

No module here is public.
"""

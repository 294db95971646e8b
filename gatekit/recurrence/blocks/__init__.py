"""Blocks as Keras layers: what is around a recurrent layer becomes numbers.

`layer.BlockLayer` is the layer; `keras_parts` makes a Keras layer of each part that a block
declares, the causal convolution among them, and `sketches` computes the parts one after another;
`order` is what masks and resets mean to the convolution.
Start with `layer.py`.
"""

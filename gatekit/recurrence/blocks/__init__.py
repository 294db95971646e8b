"""Blocks as Keras layers: what is around a recurrent layer becomes numbers.

`layer.BlockLayer` is the layer; `keras_parts` makes a Keras layer of each part that a block
declares, and `sketches` computes the parts one after another; `convolution` is the causal
convolution, and `order` what masks and resets mean to it.
Start with `layer.py`.
"""

"""The files of a probed run: lines with a check sum, and the facts that they hold.

`lines` is the format of probe.jsonl; `facts` computes the numbers that describe a gate or a state.
"""

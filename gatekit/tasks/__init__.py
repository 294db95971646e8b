"""Tasks: data by split, what a model takes in and gives out, the metric and its chance level.

A task is a declared class: `Task`, or `StreamedTask` when it draws its data. `validate` checks data
against what the task declares. The other modules read data that several tasks share: piano rolls,
text, labelled sequences, and files inside packages (`fetch`). Start with `task.py`. No TensorFlow.
"""

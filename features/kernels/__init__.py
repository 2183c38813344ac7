"""The kernels: one event with one pass over its account's windows.

These files are a template. For each catalogue `specialise` compiles a copy of them in which `constants` and `evaluate`
are the catalogue's own, so that every place in a record is known to the compiler. Imports between them are therefore
relative.
"""

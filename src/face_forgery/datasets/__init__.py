"""What kedro-datasets lacks, and the wrapper that makes theirs atomic and optional.

A dataset turns values into files and back; which file to keep or to choose, nodes decide.
conf/base/catalog.yml has an entry of every type.
"""

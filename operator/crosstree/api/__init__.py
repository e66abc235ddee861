"""Level 2: the wire form of Crosstree's own kinds, one package per version. The only users of pydantic but settings.

`translate.py` turns these models into the domain; nothing else above reads them.
"""

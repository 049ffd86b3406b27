"""Which sentence the numbers support. A sentence gets facts and says nothing that they do not bear out; its words are
in the language's files.

Money, scores and counts arrive as text already written by `Numbers`; what decides between two sentences is a number.
"""

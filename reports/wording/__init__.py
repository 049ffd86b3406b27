"""Every sentence of the page. A sentence gets facts, and says nothing that they do not support.

Money, scores and counts arrive as text already written by `Numbers`; what decides between two sentences is a number.
"""

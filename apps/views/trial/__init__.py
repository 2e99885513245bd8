"""Trial: does a selection teach more than random rows?"""

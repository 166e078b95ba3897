"""What authors of plugins import: facts and checks (`sdk`), hooks, sessions and the test kit.

May import `text` and `model`; only the test kit and the loading of plugins import other stages.
"""

"""Faults with real processes, and after each the same verdict: nothing lost, nothing double, figures as by a recount.

`nursery.py` starts `tongtang serve` processes; `stage.py` is a small tree of them (root, middle, village); `ticks.py`
is its operators, who note every green tick; `verdict.py` waits until all is handed up, looks at every database, and
counts again what the nodes say; `kill_points.py` is how a node dies at one exact step.
"""

"""How fast it is: `postloan bench`. Every number stands beside a floor measured in the same run on the same schema.

A ratio is the median over rounds in which floor and door take turns, so that a busy machine slows both.
"""

from deployments.bench.measure import MEASURES, measure, report
from deployments.bench.size import FULL, SMALL, Size

__all__ = ["FULL", "MEASURES", "SMALL", "Size", "measure", "report"]

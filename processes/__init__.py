"""What may happen: the bank's processes, one page each."""

from models.process import Process
from processes.control import CONTROL
from processes.handover import HANDOVER
from processes.inspection import INSPECTION
from processes.order import ORDER
from processes.policy import POLICY
from processes.run import RUN

PROCESSES: dict[str, Process] = {p.name: p for p in (INSPECTION, CONTROL, ORDER, HANDOVER, POLICY, RUN)}

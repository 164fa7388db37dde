"""The tasks: one dictionary, name to Task. Twelve stand-ins for the datasets of paper L (Table 1), two cloze-form
controls of the exam, and three stand-ins for its BIG-bench tasks (Fig. 8). PASS_TASKS are those of paper P, in which
attempts pass or fail.
"""

from tasks.bigbench import BIGBENCH_TASKS
from tasks.knowledge import KNOWLEDGE_TASKS
from tasks.language import LANGUAGE_TASKS
from tasks.maths import MATHS_TASKS
from tasks.pass_tasks import PASS_ONLY_TASKS

_ALL = (*KNOWLEDGE_TASKS, *LANGUAGE_TASKS, *MATHS_TASKS, *BIGBENCH_TASKS)

# Paper L, Table 1: smooth tasks first, then those with a threshold; English, then its Chinese twin.
_ORDER = (
    "recall",
    "endings",
    "reading",
    "coreference",
    "exam",
    "maths",
    "recall_zh",
    "endings_zh",
    "coreference_zh",
    "reading_zh",
    "exam_zh",
    "maths_zh",
    "exam_cloze",
    "exam_cloze_zh",
    "unscramble",
    "modified_arithmetic",
    "ipa_transliterate",
)
TASKS = {name: task for name in _ORDER for task in _ALL if task.name == name}
PAPER_TASKS = _ORDER[:12]
CONTROL_TASKS = _ORDER[12:14]
BIGBENCH_STAND_INS = _ORDER[14:17]
PASS_TASKS = {task.name: task for task in (*PASS_ONLY_TASKS, *MATHS_TASKS)}

"""What law.json says: all that a report or a plan needs of a fitted law but its draws.

Plain records, no behaviour (that is laws/law.py).

figures  a figure with its interval      form  what the fit of a form found
lines    what curves found               law   law.json itself: data, held-out error, agreement, all findings
"""

from smelt.laws.findings.figures import LEVEL as LEVEL
from smelt.laws.findings.figures import METHOD_NAMES as METHOD_NAMES
from smelt.laws.findings.figures import Estimate as Estimate
from smelt.laws.findings.figures import Interval as Interval
from smelt.laws.findings.figures import Largest as Largest
from smelt.laws.findings.figures import Method as Method
from smelt.laws.findings.figures import Record as Record
from smelt.laws.findings.figures import Span as Span
from smelt.laws.findings.form import Dropping as Dropping
from smelt.laws.findings.form import Identifiability as Identifiability
from smelt.laws.findings.form import Influence as Influence
from smelt.laws.findings.form import Parametric as Parametric
from smelt.laws.findings.form import Residual as Residual
from smelt.laws.findings.law import Agreement as Agreement
from smelt.laws.findings.law import Data as Data
from smelt.laws.findings.law import Findings as Findings
from smelt.laws.findings.law import HeldOut as HeldOut
from smelt.laws.findings.law import Predicted as Predicted
from smelt.laws.findings.lines import Akima as Akima
from smelt.laws.findings.lines import Asymmetry as Asymmetry
from smelt.laws.findings.lines import Bias as Bias
from smelt.laws.findings.lines import BudgetMinimum as BudgetMinimum
from smelt.laws.findings.lines import CurveMinimum as CurveMinimum
from smelt.laws.findings.lines import Envelope as Envelope
from smelt.laws.findings.lines import Holder as Holder
from smelt.laws.findings.lines import IsoFlop as IsoFlop
from smelt.laws.findings.lines import LineFit as LineFit
from smelt.laws.findings.lines import Lines as Lines

"""What a wrong array looks like: the sentence that leads from a wrong number to the error in a backward pass.

A hypothesis is a small function that looks at the evidence and says what it sees, or "" when that is not what happened.
`diagnose` tries them in order, the most specific first, and says what the first of them says that fits.
"""

from fnn.check.diagnosis.evidence import near as near
from fnn.check.diagnosis.evidence import slack as slack
from fnn.check.diagnosis.sentence import diagnose as diagnose

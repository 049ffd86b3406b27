"""The fixed texts of the page: heads, buttons, what stands beside a figure."""

UNTITLED = "Label budget"
KIND = "Label budget: a proposal to sign"
SKIP = "To the verdict"
CONTENTS = "Contents"
NAME = "Name"
PICTURE = "Drawn"
NUMBERS = "The numbers of this picture"
SPLIT = "How the money is split"
NEXT = "Next:"
NO_PLAN = "Label budget: no plan"
VERDICT = "Verdict"
REASON = "Reason"
REPAIR = "Smallest repair:"
REPAIR_ONE = "Nothing was planned and nothing should be ordered. Each reason below stands in the way by itself."
KINDS = {"stop": "Decide first", "check": "Look at this", "note": "Good to know"}
WHY_NOTHING = "Why some tasks get no labels of their own"
PROVENANCE = "Where the numbers come from"
MACHINE_READABLE = (
    "This page holds the whole plan as data, in the element with the id “plan”: the same numbers, unrounded, from "
    "which the page can be drawn again."
)
FIRM = (
    "A draw is one possible truth that the pilots leave open. Best orders: what the best plan of a draw buys, in four "
    "of five draws. Nearly as good: the fewest and the most labels in plans that score within 0.1 points of this one."
)
SIGNATURE = ("Name", "Date", "Signature")
LOOKING = "The verdict and the allocation follow; everything else on the page is about the proposed plan."
BACK = "Back to the proposed plan"
THIS_PLAN = "this plan"
SLIDER_LABEL = "Budget"
SLIDER_HELP = (
    "Each step is a plan that was really solved. The verdict and the allocation above follow it; "
    "printing shows the proposed plan."
)

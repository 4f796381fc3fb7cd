"""The full report on sources: figures apart, and what remains with the lungs blacked out."""

from trainer.core.evaluation_report import FullReport
from trainer.core.report import FURTHER_WARNING
from trainer.core.tables import table


def blackout_text(report: FullReport) -> str:
    """Give the section on blacked-out lungs."""
    classes = list(dict.fromkeys(name for one in report.blackouts for name in one.auc))
    rows = [
        (
            one.judge,
            one.view,
            f"{one.class_accuracy:.3f}",
            f"{one.balanced:.3f}",
            *(f"{one.auc[name]:.3f}" for name in classes),
        )
        for one in report.blackouts
    ]
    head = ("judge", "view", "accuracy", "mean recall", *(f"AUC {name}" for name in classes))
    return f"""\
## Lungs blacked out

Two fixed ellipses cover both lungs and most of the heart, 60 % of the picture; no segmentation. \
What is still told then is the frame, the habitus and the look of the source, hardly the disease \
(Maguolo and Nanni 2021). AUC: the class against the rest; chance is .5, of the mean recall \
{1 / max(len(classes), 1):.2f}. The served model never met such pictures; the probe did: a \
logistic regression on the guard's features (spatial means and spreads of two early blocks), \
learned from the training pictures under the same view, is the fairer measure of what is there.

{table(head, rows)}"""


def sources_warning(report: FullReport) -> str:
    """Give the warning where the report mixes sources."""
    return FURTHER_WARNING if any(g.kind == "source" for g in report.groups) else ""

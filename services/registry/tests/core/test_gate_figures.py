from registry.core.gate_figures import shown_figures
from shared.contracts.train import GateReport


def test_only_listed_figures_are_shown_of_both_models() -> None:
    gate = GateReport(
        accepted=True,
        checks=(),
        current_version="v1",
        current={"auc": 0.9, "recall_NORMAL": 0.8, "ece": 0.1},
        candidate={"auc": 0.95, "f1_another class": 0.7},
        images=9,
    )
    assert shown_figures(gate) == {("auc", "current"): 0.9, ("auc", "candidate"): 0.95}

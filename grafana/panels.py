"""Panels and dashboards, built with Grafana's own types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import ascii_uppercase
from typing import TypeVar

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import statetimeline as timelines
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as drawn

TAG = "pneumostream"
RUNBOOKS = "/public/runbooks"
"""Where Grafana serves docs/runbooks in its container; a dashboard variable can name another."""

_COLUMNS = 24
_STAT_HEIGHT, _HEIGHT = 4, 8
_SOURCE = drawn.DataSourceRef(type_val="prometheus", uid="${source}")
_GOOD, _WARN, _BAD = "green", "orange", "red"

Panel = stats.Panel | lines.Panel | timelines.Panel
Series = Mapping[str, str]
"""PromQL by legend; a legend is Grafana's template over the labels: `{{label}}`."""
_PanelT = TypeVar("_PanelT", stats.Panel, lines.Panel, timelines.Panel)


class PanelUnit(StrEnum):
    """Grafana's names of the units in use."""

    NUMBER = "short"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    YES_OR_NO = "bool_yes_no"
    FACTOR = "suffix:×"


@dataclass(frozen=True, slots=True)
class PanelThresholds:
    """Colors by value, from minus infinity up; `runbook` is the page of docs/runbooks for red."""

    runbook: str
    steps: Sequence[tuple[float | None, str]]
    unit: PanelUnit


def above(
    runbook: str, *, warn: float, bad: float, unit: PanelUnit = PanelUnit.NUMBER
) -> PanelThresholds:
    """Color values that are worse the higher they are."""
    return PanelThresholds(runbook, ((None, _GOOD), (warn, _WARN), (bad, _BAD)), unit)


def below(
    runbook: str, *, warn: float, bad: float, unit: PanelUnit = PanelUnit.NUMBER
) -> PanelThresholds:
    """Color values that are worse the lower they are: good from `warn`, bad under `bad`."""
    return PanelThresholds(runbook, ((None, _BAD), (bad, _WARN), (warn, _GOOD)), unit)


def at_least(runbook: str, minimum: float, unit: PanelUnit = PanelUnit.NUMBER) -> PanelThresholds:
    """Color values under the minimum as bad, all others as good."""
    return PanelThresholds(runbook, ((None, _BAD), (minimum, _GOOD)), unit)


def any_is_bad(
    runbook: str, minimum: float = 1e-9, unit: PanelUnit = PanelUnit.NUMBER
) -> PanelThresholds:
    """Color values from the minimum on as bad."""
    return PanelThresholds(runbook, ((None, _GOOD), (minimum, _BAD)), unit)


def stat(title: str, description: str, series: Series, thresholds: PanelThresholds) -> Panel:
    """Show the last value, large, over its own course."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)  # noqa: FBT003
    panel = stats.Panel().reduce_options(last).color_scheme(_by_threshold()).height(_STAT_HEIGHT)
    panel.color_mode(looks.BigValueColorMode.BACKGROUND).graph_mode(looks.BigValueGraphMode.AREA)
    return _filled(panel, title, description, series, thresholds)


def timeseries(title: str, description: str, series: Series, thresholds: PanelThresholds) -> Panel:
    """Draw lines over time, with a table of last values and maxima."""
    return _filled(_lines(), title, description, series, thresholds)


def stacked(title: str, description: str, series: Series, thresholds: PanelThresholds) -> Panel:
    """Draw lines over time, stacked."""
    normal = common.StackingConfig().mode(looks.StackingMode.NORMAL)
    panel = _lines().stacking(normal).fill_opacity(30)
    return _filled(panel, title, description, series, thresholds)


def state_timeline(
    title: str, description: str, series: Series, thresholds: PanelThresholds
) -> Panel:
    """Draw one bar per series, colored by its value over time."""
    panel = timelines.Panel().color_scheme(_by_threshold()).height(_HEIGHT)
    return _filled(panel, title, description, series, thresholds)


def new_dashboard(
    name: str, title: str, description: str, sections: Mapping[str, Sequence[Sequence[Panel]]]
) -> drawn.Dashboard:
    """Lay out sections top to bottom; the panels of one row share its width."""
    siblings = dashboard.DashboardLink("PneumoStream").type(drawn.DashboardLinkType.DASHBOARDS)
    siblings.tags([TAG]).as_dropdown(True).keep_time(True)  # noqa: FBT003  the library's way
    runbooks = dashboard.TextBoxVariable("runbooks").label("Runbooks at").default_value(RUNBOOKS)
    canvas = (
        dashboard.Dashboard(title)
        .uid(f"{TAG}-{name}")
        .description(description)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(drawn.DashboardCursorSync.CROSSHAIR)
        .link(siblings)
        .with_variable(dashboard.DatasourceVariable("source").label("Source").type("prometheus"))
        .with_variable(runbooks)
    )
    number = 0
    for heading, rows in sections.items():
        canvas.with_row(dashboard.Row(heading))
        for row in rows:
            for number, panel in enumerate(row, number + 1):  # noqa: B020  goes on
                canvas.with_panel(panel.id(number).span(_COLUMNS // len(row)))
    return canvas.build()


def _filled(
    panel: _PanelT, title: str, description: str, series: Series, thresholds: PanelThresholds
) -> _PanelT:
    for letter, (legend, query) in zip(ascii_uppercase, series.items(), strict=False):
        target = prometheus.Dataquery().ref_id(letter).datasource(_SOURCE).expr(query)
        panel.with_target(target.legend_format(legend).range())
    if thresholds.steps[0][1] == _GOOD:
        # What is worse the higher it is begins at 0; a share near 1 would be a flat line so.
        panel.min(0)
    runbook = dashboard.DashboardLink(f"Runbook: {thresholds.runbook.replace('-', ' ')}")
    runbook.type(drawn.DashboardLinkType.LINK).url(f"${{runbooks}}/{thresholds.runbook}.md")
    steps = [drawn.Threshold(value=value, color=color) for value, color in thresholds.steps]
    colors = dashboard.ThresholdsConfig().mode(drawn.ThresholdsMode.ABSOLUTE).steps(steps)
    panel.title(title).description(description).datasource(_SOURCE).unit(thresholds.unit)
    panel.thresholds(colors).links([runbook.target_blank(True)])  # noqa: FBT003
    return panel


def _lines() -> lines.Panel:
    dashed = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
    legend = common.VizLegendOptions().show_legend(True)  # noqa: FBT003
    legend.display_mode(looks.LegendDisplayMode.TABLE).placement(looks.LegendPlacement.BOTTOM)
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI)
    panel = lines.Panel().thresholds_style(dashed).tooltip(tooltip).height(_HEIGHT)
    return panel.legend(legend.calcs(["lastNotNull", "max"]))


def _by_threshold() -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(drawn.FieldColorModeId.THRESHOLDS)

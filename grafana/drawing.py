"""Boards drawn with Grafana's own types."""

from collections.abc import Callable, Mapping
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, dashboard, prometheus
from grafana_foundation_sdk.builders import stat as figure
from grafana_foundation_sdk.builders import statetimeline as states
from grafana_foundation_sdk.builders import timeseries as lines
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as drawn

from grafana.questions import Board, Color, Look, Question, Series, Thresholds

TAG = "pneumostream"
COLUMNS = 24
"""The width of Grafana's grid."""

RUNBOOKS = "/public/runbooks"
"""Where Grafana itself serves docs/runbooks, as its containers are set up; a variable, so that
people can point it at the repository's own pages."""

_HEIGHTS = {Look.FIGURE: 4, Look.LINES: 8, Look.STACK: 8, Look.STATES: 8}
_SOURCE = drawn.DataSourceRef(type_val="prometheus", uid="${source}")

_Panel = figure.Panel | lines.Panel | states.Panel


def draw(board: Board) -> drawn.Dashboard:
    """Lay out all sections of a board, top to bottom."""
    canvas = (
        dashboard.Dashboard(board.title)
        .uid(f"{TAG}-{board.name}")
        .description(board.description)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(drawn.DashboardCursorSync.CROSSHAIR)
        .link(_siblings())
        .with_variable(dashboard.DatasourceVariable("source").label("Source").type("prometheus"))
        .with_variable(
            dashboard.TextBoxVariable("runbooks").label("Runbooks at").default_value(RUNBOOKS)
        )
    )
    number = 0
    for section in board.sections:
        canvas.with_row(dashboard.Row(section.title))
        for row in section.rows:
            for question in row:
                number += 1
                panel = _draw_question(question).id(number).span(COLUMNS // len(row))
                canvas.with_panel(panel.height(max(_HEIGHTS[each.look] for each in row)))
    return canvas.build()


def _siblings() -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("PneumoStream")
        .type(drawn.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)  # noqa: FBT003  the library's way
        .keep_time(True)  # noqa: FBT003
    )


def _draw_question(question: Question) -> _Panel:
    panel = _DRAWN[question.look]()
    for letter, series in zip(ascii_uppercase, question.series, strict=False):
        panel.with_target(_draw_series(series, letter))
    if question.thresholds.steps[0][1] is Color.GOOD:
        # What is worse the higher it is begins at 0; a share near 1 would be a flat line so.
        panel.min(0)
    return (
        panel.title(question.title)
        .description(question.why)
        .datasource(_SOURCE)
        .unit(question.unit)
        .thresholds(_draw_thresholds(question.thresholds))
        .links([_runbook(question.runbook)])
    )


def _draw_series(series: Series, letter: str) -> prometheus.Dataquery:
    query = prometheus.Dataquery().ref_id(letter).datasource(_SOURCE)
    return query.expr(series.query).legend_format(series.legend).range()


def _draw_thresholds(thresholds: Thresholds) -> dashboard.ThresholdsConfig:
    steps = [drawn.Threshold(value=value, color=color) for value, color in thresholds.steps]
    return dashboard.ThresholdsConfig().mode(drawn.ThresholdsMode.ABSOLUTE).steps(steps)


def _runbook(page: str) -> dashboard.DashboardLink:
    title = f"Runbook: {page.replace('-', ' ')}"
    return (
        dashboard.DashboardLink(title)
        .type(drawn.DashboardLinkType.LINK)
        .url(f"${{runbooks}}/{page}.md")
        .target_blank(True)  # noqa: FBT003
    )


def _figure() -> figure.Panel:
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)  # noqa: FBT003
    by_threshold = dashboard.FieldColor().mode(drawn.FieldColorModeId.THRESHOLDS)
    return (
        figure.Panel()
        .reduce_options(last)
        .color_mode(looks.BigValueColorMode.BACKGROUND)
        .graph_mode(looks.BigValueGraphMode.AREA)
        .color_scheme(by_threshold)
    )


def _lines() -> lines.Panel:
    dashed = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
    legend = (
        common.VizLegendOptions()
        .show_legend(True)  # noqa: FBT003
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    )
    tooltip = common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI)
    return lines.Panel().thresholds_style(dashed).legend(legend).tooltip(tooltip)


def _stack() -> lines.Panel:
    normal = common.StackingConfig().mode(looks.StackingMode.NORMAL)
    return _lines().stacking(normal).fill_opacity(30)


def _states() -> states.Panel:
    by_threshold = dashboard.FieldColor().mode(drawn.FieldColorModeId.THRESHOLDS)
    return states.Panel().color_scheme(by_threshold)


_DRAWN: Mapping[Look, Callable[[], _Panel]] = {
    Look.FIGURE: _figure,
    Look.LINES: _lines,
    Look.STACK: _stack,
    Look.STATES: _states,
}

"""What the runs say of each parameter: the least objective at every value of it."""

from __future__ import annotations

from smelt.laws.findings import Parametric, Profile
from smelt.report.figures import Figure, Table, axis, line, points, vertical_line
from smelt.units import format_count


def profile_figures(fitted: Parametric) -> list[Figure]:
    """A figure a parameter, for those whose profile was computed."""
    return [_profile_figure(name, profile, fitted) for name, profile in fitted.profiles.items() if profile.values]


def _profile_figure(name: str, profile: Profile, fitted: Parametric) -> Figure:
    best = min(range(len(profile.values)), key=lambda place: profile.objective[place])
    rise = [objective / profile.objective[best] for objective in profile.objective]
    hover = [
        f"{name} {value:.4g}<br>objective {times:.4g} times its least"
        for value, times in zip(profile.values, rise, strict=True)
    ]
    ends = [end for end in (profile.low, profile.high) if end is not None]
    return Figure(
        anchor=f"profile-{name.replace('_', '-').lower()}",
        title=f"Profile of {name}",
        summary=_summary(name, profile),
        traces=[
            line(profile.values, rise, color="@second", hover=hover),
            points([profile.values[best]], [1.0], color="@accent", hover=[hover[best]], symbol="star", size=13),
        ],
        x=axis(name),
        y=axis("Least objective, over the best"),
        shapes=[vertical_line(end) for end in ends],
        table=Table(
            (name, f"Objective: {fitted.objective_in_words}"),
            [
                (format_count(value), f"{objective:.6g}")
                for value, objective in zip(profile.values, profile.objective, strict=True)
            ],
            words=0,
        ),
        height=300,
    )


def _summary(name: str, profile: Profile) -> str:
    if profile.low is not None and profile.high is not None:
        return f"The 95% interval of {name} (dotted) is {profile.low:.3g} to {profile.high:.3g}."
    open_sides = "either side" if profile.low is profile.high else "the left" if profile.low is None else "the right"
    return f"The runs do not bound {name} on {open_sides}: other parameters make up for it."

"""The report's style sheet: light and dark by the reader's choice, black on white on paper."""

from __future__ import annotations

from shoal.presentation.palette import DARK, LIGHT, Palette


def _variables(colours: Palette, panel: str, good: str) -> str:
    """The custom properties of a colour scheme.

    ``panel`` is the background of cards, ``good`` the colour of what stands out.
    """
    values = {
        "text": colours.text,
        "muted": colours.muted,
        "line": colours.grid,
        "page": colours.surface,
        "best": colours.best,
        "mean": colours.average,
        "band": colours.band,
        "panel": panel,
        "good": good,
        "other": colours.series[1],
        "champion": colours.series[2],
    }
    for number, colour in enumerate(colours.series[:6]):
        values[f"line-{number}"] = colour
    return " ".join(f"--{name}: {value};" for name, value in values.items())


_LIGHT = _variables(LIGHT, panel="#f5f8f9", good="#00658f")
_DARK = _variables(DARK, panel="#1a252b", good="#7cc8f0")

STYLE = (
    f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
"""
    + """
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--page);
  color: var(--text);
  font: 16px/1.55 "Source Sans 3", "Source Sans Pro", "Segoe UI", Roboto,
    "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 980px; margin: 0 auto; padding: 2.4rem 1.6rem 4rem; }
header {
  border-bottom: 1px solid var(--line);
  padding-bottom: 1.3rem;
  margin-bottom: 1.8rem;
}
.mark {
  display: flex;
  align-items: center;
  gap: .5rem;
  color: var(--good);
  font-weight: 650;
  letter-spacing: -.01em;
}
.mark svg { width: 1.9rem; height: 1.7rem; fill: var(--good); }
.mark path + path { opacity: .6; }
h1 {
  font-size: 2rem;
  line-height: 1.2;
  letter-spacing: -.025em;
  margin: 1.1rem 0 .35rem;
  overflow-wrap: anywhere;
}
h2 {
  font-size: 1.15rem;
  letter-spacing: -.01em;
  margin: 2.6rem 0 .8rem;
  break-after: avoid;
}
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.lead { color: var(--muted); margin: 0; }
.note { color: var(--muted); font-size: .92rem; }
.scroll { overflow-x: auto; }

.cards {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr));
  gap: .8rem;
  margin: 0 0 1.1rem;
}
.card {
  background: var(--panel);
  border-radius: 12px;
  padding: .9rem 1.1rem 1rem;
  border: 1px solid transparent;
}
.card dt { color: var(--muted); font-size: .9rem; }
.card dd { margin: 0; }
.card .value {
  font-size: 1.75rem;
  font-weight: 650;
  letter-spacing: -.03em;
  line-height: 1.3;
  white-space: nowrap;
}
.card .value small {
  font-size: .95rem;
  font-weight: 500;
  letter-spacing: 0;
  color: var(--muted);
}
.card .about { color: var(--muted); font-size: .86rem; line-height: 1.4; }
.card.highlight { border-color: var(--good); }
.card.highlight .value { color: var(--good); }

dl.facts {
  display: grid;
  grid-template-columns: 9.5rem 1fr;
  gap: .35rem 1rem;
  margin: 0;
}
dl.facts dt { color: var(--muted); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
dl.genes, dl.settings {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(17.5rem, 1fr));
  gap: 0 2.2rem;
  margin: 0;
}
:is(dl.genes, dl.settings) div {
  display: grid;
  grid-template-columns: 1fr auto;
  gap: .1rem .8rem;
  padding: .34rem 0;
  border-bottom: 1px solid var(--line);
  break-inside: avoid;
}
:is(dl.genes, dl.settings) dt { color: var(--muted); }
:is(dl.genes, dl.settings) dd {
  margin: 0;
  font-weight: 600;
  text-align: right;
  overflow-wrap: anywhere;
}
dl.settings { font-size: .9rem; }
dl.settings dd { font-weight: 500; max-width: 11rem; }
dl.genes i {
  grid-column: 1 / -1;
  height: 3px;
  border-radius: 2px;
  background: var(--line);
  position: relative;
  margin: .2rem 0;
}
dl.genes i::after {
  content: "";
  position: absolute;
  left: var(--at);
  top: -2px;
  width: 7px;
  height: 7px;
  margin-left: -3.5px;
  border-radius: 50%;
  background: var(--best);
}

table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th {
  color: var(--muted);
  font-weight: 500;
  font-size: .88rem;
  text-align: right;
  padding: .35rem .6rem;
  white-space: nowrap;
}
td {
  text-align: right;
  padding: .45rem .6rem;
  border-top: 1px solid var(--line);
  white-space: nowrap;
}
:is(th, td):first-child { text-align: left; padding-left: 0; }
:is(th, td):last-child { padding-right: 0; }
tr.highlight td { font-weight: 650; }
tr { break-inside: avoid; }
table.board { font-size: .9rem; }
table.board :is(th, td):nth-child(3), table.board :is(th, td):nth-last-child(-n+2) {
  text-align: left;
}
table.references :is(th, td):last-child { text-align: left; }
td .why { color: var(--muted); white-space: normal; font-weight: 400; }
table.references .why { display: inline-block; min-width: 14rem; }

svg { display: block; width: 100%; height: auto; }
svg.strip { width: 9rem; }
svg text { fill: var(--muted); font-size: 13px; font-family: inherit; }
.grid { stroke: var(--line); stroke-width: 1; }
.band { fill: var(--band); stroke: none; }
polyline {
  fill: none;
  stroke-width: 2.5;
  stroke-linejoin: round;
  stroke-linecap: round;
}
polyline.best { stroke: var(--best); }
polyline.mean { stroke: var(--mean); stroke-width: 2; stroke-dasharray: 2 5; }
circle.best { fill: var(--best); }
circle.mean { fill: var(--page); stroke: var(--mean); stroke-width: 2; }
circle.other { fill: var(--muted); }
polygon.champion { fill: var(--champion); stroke: var(--page); stroke-width: 1.5; }
.level { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 1 3; }
.level.l1 { stroke-dasharray: 7 3; }
.whisker {
  stroke: var(--best);
  stroke-width: 5;
  stroke-linecap: round;
  opacity: .35;
}
.dot { fill: var(--line-0); opacity: .5; }
.input-bar { fill: var(--best); opacity: .8; }
.input-bar.unclear { fill: none; stroke: var(--muted); }
.input-interval { stroke: var(--text); stroke-width: 1.5; }
.compared { fill: none; stroke: var(--muted); stroke-width: 1.2; stroke-dasharray: 4 4; }
.pair {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr));
  gap: .6rem 1.6rem;
  margin: .8rem 0;
}
.mean-interval { stroke: var(--other); stroke-width: 4; }
.mean-dot { fill: var(--other); }
.s0 { --line-colour: var(--line-0); }
.s1 { --line-colour: var(--line-1); }
.s2 { --line-colour: var(--line-2); }
.s3 { --line-colour: var(--line-3); }
.s4 { --line-colour: var(--line-4); }
.s5 { --line-colour: var(--line-5); }
polyline.line { stroke: var(--line-colour); stroke-width: 2; }
polyline.loss { stroke-width: 1.5; }
polyline.dashed { stroke-dasharray: 6 3; }
circle:is(.s0, .s1, .s2, .s3, .s4, .s5) { fill: var(--line-colour); }
.legend {
  display: flex;
  flex-wrap: wrap;
  gap: .2rem 1.4rem;
  color: var(--muted);
  font-size: .9rem;
  margin: 0 0 .3rem;
}
.legend span::before {
  content: "";
  display: inline-block;
  width: 1.5rem;
  margin-right: .5rem;
  vertical-align: middle;
  border-top: 3px solid var(--best);
}
.legend span:is(.s0, .s1, .s2, .s3, .s4, .s5)::before {
  border-top: 3px solid var(--line-colour);
}
.legend .dashed:is(.s1)::before { border-top-style: dashed; }
.legend .mean::before { border-top: 3px dotted var(--mean); }
.legend .champion::before {
  width: .7rem;
  height: .7rem;
  border: 0;
  background: var(--champion);
  transform: rotate(45deg);
  margin-left: .3rem;
  margin-right: .8rem;
}
.legend .level::before { border-top: 2px dotted var(--muted); }
.legend .level.l1::before { border-top: 2px dashed var(--muted); }
.legend .band::before { border-top: .8rem solid var(--band); }

pre {
  background: var(--panel);
  border-radius: 10px;
  padding: .8rem 1rem;
  margin: .5rem 0;
  overflow-x: auto;
  font-size: .86rem;
  line-height: 1.6;
}
code {
  font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
  font-size: .88em;
}
pre code { font-size: 1em; }
ul { padding-left: 1.2rem; margin: .4rem 0; }
footer {
  margin-top: 3rem;
  padding-top: 1rem;
  border-top: 1px solid var(--line);
  color: var(--muted);
  font-size: .88rem;
}

@media (max-width: 560px) {
  main { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.6rem; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: .5rem; }
  dl.genes, dl.settings { grid-template-columns: 1fr; }
  .cards { grid-template-columns: 1fr 1fr; }
  .card { padding: .7rem .8rem .8rem; }
  .card .value { font-size: 1.35rem; white-space: normal; }
  svg text { font-size: 26px; }
  .pair svg text { font-size: 14px; }
  .pair svg text.title { display: inline; }
  svg.inputs text { font-size: 18px; }
  svg text.title { display: none; }
}
@media print {
"""
    + f"  :root {{ color-scheme: light; {_LIGHT} }}"
    + """
  @page { margin: 16mm; }
  body { font-size: 10.5pt; background: #fff; }
  main { max-width: none; padding: 0; }
  .card, pre { border: 1px solid var(--line); }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
)

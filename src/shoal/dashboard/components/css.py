"""The page's own style sheet and its mark. Static: no text of a user ever enters it.

Class names that begin with st-key- are the keys of our own containers; the test ids are
Streamlit's. Where a version of Streamlit renames one, its plain look is seen, and nothing breaks.
"""

from __future__ import annotations

from urllib.parse import quote

from shoal.presentation.palette import DARK, LIGHT, MARGINS

_FISH = (
    "M29 16c-3.2 4.2-8.4 4.2-11.4 1.600L14 20.400l.9-4.4-.9-4.4 3.6 2.800"
    "C20.6 11.8 25.8 11.8 29 16z"
)

# Four fish in the colour of the page's buttons, as an SVG picture.
MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#0a86b8">'
    f'<path d="{_FISH}"/>'
    f'<path opacity=".75" transform="translate(1.5 -1.5) scale(.6)" d="{_FISH}"/>'
    f'<path opacity=".75" transform="translate(1.5 14.3) scale(.6)" d="{_FISH}"/>'
    f'<path opacity=".5" transform="translate(-5.4 8.8) scale(.45)" d="{_FISH}"/></svg>'
)

_TEMPLATE = """
<style>
  .stApp { font-variant-numeric: tabular-nums; }
  [data-testid="stMainBlockContainer"] { max-width: 1240px; padding: 2.75rem 2rem 2.5rem; }
  [data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: .8rem; }
  [data-testid="stHeader"] { background: transparent; height: 2.6rem; }
  /* A run's buttons lie below the header, which must not take their clicks. */
  [data-testid="stHeader"], [data-testid="stHeader"] * { pointer-events: none; }
  [data-testid="stHeader"] :is(button, button *) { pointer-events: auto; }
  [data-testid="stSidebarHeader"] { height: 2.6rem; margin: 0; padding-top: .4rem; }
  [data-testid="stSidebarUserContent"] { padding: 0 .9rem 2rem; }
  /* A refresh each second must not blink. */
  [data-stale="true"] { opacity: 1 !important; transition: none !important; }
  [data-testid="stStatusWidget"] { display: none; }
  h1 { font-size: 1.7rem !important; padding: 0 0 .75rem !important; letter-spacing: -.02em; }
  :is(h2, h3) {
    font-size: 1.02rem !important; padding: 0 0 .7rem !important; letter-spacing: -.005em;
  }
  [data-testid="stText"] { font-family: inherit; white-space: pre-wrap; overflow-wrap: anywhere; }

  /* Streamlit's fainter words have too little contrast. */
  [data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] :is(p, li) {
    color: light-dark(LIGHT_MUTED, DARK_MUTED); opacity: 1;
  }
  [data-testid="stMarkdownContainer"] :not(pre) > code {
    color: light-dark(#17693a, #6fd19a);
  }
  /* On filled places white has too little contrast with the dark theme's blue. */
  :is([data-testid="stBaseButton-primary"], [data-testid="stBaseButton-primaryFormSubmit"],
    [data-baseweb="tag"]):not(:disabled) :is(p, span) {
    color: light-dark(#fff, #08151b);
  }
  :is(a, button, summary, input, textarea, [tabindex="0"], [role="button"]):focus-visible {
    outline: 2px solid light-dark(LIGHT_BEST, DARK_BEST) !important; outline-offset: 2px;
  }
  [data-testid="stSidebar"] a:focus-visible { outline-offset: -2px; }

  /* A label that says what it means; server/page.js shows it. */
  button.word {
    all: unset; cursor: help; text-decoration: underline dotted; text-underline-offset: .25em;
    text-decoration-color: light-dark(#9aa8af, #5d7078); border-radius: 3px;
  }
  #meaning {
    position: fixed; inset: auto; margin: 0; max-width: min(21rem, calc(100vw - 1.5rem));
    box-sizing: border-box; padding: .5rem .7rem; border-radius: 8px;
    font-family: "Source Sans", sans-serif; font-size: .88rem; line-height: 1.45;
    color: light-dark(LIGHT_TEXT, DARK_TEXT); background: light-dark(#fff, #1d2a31);
    border: 1px solid light-dark(#c9d4d9, #3a4b54); box-shadow: 0 3px 14px rgba(0,0,0,.16);
  }

  /* The link to a page's help stands beside Streamlit's menu. */
  .st-key-help-link {
    position: absolute; top: .58rem; right: 3.6rem; width: auto; z-index: 999991;
  }
  .st-key-help-link a { padding: .1rem .45rem; }

  .theme {
    display: flex; margin-top: .6rem; border: 1px solid rgba(128,148,158,.4); border-radius: 8px;
    overflow: hidden;
  }
  .theme button {
    all: unset; flex: 1; text-align: center; font-size: .82rem; line-height: 1.5; cursor: pointer;
    padding: .2rem .3rem; color: light-dark(LIGHT_MUTED, DARK_MUTED);
  }
  .theme button:hover { color: light-dark(LIGHT_TEXT, DARK_TEXT); }
  .theme button[aria-pressed="true"] {
    background: light-dark(LIGHT_PAGE, #26343c); font-weight: 600;
    color: light-dark(LIGHT_TEXT, DARK_TEXT);
  }
  .theme button:focus-visible { outline-offset: -2px; border-radius: 7px; }
  /* The switch presses Streamlit's own menu, which nobody has to see. */
  html.choosing [data-testid="stMainMenuPopover"] { opacity: 0 !important; }

  #tour {
    width: min(30rem, calc(100vw - 2rem)); box-sizing: border-box; padding: 1.4rem 1.6rem 1.2rem;
    border-radius: 12px; border: 1px solid light-dark(#d5dfe3, #34454e);
    font-family: "Source Sans", sans-serif; font-size: 1rem; line-height: 1.55;
    color: light-dark(LIGHT_TEXT, DARK_TEXT); background: light-dark(#fff, #182228);
    box-shadow: 0 10px 40px rgba(0,0,0,.25);
  }
  #tour::backdrop { background: rgba(10,20,26,.45); }
  #tour h2 {
    font-size: 1.25rem !important; margin: 0; padding: 0 0 .5rem !important; outline: none;
  }
  #tour p { margin: 0 0 .6rem; }
  #tour a { color: light-dark(LIGHT_BEST, DARK_BEST); }
  #tour footer { display: flex; align-items: center; gap: .5rem; margin-top: 1rem; }
  #tour .step { flex: 1; font-size: .88rem; color: light-dark(LIGHT_MUTED, DARK_MUTED); }
  #tour button {
    all: unset; cursor: pointer; padding: .32rem .85rem; border-radius: 8px; font-weight: 500;
    border: 1px solid light-dark(#c9d4d9, #3a4b54);
  }
  #tour button.next { background: #00658f; border-color: #00658f; color: #fff; }
  #tour button:focus-visible { outline: 2px solid light-dark(LIGHT_BEST, DARK_BEST) !important; }

  table.glossary { width: 100%; border-collapse: collapse; }
  table.glossary :is(th, td) {
    text-align: left; vertical-align: top; padding: .42rem 1rem .42rem 0; font-weight: 400;
    border-top: 1px solid rgba(128,148,158,.26);
  }
  table.glossary th { width: 12rem; font-weight: 600; }
  input.filter {
    box-sizing: border-box; width: min(24rem, 100%); padding: .45rem .7rem; margin: .25rem 0 .6rem;
    font: inherit; color: inherit; border-radius: 8px; background: light-dark(#fff, #1a252b);
    border: 1px solid light-dark(#8a9ba3, #5d7078);
  }
  label.filter { display: block; }
  button.plain {
    all: unset; cursor: pointer; padding: .3rem .8rem; border-radius: 8px;
    border: 1px solid light-dark(#c9d4d9, #3a4b54);
  }
  .save-svg {
    color: light-dark(LIGHT_TEXT, DARK_TEXT) !important; opacity: 1 !important;
  }
  .save-svg { display: inline-flex; align-items: center; gap: .15rem; font-size: .72rem; }
  /* Play and pause of Plotly, as the page's own buttons. */
  .updatemenu-button { cursor: pointer; }
  .updatemenu-item-rect { rx: 8px; ry: 8px; }
  .updatemenu-button:hover .updatemenu-item-rect {
    stroke: #0a86b8 !important; fill: light-dark(#f0f7fa, #1a2a33) !important;
  }

  .brand b {
    font-size: 1.28rem; letter-spacing: -.015em; padding: .2rem 0 .2rem 2.1rem;
    background: url("data:image/svg+xml,MARK_URL") left center / 1.65rem no-repeat;
  }

  header.run { display: flex; flex-wrap: wrap; align-items: center; gap: .15rem .65rem; }
  header.run h1 { padding-bottom: .2rem !important; margin: 0; }
  header.run p {
    flex-basis: 100%; margin: 0; font-size: .92rem; line-height: 1.5; max-height: 4.4rem;
    overflow: auto; overflow-wrap: anywhere; color: light-dark(LIGHT_MUTED, DARK_MUTED);
  }
  header.run bdi {
    margin-right: .35rem; font-weight: 600; color: light-dark(LIGHT_TEXT, DARK_TEXT);
  }
  .badge { border-radius: 8px; padding: 0 .4rem; font-size: .85rem; line-height: 1.6; }
  .badge.gray { background: light-dark(#e6ecef, #26333b); color: light-dark(#45555d, #b4c2c9); }
  .badge.blue { background: light-dark(#dcedf7, #12384d); color: light-dark(#00577c, #7cc6ec); }
  .badge.green { background: light-dark(#dcf1e4, #12402a); color: light-dark(#17693a, #6fd19a); }
  .badge.orange { background: light-dark(#fcecd2, #4a3410); color: light-dark(#8a5200, #f2bd62); }
  .badge.red { background: light-dark(#fbe1dd, #521f18); color: light-dark(#a3301d, #f39a8b); }
  .pulse p { margin: 0; font-size: .88rem; line-height: 1.6; }
  .pulse p:last-child { margin-top: .45rem; color: light-dark(LIGHT_MUTED, DARK_MUTED); }
  .pulse p i { font-style: normal; }
  .pulse i.green { color: light-dark(#17793f, #4cc483); }
  .pulse i.red { color: light-dark(#b3341f, #f08a78); }
  .pulse [role="progressbar"] {
    height: .5rem; margin-top: .3rem; border-radius: 8px; overflow: hidden;
    background: rgba(128,148,158,.22);
  }
  .pulse [role="progressbar"] i {
    display: block; height: 100%; background: light-dark(#00658f, #2a8ab5);
  }

  dl.tiles {
    display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 1rem;
    margin: 0; padding: 0;
  }
  dl.tiles > div {
    border: 1px solid rgba(128,148,158,.26); border-radius: 8px; padding: .55rem .9rem .5rem;
  }
  dl.tiles :is(dt, dd) {
    margin: 0; padding: 0; font-size: .84rem; line-height: 1.5; overflow-wrap: anywhere;
  }
  dl.tiles :is(dt, dd) { font-weight: 400; color: light-dark(LIGHT_MUTED, DARK_MUTED); }
  dl.tiles b {
    font-size: 1.55rem; font-weight: 600; letter-spacing: -.02em; line-height: 1.35;
    color: light-dark(LIGHT_TEXT, DARK_TEXT);
  }

  .st-key-chart, .st-key-best, .st-key-scores, .st-key-draft, .st-key-search, .st-key-cost {
    border-radius: 10px;
  }
  :is([class*="st-key-finding-"], [class*="st-key-warning-"]) { flex-wrap: nowrap; }
  .st-key-findings { gap: .5rem; }
  :is(.st-key-cost, .st-key-threshold-tiles) dl.tiles b { font-size: 1.3rem; }
  .st-key-threshold-tiles dl.tiles { gap: .5rem; }
  :is(.st-key-chart, .st-key-best) { gap: .5rem; }
  /* As tall between two trainings as during one. */
  .st-key-now { min-height: 21rem; }
  .st-key-waiting { gap: .4rem; }
  .st-key-waiting p { text-align: center; }

  p.found { margin: 0 0 .5rem; font-size: .85rem; color: light-dark(LIGHT_MUTED, DARK_MUTED); }
  dl.genes {
    display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.6rem; margin: 0; padding: 0;
  }
  dl.genes div {
    display: grid; grid-template-columns: 1fr auto; row-gap: .2rem; padding: .26rem 0;
    align-content: start; font-size: .86rem; line-height: 1.45;
  }
  dl.genes dt {
    color: light-dark(LIGHT_MUTED, DARK_MUTED); font-weight: 400; margin: 0; padding: 0;
    white-space: nowrap;
  }
  dl.genes dd { margin: 0; padding: 0; font-weight: 600; text-align: right; white-space: nowrap; }
  dl.genes dd.place {
    grid-column: 1 / -1; height: 3px; border-radius: 2px; background: rgba(128,148,158,.24);
    position: relative;
  }
  dl.genes dd.place::after {
    content: ""; position: absolute; left: var(--at); top: -2px; width: 7px; height: 7px;
    margin-left: -3.5px; border-radius: 50%; background: #0a86b8;
  }

  /* The genome itself stands at the right, which is seen first. */
  .descent { overflow-x: auto; direction: rtl; }
  .descent > div { position: relative; direction: ltr; }
  .descent a {
    position: absolute; box-sizing: border-box; padding: .45rem .6rem; border-radius: 6px;
    overflow: hidden; font-size: 11.5px; line-height: 1.36; white-space: nowrap;
    text-decoration: none;
  }
  .descent a:hover { text-decoration: none; filter: brightness(.97); }

  .scroll { overflow: auto; border-radius: 3px; }
  .scroll:focus-visible { outline-offset: -2px; }
  :is(.st-key-grid-trainings, .st-key-grid-columns, .st-key-grid-events,
    .st-key-grid-run) .scroll {
    max-height: 18rem;
  }
  table.grid { min-width: 100%; border-collapse: collapse; font-size: .86rem; }
  table.grid th {
    text-align: left; font-weight: 500; padding: .3rem .9rem .3rem 0; position: sticky; top: 0;
    white-space: nowrap; background: light-dark(LIGHT_PAGE, DARK_PAGE);
    color: light-dark(LIGHT_MUTED, DARK_MUTED);
  }
  table.grid td {
    padding: .32rem .9rem .32rem 0; border-top: 1px solid rgba(128,148,158,.26);
    white-space: nowrap;
  }
  table.grid thead td { border: none; }
  /* Fourteen columns, of which none may be cut off at 1280 pixels. */
  .st-key-leaders table.grid :is(th, td) { padding-right: .5rem; }
  /* Half of a page for ten. */
  .st-key-grid-trainings table.grid :is(th, td) { padding-right: .4rem; font-size: .82rem; }
  .st-key-leaders table.grid td.long { min-width: 10rem; }
  table.grid td.long { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
  table.grid .n { text-align: right; }
  table.grid a { color: light-dark(LIGHT_BEST, DARK_BEST); }
  table.grid :is(th, td):last-child { padding-right: 0; }
  table.bars :is(th, td) { border: none; padding: .12rem .9rem .12rem 0; }
  table.bars td:nth-child(2) { width: 100%; }
  table.bars thead th { white-space: normal; vertical-align: bottom; }
  table.bars tbody th { font-weight: 400; color: inherit; }
  table.bars div { position: relative; height: 1.05rem; }
  table.bars :is(i, u) { position: absolute; top: .1rem; bottom: .1rem; box-sizing: border-box; }
  table.bars i { background: light-dark(LIGHT_BEST, DARK_BEST); border-radius: 1px; }
  table.bars i.hollow { background: none; border: 1px solid light-dark(LIGHT_MUTED, DARK_MUTED); }
  table.bars u {
    top: calc(50% - .75px); height: 1.5px; background: light-dark(LIGHT_TEXT, DARK_TEXT);
  }
  table.scores { width: 100%; border-collapse: collapse; font-size: .92rem; }
  table.scores th {
    text-align: right; font-weight: 500; padding: .3rem .5rem;
    color: light-dark(LIGHT_MUTED, DARK_MUTED);
  }
  table.scores td {
    text-align: right; padding: .42rem .5rem; border-top: 1px solid rgba(128,148,158,.26);
  }
  table.scores thead td { border: none; }
  table.scores :is(th, td):first-child { text-align: left; padding-left: 0; }
  table.scores :is(th, td):last-child { padding-right: 0; }
  table.scores tr.highlight td { font-weight: 650; }

  [class*="st-key-places"] { gap: .1rem; }
  .st-key-places-below { border-top: 1px solid rgba(128,148,158,.26); padding-top: .5rem; }
  [class*="st-key-places"] a { padding: .28rem .5rem; }
  details.chosen {
    border: 1px solid rgba(128,148,158,.26); border-radius: 8px; font-size: .88rem;
    line-height: 1.5; background: light-dark(LIGHT_PAGE, DARK_PAGE);
  }
  details.chosen > * { padding: .4rem .7rem; }
  details.chosen summary {
    cursor: pointer; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  }
  details.chosen nav {
    max-height: 16rem; overflow-y: auto; border-top: 1px solid rgba(128,148,158,.26); opacity: .9;
  }
  details.chosen a {
    display: block; padding: .16rem 0; overflow: hidden; text-overflow: ellipsis;
    white-space: nowrap; color: inherit; text-decoration: none;
  }
  details.chosen a:hover { text-decoration: underline; }
  .st-key-active { gap: .5rem; }
  .st-key-active [class*="st-key-run-"] { border-radius: 10px; padding: .65rem .9rem; }
  .st-key-active [data-testid="stVerticalBlock"] { gap: .25rem; }
  .st-key-active [data-testid="stPageLink"] a { padding: 0; }
  .st-key-active [data-testid="stPageLink"] p { font-size: 1.02rem; }
  :is(.st-key-active, .st-key-chosen-runs, [class*="st-key-group-"]) code {
    font: inherit; color: inherit !important; background: none; padding: 0;
  }
  .st-key-active code {
    display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  }
  .st-key-active [data-testid="stButton"] p { white-space: nowrap; }
  .st-key-active [data-testid="stButton"] button { padding: .3rem .7rem; min-height: 0; }

  /* Points stand beside their questions, and not in half of the page. */
  [class*="st-key-grid-scorecard"] :is(td, th):first-child { width: 4rem; }

  /* Ten axes need more room than a telephone has. */
  .st-key-lines { overflow-x: auto; }
  .st-key-lines :is([class*="st-key-chart-"], [data-testid="stElementContainer"],
    [data-testid="stPlotlyChart"]) {
    min-width: 700px;
  }
  .st-key-problem {
    border-left: 3px solid #c8452f; border-radius: 6px; padding: .7rem 1rem; gap: .25rem;
    background: rgba(200,69,47,.07);
  }
  [class*="st-key-chart-"] { overflow: visible !important; }
  [class*="st-key-chart-"] svg.marks { overflow: visible; }
  /* Vega makes its axes as wide as this, and adds the margins. */
  [class*="st-key-chart-"]:not([class*="st-key-chart-fit-"]) [data-testid="stVegaLiteChart"] {
    width: calc(100% - MARGINSpx);
  }
  ul.legend {
    display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0; padding: 0; list-style: none;
  }
  ul.legend li {
    display: flex; align-items: center; gap: .4rem; margin: 0; font-size: .87rem;
    line-height: 1.5;
  }
  ul.legend i {
    box-sizing: border-box; width: 9px; height: 9px; border: 1.7px solid;
    background: currentColor;
  }
  ul.legend i.line { width: 22px; height: 2.5px; border: none; }
  ul.legend i.area { width: 18px; border: none; }
  ul.legend i.circle { border-radius: 50%; }
  ul.legend i.diamond { transform: rotate(45deg) scale(.9); }
  ul.legend i.cross {
    border: none;
    background:
      linear-gradient(45deg, transparent 42%, currentColor 42% 58%, transparent 58%),
      linear-gradient(-45deg, transparent 42%, currentColor 42% 58%, transparent 58%);
  }
  ul.legend i.hollow { background: none; }
  @media (prefers-reduced-motion: no-preference) {
    /* Particles glide from where the last refresh saw them. Plotly's own way leaves what is cut
       off as wide as it was. */
    .st-key-chart-swarm-now path.point { transition: transform .7s cubic-bezier(.2, .7, .3, 1); }
  }
  .pointer_marks line:hover { opacity: .18; }
  /* Without a GPU its animation takes a core, just while the page needs it. */
  [data-testid="stSkeleton"] { animation: none !important; }
  .st-key-footer { border-top: 1px solid rgba(128,148,158,.26); padding-top: .5rem; }
  .st-key-footer [data-testid="stText"] {
    font-size: .82rem; color: light-dark(LIGHT_MUTED, DARK_MUTED);
  }

  @media (max-width: 760px) {
    [data-testid="stMainBlockContainer"] { padding: 2.7rem 1rem 2rem; }
    dl.tiles {
      grid-auto-flow: row; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .6rem;
    }
    :is(.st-key-draft, .st-key-search, .st-key-row-fields) [data-testid="stColumn"] {
      flex: 1 1 calc(50% - .5rem); min-width: calc(50% - .5rem);
    }
    /* A button stands below the sentence that it belongs to. */
    :is([class*="st-key-finding-"], [class*="st-key-warning-"]) { flex-wrap: wrap; }
    :is([class*="st-key-finding-"], [class*="st-key-warning-"]) > :nth-child(2) {
      flex: 1 1 calc(100% - 3rem);
    }
    /* The line in the bar shows the interval already. */
    table.bars :is(th, td):last-child { display: none; }
    table.scores { font-size: .82rem; }
    table.scores :is(th, td) { padding: .35rem .2rem; }
  }
  @media (max-width: 340px) {
    dl.genes { grid-template-columns: 1fr; }
  }
</style>
"""

# Words of the style sheet, and what stands for them.
_VALUES = {
    "MARK_URL": quote(MARK),
    # The width of a chart's fixed margins, in pixels.
    "MARGINS": str(MARGINS["left"] + MARGINS["right"]),
    "LIGHT_PAGE": LIGHT.surface,
    "DARK_PAGE": DARK.surface,
    "LIGHT_BEST": LIGHT.best,
    "DARK_BEST": DARK.best,
    "LIGHT_TEXT": LIGHT.text,
    "DARK_TEXT": DARK.text,
    "LIGHT_MUTED": LIGHT.muted,
    "DARK_MUTED": DARK.muted,
}


def _filled_in(css: str) -> str:
    for word, value in _VALUES.items():
        css = css.replace(word, value)
    return css


CSS = _filled_in(_TEMPLATE)

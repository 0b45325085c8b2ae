"""The script that adds *Download as SVG* to the toolbar of each chart.

Streamlit offers charts as PNG only, though it draws them as SVG. The script needs nothing from any
server: it saves what the browser has drawn. The legend of a Vega-Lite chart stands above it as
HTML, and is not part of the picture, as in the PNG. It also keeps the toolbar of a chart at the
edge of the window inside of the window.
"""

from __future__ import annotations

SCRIPT = """<script>
(() => {
  const ICON = "M19 9h-4V3H9v6H5l7 7 7-7zM5 18v2h14v-2H5z";
  const NS = "http://www.w3.org/2000/svg";

  // Vega draws one picture; Plotly lays several over each other.
  const picture = (box) => {
    const layers = [...box.querySelectorAll("svg.marks, svg.main-svg")];
    if (!layers.length) return null;
    const whole = document.createElementNS(NS, "svg");
    const {width, height} = layers[0].getBoundingClientRect();
    whole.setAttribute("xmlns", NS);
    whole.setAttribute("width", width);
    whole.setAttribute("height", height);
    whole.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const back = document.createElementNS(NS, "rect");
    back.setAttribute("width", "100%");
    back.setAttribute("height", "100%");
    const app = document.querySelector("[data-testid=stApp]");
    back.setAttribute("fill", getComputedStyle(app).backgroundColor);
    whole.append(back, ...layers.map((layer) => layer.cloneNode(true)));
    return whole;
  };

  const save = (box, name) => {
    const drawn = picture(box);
    if (!drawn) return;
    const text = new XMLSerializer().serializeToString(drawn);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], {type: "image/svg+xml"}));
    link.download = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60) + ".svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // Pixels at the top of the window that the page's header takes.
  const EDGE = 44;
  // How far above its chart a toolbar comes to stand, when it has moved there, and its height.
  const ABOVE = 36;
  let reached = null;

  // A toolbar stands above its chart, so beyond the window where the chart is at its edge: then it
  // moves down into the chart.
  const place = () => {
    const bar = reached?.querySelector("[data-testid=stElementToolbarButtonContainer]");
    if (!bar) return;
    const {top, bottom} = reached.getBoundingClientRect();
    const down = Math.max(0, Math.min(EDGE, bottom - ABOVE) - (top - ABOVE));
    bar.style.translate = down ? `0 ${down}px` : "none";
  };

  // A toolbar appears when its chart is first pointed at or reached by the keyboard.
  const offer = (event) => {
    const box = event.target.closest?.("[data-testid=stElementContainer]");
    const drawn = box?.querySelector("svg.marks, svg.main-svg");
    const bar = box?.querySelector("[data-testid=stElementToolbarButtonContainer]");
    if (!drawn || !bar) return;
    reached = box;
    place();
    if (bar.querySelector(".save-svg")) return;
    const other = bar.querySelector("button");
    const alt = drawn.closest("[aria-label]")?.getAttribute("aria-label") || "chart";
    const button = document.createElement("button");
    button.className = `${other?.className ?? ""} save-svg`;
    button.title = "Download as SVG";
    button.setAttribute("aria-label", `Download as SVG: ${alt}`);
    button.innerHTML = `<svg viewBox="0 0 24 24" width="16" height="16" fill="currentColor"
      aria-hidden="true"><path d="${ICON}"/></svg><span>SVG</span>`;
    button.onclick = () => save(box, alt);
    bar.append(button);
  };
  document.addEventListener("pointerover", offer, {passive: true});
  document.addEventListener("focusin", offer);
  document.addEventListener("scroll", place, {capture: true, passive: true});
})();
</script>
"""

// Unpacks plotly.js from the page itself and draws each figure; draws again when the colour scheme changes.
"use strict";

const narrow = matchMedia("(max-width: 40rem)");
const dark = matchMedia("(prefers-color-scheme: dark)");
const finePointer = matchMedia("(hover: hover) and (pointer: fine)");

async function loadPlotly() {
  const packed = document.getElementById("plotly").textContent.trim();
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

// "@accent" stands for the style sheet's --accent: plotly cannot read CSS variables itself.
function withColors(value, style) {
  if (typeof value === "string" && value.startsWith("@")) return style.getPropertyValue("--" + value.slice(1)).trim();
  if (Array.isArray(value)) return value.map((item) => withColors(item, style));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withColors(item, style)]));
}

function layoutOf(figure) {
  const axis = {
    automargin: true, gridcolor: "@grid", linecolor: "@rule", zeroline: false, showline: true,
    ticks: "outside", tickcolor: "@rule", ticklen: 4, nticks: narrow.matches ? 5 : 9,
    minor: { showgrid: false },
  };
  const title = (own) => ({ ...own, title: { ...own.title, standoff: 10, font: { size: 12, color: "@muted" } } });
  return {
    xaxis: { ...axis, ...title(figure.x) },
    yaxis: { ...axis, ...title(figure.y) },
    shapes: figure.shapes,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: "@muted" },
    hoverlabel: { bgcolor: "@surface", bordercolor: "@rule", font: { color: "@ink", size: 12 }, align: "left" },
    margin: { l: 4, r: 20, t: 8, b: 4 }, // the last tick label fits on the right
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    barmode: "stack", bargap: 0.35, hovermode: "closest", showlegend: false,
    dragmode: finePointer.matches ? "zoom" : false,
  };
}

function draw(plot) {
  const figure = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  const { traces, layout } = withColors({ traces: figure.traces, layout: layoutOf(figure) },
    getComputedStyle(document.documentElement));
  plot.querySelector(".waiting")?.remove();
  return Plotly.react(plot, traces, layout, { responsive: true, displayModeBar: false });
}

async function drawAll() {
  for (const plot of document.querySelectorAll(".plot")) await draw(plot);
  document.documentElement.dataset.drawn = "true";
}

loadPlotly().then(drawAll).catch((error) => {
  for (const note of document.querySelectorAll(".waiting")) {
    note.textContent = "This browser cannot draw the figure; its numbers are below.";
  }
  console.error(error);
});
for (const query of [dark, narrow]) query.addEventListener("change", () => globalThis.Plotly && drawAll());

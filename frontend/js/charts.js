// Turns a figure's own table into a drawing; the table stays for readers without a script, or without sight.
import uPlot from "uplot";

// A canvas knows no custom properties and not every mix: let the browser work the colour out on a real element.
function colour(box, value) {
  box.style.color = value;
  const worked = getComputedStyle(box).color;
  box.style.color = "";
  return worked;
}

function read(table) {
  const rows = [...table.querySelectorAll("tbody tr")];
  const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
  const series = [...table.querySelectorAll("thead th")].slice(1);
  const values = series.map((_, at) => rows.map((row) => Number(row.querySelectorAll("[data-value]")[at].dataset.value)));
  return { labels: series.map((cell) => cell.textContent.trim()), data: [times, ...values] };
}

function draw(figure) {
  const { labels, data } = read(figure.querySelector("table"));
  const box = document.createElement("div");
  figure.querySelector("details").before(box);
  const axis = { stroke: colour(box, "var(--tblr-secondary)"), ticks: { show: false } };
  const lines = { stroke: colour(box, "var(--tblr-border-color)"), width: 1 };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: labels.length > 1, live: false },
      cursor: { show: false },
      axes: [{ ...axis, grid: { show: false } }, { ...axis, grid: lines, size: 72 }],
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high === low ? high + 1 : high * 1.05] } },
      series: [
        {},
        ...labels.map((label, at) => ({
          label,
          width: 2,
          points: { show: false },
          stroke: colour(box, at ? "var(--tblr-secondary)" : "var(--tblr-primary)"),
          fill: at ? undefined : colour(box, "rgba(var(--tblr-primary-rgb), .1)"),
        })),
      ],
    },
    data,
    box,
  );
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
}

export function drawCharts(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]:not([data-drawn])")) {
    figure.dataset.drawn = "yes";
    draw(figure);
  }
}

// Turns a figure's own table into a drawing; the table stays for readers without a script, or without sight.
import uPlot from "uplot";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

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
  const axis = { stroke: colour("--tblr-secondary"), grid: { stroke: colour("--tblr-border-color"), width: 1 }, ticks: { show: false } };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight - 32,
      axes: [axis, { ...axis, size: 72 }],
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high === low ? high + 1 : high * 1.05] } },
      series: [
        {},
        ...labels.map((label, at) => ({
          label,
          width: 2,
          stroke: colour(at ? "--tblr-secondary" : "--tblr-primary"),
          fill: at ? undefined : `rgba(${colour("--tblr-primary-rgb")}, .1)`,
        })),
      ],
    },
    data,
    box,
  );
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight - 32 })).observe(box);
}

export function drawCharts(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]:not([data-drawn])")) {
    figure.dataset.drawn = "yes";
    draw(figure);
  }
}

// Turns a figure's own table into a drawing; the table stays for readers without a script, or without sight.
import uPlot from "uplot";

const DAY = 86_400;
const LABEL_WIDTH = 64;
// As the pages write them. The days are UTC days: the reader's own zone would call many of them by the day before.
const days = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric", timeZone: "UTC" });
const amounts = new Intl.NumberFormat("en-US", { maximumFractionDigits: 18 });

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
  return [times, rows.map((row) => Number(row.querySelector("[data-value]").dataset.value))];
}

// As many days as there is room for, counted back from the last.
function labelled(plot) {
  const times = plot.data[0];
  const step = Math.ceil((times.length * LABEL_WIDTH) / plot.bbox.width * devicePixelRatio) || 1;
  return times.filter((_, at) => (times.length - 1 - at) % step === 0);
}

// Room for the longest amount, and on a phone not more.
function wide(_, marks) {
  return 24 + 7 * Math.max(0, ...(marks ?? []).map((mark) => mark.length));
}

function draw(figure) {
  const data = read(figure.querySelector("table"));
  const box = document.createElement("div");
  figure.querySelector("details").before(box);
  const axis = { stroke: colour(box, "var(--tblr-secondary)"), ticks: { show: false } };
  const lines = { stroke: colour(box, "var(--tblr-border-color)"), width: 1 };
  const bars = { paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false }, width: 0 };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      axes: [
        { ...axis, grid: { show: false }, splits: labelled, values: (_, times) => times.map((at) => days.format(at * 1000)) },
        { ...axis, grid: lines, size: wide, values: (_, marks) => marks.map((mark) => amounts.format(mark)) },
      ],
      scales: {
        // Half a day more at either end: a bar stands in the middle of its day.
        x: { time: false, range: (_, first, last) => [first - DAY / 2, last + DAY / 2] },
        y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] },
      },
      series: [{}, { ...bars, fill: colour(box, "var(--tblr-primary)") }],
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

// Overheads with their 95 % intervals, as in the HTML report, for a narrow screen.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 360;
const ROW = 40;
const TOP = 24;

// rows: [{heading, name, value, low, high, outcome, counted}], threshold: all as shares.
export function plot({ rows, threshold }) {
  const values = [0, threshold * 1.6];
  for (const one of rows) values.push(one.low, one.high, one.counted ?? 0);
  const [low, high] = padded(values);
  const x = (value) => 6 + ((value - low) / (high - low)) * (WIDTH - 12);
  const headings = new Set(rows.map((one) => one.heading)).size;
  const height = TOP + ROW * rows.length + 26 * headings + 24;
  const svg = made("svg", {
    viewBox: `0 0 ${WIDTH} ${height}`,
    role: "img",
    "aria-label": "Overhead in time of each model against its baseline, with 95 % intervals",
  });
  const bottom = height - 22;
  const left = Math.max(x(0), 6);
  svg.append(
    made("rect", { x: left, y: TOP, width: x(threshold) - left, height: bottom - TOP, class: "band" }),
    text(Math.min(x(threshold), WIDTH - 110), 16, `allowed: ${percent(threshold)}`, "faint"),
  );
  for (const tick of ticks(low, high, 5)) {
    svg.append(
      made("line", { x1: x(tick), x2: x(tick), y1: TOP, y2: bottom, class: tick === 0 ? "zero" : "grid" }),
      text(x(tick), height - 6, percent(tick), "tick", "middle"),
    );
  }
  let y = TOP;
  let last = null;
  for (const one of rows) {
    if (one.heading !== last) {
      last = one.heading;
      svg.append(text(0, y + 18, one.heading, "heading"));
      y += 26;
    }
    svg.append(...row(one, x, y));
    y += ROW;
  }
  return svg;
}

function row(one, x, y) {
  const kind = one.outcome.replaceAll(" ", "-");
  const middle = y + 27;
  const parts = [
    text(0, y + 14, one.name, "name"),
    text(WIDTH, y + 14, one.figures, "value", "end"),
    made("line", { x1: x(one.low), x2: x(one.high), y1: middle, y2: middle, class: `interval ${kind}` }),
    made("circle", { cx: x(one.value), cy: middle, r: 5, class: `point ${kind}` }),
  ];
  if (one.counted !== null) {
    const path = `M${x(one.counted)} ${middle - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z`;
    parts.push(made("path", { d: path, class: "counted" }));
  }
  return parts;
}

function padded(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low) * 0.05 || 0.01;
  return [low - room, high + room];
}

function ticks(low, high, count) {
  const rough = (high - low) / count;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * magnitude).find((one) => one >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toFixed(12)));
  return found;
}

function percent(share) {
  const value = Number((share * 100).toPrecision(3));
  return `${value > 0 ? "+" : ""}${value} %`.replace("-", "\u2212");
}

function text(x, y, content, kind, anchor = "start") {
  const found = made("text", { x, y, class: kind, "text-anchor": anchor });
  found.textContent = content;
  return found;
}

function made(name, attributes) {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  return found;
}

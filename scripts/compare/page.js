"use strict";
// What the page shows of its data: nothing here asks anybody for anything.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const DRAWS = 1000; // as many as settle the second figure of an interval
const ALL = "all";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const runName = (number) => element("span", { class: `run run-${number}` }, data.runs[number].name);
const shown = (value, metric) => value.toFixed(metric.digits);
const signed = (value, digits) => (value > 0 ? "+" : "") + value.toFixed(digits).replace("-", "−");
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// A small generator with a seed: what is drawn on a page must not change when it is drawn again.
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function interval(values) {
  const roll = dice(1);
  const drawn = Array.from({ length: DRAWS }, () => mean(values.map(() => values[Math.floor(roll() * values.length)])));
  drawn.sort((one, other) => one - other);
  return { value: mean(values), low: drawn[Math.floor(DRAWS * 0.025)], high: drawn[Math.floor(DRAWS * 0.975)], num: values.length };
}

// ---- filters

const chosenRows = () => data.rows.filter((row) =>
  [["category", byId("category").value], ["garment", byId("garment").value]].every(([name, value]) => value === ALL || row[name] === value));
const isFiltered = () => byId("category").value !== ALL || byId("garment").value !== ALL;

function fillFilter(name, everything) {
  const values = [...new Set(data.rows.map((row) => row[name]).filter(Boolean))].sort();
  byId(name).replaceChildren(...[[ALL, everything], ...values.map((value) => [value, value])].map(([value, text]) => element("option", { value }, text)));
  byId(name).disabled = values.length < 2;
}

// ---- figures

const unseen = (text, kind = "") => element("span", { class: `unseen ${kind}` }, text); // for those who hear the page
const tableHead = (...names) => element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
const rowHead = (attributes, ...children) => element("th", { scope: "row", ...attributes }, ...children);
const cell = (found, metric) => element("td", {}, shown(found.value, metric), element("small", {}, `${shown(found.low, metric)} to ${shown(found.high, metric)}`));

function valueOf(metric, number, rows) {
  if (!isFiltered()) return "absent" in metric.values[number] ? null : metric.values[number];
  const values = rows.map((row) => row.scores[number][metric.name]).filter((value) => value !== undefined);
  return values.length ? interval(values) : null;
}

function differenceOf(metric, number, rows) {
  if (!isFiltered()) return metric.differences[number - 1];
  const pairs = rows.map((row) => [row.scores[0][metric.name], row.scores[number][metric.name]]).filter((pair) => !pair.includes(undefined));
  if (!pairs.length) return null;
  const found = interval(pairs.map(([one, other]) => other - one));
  const isClear = pairs.length > 5 && (found.low > 0 || found.high < 0);
  return { ...found, p: null, verdict: !isClear ? "unclear" : found.value > 0 === metric.higher_is_better ? "better" : "worse" };
}

function forest(found) {
  const reach = Math.max(Math.abs(found.low), Math.abs(found.high)) * 1.1 || 1;
  const at = (value) => 50 + (48 * value) / reach;
  const svg = `<svg viewBox="0 0 100 14" preserveAspectRatio="none" role="img" aria-label="the interval of the difference, about zero"><line class="zero" x1="50" x2="50" y1="0" y2="14" vector-effect="non-scaling-stroke"/><line class="reach" x1="${at(found.low)}" x2="${at(found.high)}" y1="7" y2="7" vector-effect="non-scaling-stroke"/><ellipse class="dot" cx="${at(found.value)}" cy="7" rx="1.6" ry="2.6"/></svg>`;
  const drawn = element("td", { class: `forest ${found.verdict}` });
  drawn.innerHTML = svg;
  return drawn;
}

function differenceCells(found, metric) {
  if (!found) return [element("td", {}, "—"), element("td"), element("td")];
  const p = found.p === null ? "" : found.p < 0.001 ? "p < 0.001" : `p = ${found.p.toPrecision(2)}`;
  const words = { better: "better", worse: "worse", unclear: "no clear difference" };
  const width = found.high - found.low || 1;
  const digits = Math.min(8, Math.max(metric.digits, 1 - Math.floor(Math.log10(width)))); // two figures of the interval
  const value = element("td", {}, signed(found.value, digits), element("small", {}, `${signed(found.low, digits)} to ${signed(found.high, digits)}`));
  const verdict = element("td", {}, element("span", { class: `verdict ${found.verdict}` }, words[found.verdict]), element("small", {}, p));
  return [value, forest(found), verdict];
}

function drawFigures() {
  const rows = chosenRows();
  const others = data.runs.map((_, number) => number).slice(1);
  const body = element("tbody");
  for (const metric of data.metrics) {
    const values = data.runs.map((_, number) => valueOf(metric, number, rows));
    if (values.every((value) => value === null)) continue;
    const arrow = metric.higher_is_better ? "higher is better" : "lower is better";
    body.append(element("tr", { "data-metric": metric.name },
      rowHead({ title: metric.how }, metric.title, element("small", {}, arrow)),
      ...values.map((value) => (value ? cell(value, metric) : element("td", {}, "—"))),
      ...others.flatMap((number) => differenceCells(differenceOf(metric, number, rows), metric))));
  }
  const heads = others.flatMap((number) => [`${data.runs[number].name} − ${data.runs[0].name}`, unseen("its interval", "interval"), unseen("verdict")]);
  byId("figures").replaceChildren(tableHead(unseen("figure"), ...data.runs.map((_, number) => runName(number)), ...heads), body);
  byId("figures-note").textContent = isFiltered()
    ? "Of the chosen rows alone: 95% intervals by bootstrap on this page; a verdict is where the interval of the paired difference leaves out zero. Distances of whole sets are not shown."
    : "Small: 95% intervals. A verdict takes both, a paired test with Holm’s correction (p < 0.05) and a bootstrap interval of the paired difference that leaves out zero. The test is Wilcoxon’s of the signed ranks; for FID and KID, figures of whole sets, pictures of a pair are swapped by lot.";
  byId("chosen").textContent = `${rows.length} of ${data.rows.length} pairs`;
}

function drawAbsent() {
  const absent = data.metrics.filter((metric) => metric.values.every((value) => "absent" in value));
  byId("absent").hidden = !absent.length;
  byId("absent").querySelector("ul").replaceChildren(...absent.map((metric) => element("li", {}, `${metric.title}: ${metric.values[0].absent}`)));
}

function drawSummary() {
  const sentences = data.runs.slice(1).map((run, index) => {
    const verdicts = data.metrics.map((metric) => metric.differences[index]).filter(Boolean).map((found) => found.verdict);
    const [better, worse, unclear] = ["better", "worse", "unclear"].map((verdict) => verdicts.filter((one) => one === verdict).length);
    const [first, all] = [data.runs[0].name, verdicts.length];
    if (unclear === all) return `In none of ${all} figures is there a clear difference between ${run.name} and ${first}.`;
    if (Math.max(better, worse) === all) return `${run.name} is ${better ? "better" : "worse"} than ${first} in all ${all} figures.`;
    return `${run.name} is better than ${first} in ${better} of ${all} figures and worse in ${worse}${unclear ? `; in ${unclear} there is no clear difference` : ""}.`;
  });
  byId("summary").textContent = sentences.join(" ");
}

function drawCost() {
  const body = element("tbody");
  const first = data.runs[0].seconds;
  data.runs.forEach((run, number) => {
    const seconds = run.seconds;
    const time = seconds ? element("td", {}, seconds.value.toPrecision(3), element("small", {}, `${seconds.low.toPrecision(3)} to ${seconds.high.toPrecision(3)}`)) : element("td", {}, "not recorded");
    const ratio = seconds && first && number ? `${(first.value / seconds.value).toFixed(2)} x` : "—";
    const memory = run.peak_bytes
      ? element("td", {}, `${(run.peak_bytes / 2 ** 30).toFixed(2)} GiB`, element("small", {}, run.memory_of === "GPU" ? "of a GPU" : "of a process"))
      : element("td", {}, "not recorded");
    body.append(element("tr", {}, rowHead({}, runName(number)), time, element("td", {}, ratio), memory));
  });
  byId("cost").replaceChildren(tableHead(unseen("run"), "seconds a picture", "as fast", "most memory"), body);
}

// ---- pictures

const withPictures = () => chosenRows().filter((row) => row.pictures);
const metricNamed = (name) => data.metrics.find((metric) => metric.name === name);
const pictureFigure = (source, text) => element("figure", {}, element("img", { src: source, alt: text, loading: "lazy" }), element("figcaption", {}, text));

function ordered() {
  const order = byId("order").value;
  const rows = withPictures();
  if (order === "different") return rows.sort((one, other) => other.differs - one.differs);
  const sign = metricNamed(data.worst_by).higher_is_better ? 1 : -1;
  const score = (row) => sign * (row.scores[Number(order)][data.worst_by] ?? Infinity);
  return rows.sort((one, other) => score(one) - score(other));
}

function slider(row, number) {
  const stage = element("div", { class: "slider" },
    element("img", { src: row.pictures.results[0], alt: `${row.name} by ${data.runs[0].name}`, draggable: "false" }),
    element("img", { src: row.pictures.results[number], alt: `${row.name} by ${data.runs[number].name}`, draggable: "false" }),
    element("i"), element("b", {}, data.runs[0].name), element("b", {}, data.runs[number].name));
  stage.append(element("input", {
    type: "range", min: 0, max: 100, value: 50, "aria-label": `${row.name}: from ${data.runs[number].name} to ${data.runs[0].name}`,
    oninput: (event) => stage.style.setProperty("--split", `${event.target.value}%`),
  }));
  return stage;
}

function scoresOf(row, number) {
  const body = element("tbody");
  for (const metric of data.metrics) {
    const [one, other] = [row.scores[0][metric.name], row.scores[number][metric.name]];
    if (one === undefined || other === undefined) continue;
    body.append(element("tr", {}, rowHead({}, metric.title), element("td", {}, shown(one, metric)), element("td", {}, shown(other, metric))));
  }
  return element("table", {}, tableHead(unseen("figure"), runName(0), runName(number)), body);
}

function strip(row, number) {
  const inputs = [["person", "Person"], ["garment", "Garment"], ["reference", "Truth"]].filter(([name]) => row.pictures[name]);
  const words = [row.category, row.garment].filter(Boolean).join(" · ");
  return element("article", { class: "strip", "data-row": row.name },
    element("div", { class: "inputs" }, ...inputs.map(([name, text]) => pictureFigure(row.pictures[name], text))),
    slider(row, number),
    element("div", {}, element("h3", {}, row.name), element("span", { class: "note" }, words), scoresOf(row, number)));
}

function drawStrips() {
  const rows = ordered();
  const number = Number(byId("against").value);
  byId("strips").replaceChildren(...(rows.length ? rows.map((row) => strip(row, number)) : [element("p", { class: "note" }, "None of the chosen rows has its pictures on this page.")]));
}

function fillOrders() {
  const worst = data.worst_by ? data.runs.map((run, number) => [number, `Worst ${metricNamed(data.worst_by).title} of ${run.name}`]) : [];
  byId("order").replaceChildren(...[["different", "Most different first"], ...worst].map(([value, text]) => element("option", { value }, text)));
  byId("against").replaceChildren(...data.runs.slice(1).map((run, index) => element("option", { value: index + 1 }, run.name)));
  byId("against-label").hidden = data.runs.length < 3;
}

// ---- blind vote

const votes = [];
let ballots = [];

function drawLots() {
  const roll = dice(Date.now());
  const pairs = data.rows.filter((row) => row.to_vote_on).flatMap((row) => data.runs.slice(1).map((_, index) => ({ row, runs: [0, index + 1] })));
  const keyed = pairs.map((pair) => [roll(), pair]).sort((one, other) => one[0] - other[0]);
  ballots = keyed.map(([, pair]) => ({ row: pair.row, runs: roll() < 0.5 ? pair.runs : [...pair.runs].reverse() }));
}

function vote(choice) {
  const { row, runs } = ballots[votes.length];
  votes.push({ row: row.name, left: data.runs[runs[0]].name, right: data.runs[runs[1]].name, choice, winner: choice === "tie" ? null : data.runs[runs[choice === "left" ? 0 : 1]].name });
  drawBallot();
  byId("ballot").querySelector("button")?.focus({ preventScroll: true });
}

function takeBack() {
  votes.pop();
  drawBallot();
  (votes.length ? byId("back") : byId("ballot").querySelector("button")).focus({ preventScroll: true });
}

function saveVotes() {
  const kept = { runs: data.runs.map((run) => run.name), protocol_id: data.protocol_id, saved_at: new Date().toISOString(), votes };
  const url = URL.createObjectURL(new Blob([JSON.stringify(kept, null, 1)], { type: "application/json" }));
  element("a", { href: url, download: "votes.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  const tally = data.runs.map((run) => `${run.name} ${votes.filter((one) => one.winner === run.name).length}`);
  byId("tally").textContent = `${[...tally, `no preference ${votes.filter((one) => one.choice === "tie").length}`].join(" · ")}`;
}

function drawBallot() {
  const next = ballots[votes.length];
  const bar = element("div", { class: "bar" });
  const parts = [];
  if (next) {
    const inputs = [["person", "Person"], ["garment", "Garment"]].filter(([name]) => next.row.pictures[name]);
    parts.push(element("div", { class: "pair" },
      element("div", { class: "inputs" }, ...inputs.map(([name, text]) => pictureFigure(next.row.pictures[name], text))),
      pictureFigure(next.row.pictures.results[next.runs[0]], "Left"), pictureFigure(next.row.pictures.results[next.runs[1]], "Right")));
    bar.append(element("button", { type: "button", onclick: () => vote("left") }, "Left is better"),
      element("button", { type: "button", onclick: () => vote("tie") }, "No preference"),
      element("button", { type: "button", onclick: () => vote("right") }, "Right is better"));
  }
  bar.append(element("button", { type: "button", id: "back", disabled: !votes.length, onclick: takeBack }, "Take back"),
    element("button", { type: "button", class: "first", id: "save", disabled: !votes.length, onclick: saveVotes }, "Save votes"),
    element("span", { class: "tally", id: "tally", role: "status" }, `${votes.length} of ${ballots.length} voted`));
  byId("ballot").replaceChildren(...parts, bar);
}

// ---- how

function drawProtocol() {
  const told = (value) => (value && typeof value === "object" ? Object.entries(value).map(([name, one]) => `${name} ${told(one)}`).join(", ") : String(value).replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, "$1…"));
  const plain = Object.entries(data.protocol).filter(([name]) => name !== "metrics").map(([name, value]) => [name.replace("_", " "), Array.isArray(value) ? value.join(" x ") : told(value) || "none"]);
  const measured = data.metrics.filter((metric) => metric.values.some((value) => !("absent" in value)));
  const how = [...plain, ...measured.map((metric) => [metric.title, metric.how]), ...data.versions.map((versions, number) => [`versions, ${data.runs[number].name}`, told(versions)])];
  byId("protocol").replaceChildren(...how.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

fillFilter("category", "All categories");
fillFilter("garment", "All garments");
fillOrders();
drawLots();
drawSummary();
drawFigures();
drawAbsent();
drawCost();
drawStrips();
drawBallot();
drawProtocol();
byId("filters").addEventListener("input", () => { drawFigures(); drawStrips(); });
for (const id of ["order", "against"]) byId(id).addEventListener("input", drawStrips);

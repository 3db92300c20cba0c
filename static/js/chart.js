// Draws the charts of a page; without this, the tables say the same. Plotly is large,
// so it is fetched only when there is something to draw, also if that comes later.
(() => {
  "use strict";
  const PLOTLY = document.currentScript.dataset.plotly;
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  const PATTERNS = ["", "/", "x", "."];
  const LONGEST_TICK = 18;
  let fetched = null;

  const library = () => {
    fetched ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = PLOTLY;
      script.onload = () => resolve(window.Plotly);
      script.onerror = reject;
      document.head.append(script);
    });
    return fetched;
  };

  // Plotly reads tags and entities in every text: a stranger's text has neither.
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (text) => (text.length > LONGEST_TICK ? `${text.slice(0, LONGEST_TICK - 1)}…` : text);
  const style = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();
  const colourOf = (element, series) => style(element, series.colour ? `--series-${series.colour}` : "--text");

  const interval = (series, colour) => {
    const arm = (ends) => series.y.map((y, i) => (y === null || ends[i] == null ? null : Math.abs(ends[i] - y)));
    const given = series.lower.some((end) => end !== null) || series.upper.some((end) => end !== null);
    return given ? { type: "data", symmetric: false, array: arm(series.upper), arrayminus: arm(series.lower), color: colour, thickness: 1.25, width: 4 } : undefined;
  };

  const trace = (element, figure, series) => {
    const colour = colourOf(element, series);
    const variant = series.variant % DASHES.length;
    const name = plain(series.name);
    const x = series.x.map((at) => (typeof at === "number" ? at : plain(at)));
    const shared = { name, x, y: series.y, error_y: interval(series, colour), hovertemplate: `${name}<br>%{x}: %{y}<extra></extra>` };
    if (figure.type === "line") return { ...shared, type: "scatter", mode: "lines+markers", line: { color: colour, dash: DASHES[variant], width: 2 }, marker: { color: colour, size: 5 } };
    const error_y = shared.error_y && { ...shared.error_y, color: style(element, "--text") };
    const alone = figure.series.length === 1 && series.x.length === 1;
    return { ...shared, error_y, type: "bar", width: alone ? 0.3 : undefined, marker: { color: colour, pattern: { shape: PATTERNS[variant], fgcolor: style(element, "--surface") } } };
  };

  const names = (figure) => {
    const all = figure.series.flatMap((series) => series.x);
    return all.every((at) => typeof at === "number") ? null : [...new Set(all.map((at) => String(at)))];
  };

  const layout = (element, figure) => {
    const soft = style(element, "--text-soft");
    const line = style(element, "--line");
    const axis = (title) => ({ title: { text: plain(title), standoff: 8, font: { size: 12, color: soft } }, tickfont: { color: soft }, gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true });
    const categories = names(figure);
    // Where all stands at one place, its name is in the caption.
    const ticks = !figure.x ? { type: "category", showticklabels: false, ticks: "" } : categories ? { type: "category", categoryorder: "array", categoryarray: categories.map(plain), tickmode: "array", tickvals: categories.map(plain), ticktext: categories.map((name) => plain(short(name))), showgrid: false } : {};
    return {
      font: { family: getComputedStyle(element).fontFamily, size: 12, color: style(element, "--text") },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 48, r: 8, t: 8, b: 36 }, bargap: 0.25, bargroupgap: 0.08, barmode: "group",
      showlegend: figure.series.some((series) => series.variant > 0),
      legend: { orientation: "h", y: 1, yanchor: "bottom" },
      xaxis: { ...axis(figure.x), ...ticks }, yaxis: axis(figure.y),
      hoverlabel: { bgcolor: style(element, "--surface"), bordercolor: line, font: { color: style(element, "--text") } },
      dragmode: false,
    };
  };

  // `look` is the element whose colours and font are taken.
  const parts = (element, look = element) => {
    const figure = JSON.parse(element.dataset.figure);
    return { data: figure.series.map((series) => trace(look, figure, series)), layout: layout(look, figure), title: figure.title };
  };

  const draw = async (element) => {
    try {
      const Plotly = await library();
      const { data, layout: shown } = parts(element);
      Plotly.purge(element);
      await Plotly.newPlot(element, data, shown, { displayModeBar: false, responsive: true });
    } catch {
      element.textContent = "The chart could not be drawn; the table has its numbers.";
    }
  };

  const drawNew = () => {
    for (const element of document.querySelectorAll("[data-figure]")) {
      if (element.drawn === element.dataset.figure) continue;
      element.drawn = element.dataset.figure;
      draw(element);
    }
  };

  // A picture for a paper: with title and legend, and dark on light in either theme.
  const save = async (element) => {
    const Plotly = await library();
    const paper = document.createElement("div");
    paper.dataset.bsTheme = "light";
    document.body.append(paper);
    const { data, layout: shown, title } = parts(element, paper);
    paper.remove();
    const heading = { text: plain(title), font: { size: 14 }, x: 0, xref: "paper" };
    const whole = { ...shown, title: heading, showlegend: data.length > 1, legend: { orientation: "h", y: -0.25 }, margin: { ...shown.margin, t: 48, b: 80 } };
    const url = await Plotly.toImage({ data, layout: whole }, { format: "svg", width: 720, height: 480, imageDataOnly: true });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([url], { type: "image/svg+xml" }));
    link.download = "chart.svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-chart-save]");
    if (button) save(button.closest(".chart").querySelector("[data-figure]"));
  });
  document.addEventListener("ptm:theme", () => document.querySelectorAll("[data-figure]").forEach(draw));
  document.addEventListener("htmx:afterSettle", drawNew);
  document.addEventListener("DOMContentLoaded", () => {
    // What is drawn stays as it is while the page around it is brought up to date.
    if (window.Idiomorph) {
      const unchanged = (old, fresh) => old.dataset?.figure && old.dataset.figure === fresh.dataset?.figure;
      const { callbacks } = Idiomorph.defaults;
      const others = callbacks.beforeNodeMorphed;
      callbacks.beforeNodeMorphed = (old, fresh) => others(old, fresh) !== false && !unchanged(old, fresh);
    }
    drawNew();
  });
})();

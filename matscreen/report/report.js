"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  window.matscreen = { structures: data.structures };
  const { figures, dark } = data;
  const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");
  const NARROW = 860;
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : darkScheme.matches);

  // Figures come in the light palette; on a dark page each colour is swapped for its twin.
  function recolour(value) {
    if (typeof value === "string") return dark[value] ?? value;
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, recolour(part)]));
    }
    return value;
  }

  function override(layout, changes) {
    for (const [path, value] of Object.entries(changes)) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((node, key) => (node[key] ??= {}), layout)[last] = value;
    }
    return layout;
  }

  function draw(place, { light }) {
    // Inside closed details there is no width yet; opening them changes it.
    if (!place.clientWidth) return;
    const { data: traces, layout, narrow } = structuredClone(figures[place.dataset.figure]);
    if (place.clientWidth < NARROW) override(layout, narrow);
    layout.font = { ...layout.font, family: getComputedStyle(document.body).fontFamily };
    layout.width = place.clientWidth;
    place.style.height = `${layout.height}px`;
    const swap = isDark() && !light ? recolour : (value) => value;
    return Plotly.react(place, swap(traces), swap(layout), {
      displaylogo: false,
      displayModeBar: /^(parity|importance|dependence)/.test(place.dataset.figure) ? false : "hover",
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { format: "svg", filename: `matscreen-${place.dataset.figure}` },
    });
  }

  const places = [...document.querySelectorAll(".plot[data-figure]")];
  const drawAll = (options = { light: false }) => places.forEach((place) => draw(place, options));
  drawAll();
  // On a narrow page the lines carry numbers only, so their list must be in sight.
  const lines = document.querySelector("details.lines");
  if (lines && lines.clientWidth < NARROW) lines.open = true;
  const repaint = () => {
    drawAll();
    toggle.setAttribute("aria-pressed", String(isDark()));
    document.dispatchEvent(new Event("matscreen:theme"));
  };
  const toggle = document.getElementById("theme");
  toggle.hidden = false;
  toggle.setAttribute("aria-pressed", String(isDark()));
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    repaint();
  });
  darkScheme.addEventListener("change", repaint);
  window.addEventListener("beforeprint", () => drawAll({ light: true }));
  window.addEventListener("afterprint", () => drawAll());
  const widths = new Map(places.map((place) => [place, place.clientWidth]));
  new ResizeObserver(() => {
    for (const place of places) {
      if (widths.get(place) === place.clientWidth) continue;
      widths.set(place, place.clientWidth);
      draw(place, { light: false });
    }
  }).observe(document.querySelector("main"));
})();

// Crystals of the cards: spheres, bonds, polyhedra and the cell, drawn when a card is opened.
(() => {
  const { structures } = window.matscreen;
  const AROUND = 14;
  const ACROSS = 9;
  const START = { eye: { x: 0.62, y: 1.02, z: 0.36 }, up: { x: 0, y: 0, z: 1 } };

  const unit = (() => {
    const points = [];
    const faces = [];
    for (let i = 0; i <= ACROSS; i += 1) {
      const polar = (Math.PI * i) / ACROSS;
      for (let j = 0; j < AROUND; j += 1) {
        const turn = (2 * Math.PI * j) / AROUND;
        points.push([Math.sin(polar) * Math.cos(turn), Math.sin(polar) * Math.sin(turn), Math.cos(polar)]);
      }
    }
    for (let i = 0; i < ACROSS; i += 1) {
      for (let j = 0; j < AROUND; j += 1) {
        const next = (j + 1) % AROUND;
        const [a, b, c, d] = [i * AROUND + j, i * AROUND + next, (i + 1) * AROUND + j, (i + 1) * AROUND + next];
        faces.push([a, c, b], [b, c, d]);
      }
    }
    return { points, faces };
  })();

  function mesh(points, faces, settings) {
    const part = (list, k) => list.map((item) => item[k]);
    return {
      type: "mesh3d",
      x: part(points, 0), y: part(points, 1), z: part(points, 2),
      i: part(faces, 0), j: part(faces, 1), k: part(faces, 2),
      hoverinfo: "skip",
      ...settings,
    };
  }

  function spheres(view, kind) {
    const [symbol, color, radius] = view.elements[kind];
    const points = [];
    const faces = [];
    view.sites.filter((site) => site[0] === kind).forEach(([, ...centre]) => {
      const first = points.length;
      unit.points.forEach((point) => points.push(point.map((part, k) => centre[k] + radius * part)));
      unit.faces.forEach((face) => faces.push(face.map((corner) => first + corner)));
    });
    return mesh(points, faces, {
      name: symbol, color, hoverinfo: "name",
      lighting: { ambient: 0.82, diffuse: 0.45, specular: 0.12, roughness: 0.6, fresnel: 0 },
      lightposition: { x: 1e4, y: 1e4, z: 2e4 },
    });
  }

  function strokes(pairs, color, width) {
    const axis = (k) => pairs.flatMap(([first, second]) => [first[k], second[k], null]);
    return {
      type: "scatter3d", mode: "lines", hoverinfo: "skip",
      x: axis(0), y: axis(1), z: axis(2), line: { color, width },
    };
  }

  function traces(view, ink) {
    const at = (index) => view.sites[index].slice(1);
    const ends = (pairs) => pairs.map(([first, second]) => [at(first), at(second)]);
    const hub = view.bonds.length ? view.elements[view.sites[view.bonds[0][0]][0]][1] : ink;
    const shells = view.faces.length
      ? [mesh(view.sites.map((site) => site.slice(1)), view.faces,
        { color: hub, opacity: 0.38, flatshading: true, lighting: { ambient: 0.8, diffuse: 0.5, specular: 0, fresnel: 0 } })]
      : [];
    return [
      strokes(view.cell, ink, 2),
      strokes(ends(view.bonds), hub, 5),
      strokes(ends(view.edges), hub, 2),
      ...shells,
      ...view.elements.map((_, kind) => spheres(view, kind)),
    ];
  }

  function draw(place) {
    const view = structures[place.dataset.structure];
    const ink = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
    const hidden = { visible: false, showspikes: false };
    return Plotly.newPlot(place, traces(view, ink), {
      width: place.clientWidth,
      height: place.clientHeight,
      margin: { l: 0, r: 0, t: 0, b: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      showlegend: false,
      scene: {
        xaxis: hidden, yaxis: hidden, zaxis: hidden,
        aspectmode: "data",
        dragmode: "turntable",
        camera: { ...START, projection: { type: "orthographic" } },
      },
    }, { displayModeBar: false, scrollZoom: false });
  }

  function turn(place, degrees) {
    if (!place.layout) return;
    const eye = { ...START.eye, ...(degrees ? place.layout.scene.camera.eye : {}) };
    const angle = (degrees * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    Plotly.relayout(place, {
      "scene.camera.eye": { x: cos * eye.x - sin * eye.y, y: sin * eye.x + cos * eye.y, z: eye.z },
      "scene.camera.up": START.up,
      "scene.camera.center": { x: 0, y: 0, z: 0 },
    });
  }

  const cards = [...document.querySelectorAll("details.card")];
  cards.forEach((card) => {
    const place = card.querySelector(".crystal-view");
    if (!place) return;
    const legend = card.querySelector(".elements");
    structures[place.dataset.structure].elements.forEach(([symbol, color]) => {
      const mark = document.createElement("span");
      const dot = document.createElement("i");
      dot.className = "swatch round";
      dot.style.setProperty("--c", color);
      mark.append(dot, symbol);
      legend.append(mark);
    });
    // A browser keeps few WebGL contexts: a closed card gives its own back.
    card.addEventListener("toggle", () => (card.open ? draw(place) : Plotly.purge(place)));
    card.querySelectorAll("[data-turn]").forEach((button) =>
      button.addEventListener("click", () => turn(place, Number(button.dataset.turn))));
  });
  const redraw = () => cards.filter((card) => card.open).forEach((card) => {
    const place = card.querySelector(".crystal-view");
    if (place) draw(place);
  });
  document.addEventListener("matscreen:theme", redraw);

  function openTarget() {
    const card = cards.find(({ id }) => `#${id}` === window.location.hash);
    if (!card) return;
    card.open = true;
    card.scrollIntoView();
    card.querySelector("summary").focus({ preventScroll: true });
  }
  window.addEventListener("hashchange", openTarget);
  // The same link followed twice changes no hash.
  document.querySelectorAll('a[href^="#card-"]').forEach((link) =>
    link.addEventListener("click", () => { if (link.hash === window.location.hash) openTarget(); }));
  openTarget();
})();

// The table of candidates: filter, sort, show more.
(() => {
  const table = document.getElementById("ranking");
  if (!table) return;
  const FIRST = 25;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const more = document.getElementById("more");
  const shown = document.getElementById("shown");
  const control = (id) => document.getElementById(id) ?? { value: "", checked: false };
  let all = false;

  // A word in small letters matches any case, so "ba" finds Ba; a word with capitals is exact.
  const holds = (text, word) =>
    (word === word.toLowerCase() ? text.toLowerCase() : text).includes(word);

  function show() {
    const query = control("find").value.split(/\s+/).filter(Boolean);
    const mechanism = control("mechanism").value;
    const feasible = control("feasible").checked;
    const found = rows.filter(
      ({ dataset }) =>
        (!mechanism || dataset.mechanism === mechanism) &&
        (!feasible || dataset.feasible === "1") &&
        query.every((word) => holds(dataset.text, word)),
    );
    const visible = new Set(all ? found : found.slice(0, FIRST));
    rows.forEach((row) => { row.hidden = !visible.has(row); });
    shown.textContent = found.length
      ? `${visible.size} of ${found.length} shown`
      : "Nothing matches in this table";
    more.hidden = found.length <= FIRST;
    more.textContent = all ? `Show the first ${FIRST}` : `Show all ${found.length} rows`;
  }

  function compare(first, second) {
    const [a, b] = [Number(first), Number(second)];
    const unknown = [first, second].map((text) => text === "" || text === "nan");
    if (unknown[0] || unknown[1]) return Number(unknown[0]) - Number(unknown[1]);
    return Number.isNaN(a) || Number.isNaN(b) ? first.localeCompare(second, "en") : a - b;
  }

  function sort(head) {
    const column = heads.indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const value = (row) => row.cells[column].dataset.value ?? "";
    const unknown = (text) => text === "" || text === "nan";
    rows.sort((a, b) => {
      const order = compare(value(a), value(b));
      return down && !unknown(value(a)) && !unknown(value(b)) ? -order : order;
    });
    heads.forEach((cell) => cell.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
    show();
  }

  heads.forEach((head) => head.querySelector("button")?.addEventListener("click", () => sort(head)));
  document.getElementById("filters").addEventListener("input", show);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  more.addEventListener("click", () => { all = !all; show(); });
  show();
})();

"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const rows = JSON.parse(at("data").textContent).map((row) => ({ row, words: row.join("\n").toLowerCase() }));
  const STEP = 100;
  const KIND = 1;
  let kind = "";
  let shown = STEP;

  function matching() {
    const wanted = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    return rows.filter(({ row, words }) => (!kind || row[KIND] === kind) && wanted.every((word) => words.includes(word)));
  }

  function cell(name, ...parts) {
    const made = document.createElement(name);
    made.append(...parts);
    return made;
  }

  function small(text, kindName) {
    const made = cell("small", text);
    if (kindName) made.className = kindName.replace(" ", "-");
    return made;
  }

  function line([id, rowKind, text, reference, ours, theirs, note]) {
    const head = cell("th", id, small(rowKind, rowKind), ...(note ? [small(note)] : []));
    head.scope = "row";
    const texts = [text, reference, ours, theirs].map((one) => {
      const made = cell("td", one || "–");
      made.dir = "auto";
      return made;
    });
    return cell("tr", head, ...texts);
  }

  function show() {
    const found = matching();
    at("rows").replaceChildren(...found.slice(0, shown).map(({ row }) => line(row)));
    at("found").textContent = found.length.toLocaleString("en") + (found.length === 1 ? " row" : " rows");
    at("more").hidden = found.length <= shown;
  }

  at("search").addEventListener("input", () => {
    shown = STEP;
    show();
  });
  for (const button of document.querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => {
      kind = button.dataset.kind;
      shown = STEP;
      for (const other of document.querySelectorAll("[data-kind]")) other.setAttribute("aria-pressed", other === button);
      show();
    });
  }
  at("more").addEventListener("click", () => {
    shown += STEP;
    show();
  });
  show();
})();

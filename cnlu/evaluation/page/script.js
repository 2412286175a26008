"use strict";
// Sorts tables and filters the list of wrong sentences. The whole page is readable without it.

const errors = Array.from(document.querySelectorAll("#errors > li"));
const filters = document.getElementById("filters");
const field = (key) => document.getElementById("filter-" + key);
const selected = (key) => (field(key) ? field(key).value : "");

// The searchable text of each wrong sentence, without the labels of its spans.
const texts = errors.map((item) => item.querySelector(".text").textContent.toLowerCase());

function filter() {
  const [gold, answer, kind, type] = ["gold", "answer", "kind", "type"].map(selected);
  const part = selected("text").trim().toLowerCase();
  let shown = 0;
  errors.forEach((item, i) => {
    const data = item.dataset;
    const fits = (!gold || data.gold === gold) && (!answer || data.answer === answer)
      && (!kind || data.kinds.split(" ").includes(kind)) && (!type || data.types.split(" ").includes(type))
      && (!part || texts[i].includes(part));
    item.hidden = !fits;
    shown += fits;
  });
  const counter = document.getElementById("shown");
  counter.textContent = counter.dataset.message.replace("{shown}", shown).replace("{total}", errors.length);
}

function show(values) {
  filters.reset();
  for (const [key, value] of Object.entries(values)) if (field(key)) field(key).value = value;
  filter();
  document.getElementById("wrong").scrollIntoView();
  filters.querySelector("select, input").focus({preventScroll: true});
}

function makeButton(element, action) {
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.addEventListener("click", action);
  element.addEventListener("keydown", (event) => { if (event.key === "Enter") action(); });
}

if (filters) {
  filters.hidden = false;
  filters.addEventListener("input", filter);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(filter));
  filter();
  for (const cell of document.querySelectorAll("td[data-gold]")) makeButton(cell, () => show({...cell.dataset}));
  for (const button of document.querySelectorAll("button.show")) {
    button.hidden = false;
    button.addEventListener("click", () => show({...button.dataset}));
  }
}

const collator = new Intl.Collator(undefined, {numeric: true});
const value = (row, column) => row.children[column].dataset.value;

function sort(table, column, heading) {
  const previous = heading.getAttribute("aria-sort");
  const ascending = previous ? previous === "descending" : column === 0;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = Array.from(table.tBodies[0].rows);
  rows.sort((a, b) => (column === 0 ? collator.compare(value(a, 0), value(b, 0)) : value(a, column) - value(b, column)) * (ascending ? 1 : -1));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  Array.from(table.tHead.rows[0].cells).forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    if (column === 3) heading.setAttribute("aria-sort", "ascending");
    button.addEventListener("click", () => sort(table, column, heading));
  });
}

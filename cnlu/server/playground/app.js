"use strict";
// The playground. Texts of users and names of labels reach the page as text nodes and values only, never as HTML.
// The server counts characters (code points), JavaScript counts UTF-16 units: `toPoints` and `sliceOf` stand between.

const $ = (id) => document.getElementById(id);
const COLOURS = 8;

let labels = { intents: [], entities: [], roles: {}, groups: {}, annotate: false };
let current = { text: "", entities: [] }; // the sentence as it is corrected; offsets in code points
let token = sessionStorage.getItem("cnlu-token") || "";
let asked = 0; // only the answer to the last question is shown

// ---- places in the text

const toPoints = (text, units) => Array.from(text.slice(0, units)).length;
const sliceOf = (text, start, end) => Array.from(text).slice(start, end).join("");

// ---- talking to the server

class Refusal extends Error {}

async function call(path, body) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  const options = { headers };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refusal("The server does not answer.");
  }
  const content = await answer.json().catch(() => ({}));
  $("token-form").hidden = answer.status !== 401;
  if (answer.status === 401) $("token").focus();
  if (!answer.ok) throw new Refusal(content.error ? content.error.message : "The server answered " + answer.status + ".");
  return content;
}

async function reporting(place, action) {
  $(place).textContent = "";
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    $(place).textContent = error.message;
  }
}

// ---- building the page

function element(name, content, className) {
  const made = document.createElement(name);
  if (content !== undefined) made.textContent = content;
  if (className) made.className = className;
  return made;
}

function fill(list, names) {
  $(list).replaceChildren(...names.map((name) => {
    const option = element("option");
    option.value = name;
    return option;
  }));
}

const seen = new Map(); // type -> colour, in the order of appearance, so that one sentence has few alike

function colour(type) {
  if (!seen.has(type)) seen.set(type, "c" + (seen.size % COLOURS));
  return seen.get(type);
}

const percent = (share) => (100 * share).toFixed(1) + " %";

function kindOf(entity) {
  return [entity.entity, entity.role && "role " + entity.role, entity.group && "group " + entity.group]
    .filter(Boolean).join(" · ");
}

function showEntities() {
  const points = Array.from(current.text);
  const pieces = [];
  let at = 0;
  for (const entity of current.entities) {
    if (entity.start < at) continue; // one span inside another is listed below and not marked
    pieces.push(document.createTextNode(points.slice(at, entity.start).join("")));
    const mark = element("mark", points.slice(entity.start, entity.end).join(""), colour(entity.entity));
    mark.title = kindOf(entity);
    pieces.push(mark);
    at = entity.end;
  }
  pieces.push(document.createTextNode(points.slice(at).join("")));
  $("marked").replaceChildren(...pieces);
  $("entities").replaceChildren(...current.entities.map(entityLine));
  if (!current.entities.length) $("entities").append(element("li", "none", "quiet"));
}

function entityLine(entity) {
  const line = element("li");
  const what = element("span", sliceOf(current.text, entity.start, entity.end), "what " + colour(entity.entity));
  what.lang = "zh";
  line.append(what, element("span", kindOf(entity), "kind"));
  if (entity.confidence_entity !== undefined) line.append(element("span", percent(entity.confidence_entity), "sure quiet"));
  else line.append(element("span", "by hand", "sure quiet"));
  if (labels.annotate) {
    const remove = element("button", "Remove", "plain");
    remove.type = "button";
    remove.setAttribute("aria-label", "Remove " + what.textContent);
    remove.addEventListener("click", () => {
      current.entities = current.entities.filter((other) => other !== entity);
      changed();
      $("span").focus();
    });
    line.append(remove);
  }
  return line;
}

function showRanking(ranking) {
  $("ranking").replaceChildren(...ranking.map(({ name, confidence }) => {
    const line = element("li");
    const bar = element("progress");
    bar.max = 1;
    bar.value = confidence;
    bar.setAttribute("aria-label", name);
    line.append(element("span", name, "name"), bar, element("span", percent(confidence), "sure"));
    return line;
  }));
  if (!ranking.length) $("ranking").append(element("li", "none", "quiet"));
}

function changed() {
  $("saved").textContent = "";
  $("correct-problem").textContent = "";
  showEntities();
}

// ---- asking

async function loadLabels() {
  labels = await call("/labels");
  $("model").textContent = labels.model;
  fill("intents", labels.intents);
  fill("types", labels.entities);
  fill("groups", [...new Set(Object.values(labels.groups).flat())]);
  fillRoles();
}

async function parse() {
  const text = $("text").value;
  const mine = ++asked;
  if (!text.trim()) return;
  if ($("model").textContent === "…") await loadLabels();
  const found = await call("/parse", { text });
  if (mine !== asked) return;
  current = { text: found.text, entities: found.entities };
  showRanking(found.intent_ranking);
  $("intent").value = found.intent.name || "";
  $("span").value = found.text;
  selection = null;
  showSelection();
  changed();
  $("result").hidden = false;
  $("correct").hidden = !labels.annotate;
  $("no-saving").hidden = labels.annotate;
}

// ---- correcting

let selection = null; // the last part of the sentence that was selected, in code points

function noteSelection() {
  const { selectionStart: from, selectionEnd: to, value } = $("span");
  if (from === to) return;
  // A text area shows every line break as one unit, and the sentence has none: units are those of the sentence.
  selection = { start: toPoints(value, from), end: toPoints(value, to) };
  showSelection();
}

function showSelection() {
  $("selected").textContent = selection ? sliceOf(current.text, selection.start, selection.end) : "nothing";
}

function fillRoles() {
  const type = $("type").value.trim();
  fill("roles", labels.roles[type] || [...new Set(Object.values(labels.roles).flat())]);
}

function addEntity() {
  const entity = $("type").value.trim();
  if (!selection) throw new Refusal("Select a part of the sentence first, with the mouse or with Shift and the arrow keys.");
  if (!entity) throw new Refusal("Give the entity a type.");
  const { start, end } = selection;
  if (current.entities.some((other) => other.start < end && start < other.end)) {
    throw new Refusal("This part overlaps another entity; remove that one first.");
  }
  const made = { start, end, entity };
  for (const part of ["role", "group"]) if ($(part).value.trim()) made[part] = $(part).value.trim();
  current.entities = [...current.entities, made].sort((one, other) => one.start - other.start);
  for (const part of ["type", "role", "group"]) $(part).value = "";
  selection = null;
  showSelection();
  changed();
}

async function save() {
  $("saved").textContent = "";
  const intent = $("intent").value.trim();
  if (!intent) throw new Refusal("Give the sentence an intent.");
  const entities = current.entities.map(({ start, end, entity, role, group }) => ({ start, end, entity, role, group }));
  $("save").disabled = true;
  try {
    const answer = await call("/annotate", { text: current.text, intent, entities });
    $("saved").textContent = answer.message;
  } finally {
    $("save").disabled = false;
  }
}

// ---- events

function on(id, event, place, action) {
  $(id).addEventListener(event, (happened) => {
    if (event === "submit") happened.preventDefault();
    reporting(place, action);
  });
}

on("ask", "submit", "problem", parse);
on("save-form", "submit", "correct-problem", save);
on("add", "click", "correct-problem", async () => addEntity());
on("token-form", "submit", "problem", async () => {
  token = $("token").value;
  sessionStorage.setItem("cnlu-token", token);
  await loadLabels();
  await parse();
});
$("type").addEventListener("input", fillRoles);
$("intent").addEventListener("input", () => { $("saved").textContent = ""; });
for (const event of ["select", "mouseup", "keyup", "touchend"]) $("span").addEventListener(event, noteSelection);
// Not `readonly`: Chromium then has no caret to move, and nothing could be selected by keyboard.
$("span").addEventListener("beforeinput", (happened) => happened.preventDefault());
$("span").addEventListener("input", () => { $("span").value = current.text; }); // an input method's, which goes ahead
// Enter in a field of the entity adds it; it must not save the sentence.
for (const id of ["type", "role", "group"]) {
  $(id).addEventListener("keydown", (happened) => {
    if (happened.key !== "Enter" || happened.isComposing) return;
    happened.preventDefault();
    $("add").click();
  });
}
reporting("problem", loadLabels);

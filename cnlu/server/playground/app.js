"use strict";
// The playground. User texts and label names reach the page only as text nodes and values, never as HTML.
// The server counts characters (code points), JavaScript counts UTF-16 units; `toPoints` and `sliceOf` convert.

const $ = (id) => document.getElementById(id);
const COLOURS = 8;

// ---- the page's language

const MESSAGES = {
  en: {
    title: "cnlu playground",
    model: "Model",
    tokenLabel: "This server requires a token",
    useToken: "Use this token",
    sentence: "Sentence",
    parse: "Parse",
    entities: "Entities",
    intents: "Intents",
    noSaving: "To correct and save sentences, start the server with",
    correctAndSave: "Correct and save",
    intent: "Intent",
    selectPart: "Sentence (select a part of it)",
    selected: "Selected:",
    nothing: "nothing",
    type: "Type",
    role: "Role",
    group: "Group",
    optional: "(optional)",
    addEntity: "Add entity",
    save: "Save",
    saved: "Saved.",
    alreadySaved: "The file already has this sentence, annotated the same way.",
    none: "none",
    byHand: "manual",
    remove: "Remove",
    removeEntity: "Remove {text}",
    roleOf: "role {name}",
    groupOf: "group {name}",
    noAnswer: "The server does not respond.",
    status: "The server responded with status {status}.",
    selectFirst: "Select a part of the sentence first, with the mouse or with Shift and the arrow keys.",
    typeMissing: "Enter a type for the entity.",
    overlap: "This part overlaps another entity; remove that entity first.",
    intentMissing: "Enter an intent for the sentence.",
  },
  zh: {
    title: "cnlu 试用页面",
    model: "模型",
    tokenLabel: "本服务需要访问令牌",
    useToken: "使用",
    sentence: "句子",
    parse: "解析",
    entities: "实体",
    intents: "意图",
    noSaving: "要修正并保存句子，请在启动服务时加上",
    correctAndSave: "修正并保存",
    intent: "意图",
    selectPart: "句子（请选中其中一段）",
    selected: "已选：",
    nothing: "无",
    type: "类型",
    role: "角色",
    group: "分组",
    optional: "（可选）",
    addEntity: "添加实体",
    save: "保存",
    saved: "已保存。",
    alreadySaved: "文件中已有这个句子，且标注相同。",
    none: "无",
    byHand: "手动标注",
    remove: "删除",
    removeEntity: "删除 {text}",
    roleOf: "角色 {name}",
    groupOf: "分组 {name}",
    noAnswer: "服务器没有响应。",
    status: "服务器返回了状态码 {status}。",
    selectFirst: "请先选中句子中的一段，可以用鼠标，也可以用 Shift 加方向键。",
    typeMissing: "请填写实体类型。",
    overlap: "这一段与另一个实体重叠；请先删除那个实体。",
    intentMissing: "请填写句子的意图。",
  },
};

// `?lang=`, else the language that the server was started with, else the browser's.
const requested = new URLSearchParams(location.search).get("lang");
const preferred = requested || document.documentElement.dataset.lang || navigator.language || "en";
const language = preferred.toLowerCase().startsWith("zh") ? "zh" : "en";

function t(key, values = {}) {
  return MESSAGES[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
}

let labels = { intents: [], entities: [], roles: {}, groups: {}, annotate: false };
let current = { text: "", entities: [] }; // the sentence as it is corrected; offsets in code points
let token = sessionStorage.getItem("cnlu-token") || "";
let lastRequest = 0; // only the response to the last request is shown

// ---- offsets in the text

const toPoints = (text, units) => Array.from(text.slice(0, units)).length;
const sliceOf = (text, start, end) => Array.from(text).slice(start, end).join("");

// ---- requests

class RequestError extends Error {}

async function call(path, body) {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  const options = { headers };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError(t("noAnswer"));
  }
  const content = await response.json().catch(() => ({}));
  $("token-form").hidden = response.status !== 401;
  if (response.status === 401) $("token").focus();
  if (!response.ok) throw new RequestError(content.error ? content.error.message : t("status", { status: response.status }));
  return content;
}

async function report(place, action) {
  $(place).textContent = "";
  try {
    await action();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    $(place).textContent = error.message;
  }
}

// ---- building the page

function element(name, content, className) {
  const node = document.createElement(name);
  if (content !== undefined) node.textContent = content;
  if (className) node.className = className;
  return node;
}

function fill(list, names) {
  $(list).replaceChildren(...names.map((name) => {
    const option = element("option");
    option.value = name;
    return option;
  }));
}

const colours = new Map(); // type -> colour, in order of appearance, so that the types of one sentence rarely share a colour

function colour(type) {
  if (!colours.has(type)) colours.set(type, "c" + (colours.size % COLOURS));
  return colours.get(type);
}

const percent = (share) => (100 * share).toFixed(1) + " %";

function kindOf(entity) {
  const { role, group } = entity;
  return [entity.entity, role && t("roleOf", { name: role }), group && t("groupOf", { name: group })]
    .filter(Boolean).join(" · ");
}

function showEntities() {
  const points = Array.from(current.text);
  const pieces = [];
  let at = 0;
  for (const entity of current.entities) {
    if (entity.start < at) continue; // a nested span is listed below but not marked
    pieces.push(document.createTextNode(points.slice(at, entity.start).join("")));
    const mark = element("mark", points.slice(entity.start, entity.end).join(""), colour(entity.entity));
    mark.title = kindOf(entity);
    pieces.push(mark);
    at = entity.end;
  }
  pieces.push(document.createTextNode(points.slice(at).join("")));
  $("marked").replaceChildren(...pieces);
  $("entities").replaceChildren(...current.entities.map(entityLine));
  if (!current.entities.length) $("entities").append(element("li", t("none"), "muted"));
}

function entityLine(entity) {
  const line = element("li");
  const surface = element("span", sliceOf(current.text, entity.start, entity.end), "surface " + colour(entity.entity));
  surface.lang = "zh";
  line.append(surface, element("span", kindOf(entity), "kind"));
  if (entity.confidence_entity !== undefined) line.append(element("span", percent(entity.confidence_entity), "confidence muted"));
  else line.append(element("span", t("byHand"), "confidence muted"));
  if (labels.annotate) {
    const remove = element("button", t("remove"), "plain");
    remove.type = "button";
    remove.setAttribute("aria-label", t("removeEntity", { text: surface.textContent }));
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
    line.append(element("span", name, "name"), bar, element("span", percent(confidence), "confidence"));
    return line;
  }));
  if (!ranking.length) $("ranking").append(element("li", t("none"), "muted"));
}

function changed() {
  $("saved").textContent = "";
  $("correct-problem").textContent = "";
  showEntities();
}

// ---- parsing

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
  const request = ++lastRequest;
  if (!text.trim()) return;
  if ($("model").textContent === "…") await loadLabels();
  const result = await call("/parse", { text });
  if (request !== lastRequest) return;
  current = { text: result.text, entities: result.entities };
  showRanking(result.intent_ranking);
  $("intent").value = result.intent.name || "";
  $("span").value = result.text;
  selection = null;
  showSelection();
  changed();
  $("result").hidden = false;
  $("correct").hidden = !labels.annotate;
  $("no-saving").hidden = labels.annotate;
}

// ---- correcting

let selection = null; // the part of the sentence selected last, in code points

function rememberSelection() {
  const { selectionStart: from, selectionEnd: to, value } = $("span");
  if (from === to) return;
  // The sentence has no line breaks, which a text area would normalize, so its units are those of the sentence.
  selection = { start: toPoints(value, from), end: toPoints(value, to) };
  showSelection();
}

function showSelection() {
  $("selected").textContent = selection ? sliceOf(current.text, selection.start, selection.end) : t("nothing");
}

function fillRoles() {
  const type = $("type").value.trim();
  fill("roles", labels.roles[type] || [...new Set(Object.values(labels.roles).flat())]);
}

function addEntity() {
  const entity = $("type").value.trim();
  if (!selection) throw new RequestError(t("selectFirst"));
  if (!entity) throw new RequestError(t("typeMissing"));
  const { start, end } = selection;
  if (current.entities.some((other) => other.start < end && start < other.end)) {
    throw new RequestError(t("overlap"));
  }
  const added = { start, end, entity };
  for (const part of ["role", "group"]) if ($(part).value.trim()) added[part] = $(part).value.trim();
  current.entities = [...current.entities, added].sort((one, other) => one.start - other.start);
  for (const part of ["type", "role", "group"]) $(part).value = "";
  selection = null;
  showSelection();
  changed();
}

async function save() {
  $("saved").textContent = "";
  const intent = $("intent").value.trim();
  if (!intent) throw new RequestError(t("intentMissing"));
  const entities = current.entities.map(({ start, end, entity, role, group }) => ({ start, end, entity, role, group }));
  $("save").disabled = true;
  try {
    const answer = await call("/annotate", { text: current.text, intent, entities });
    $("saved").textContent = t(answer.saved ? "saved" : "alreadySaved");
  } finally {
    $("save").disabled = false;
  }
}

// ---- events

function on(id, type, place, action) {
  $(id).addEventListener(type, (event) => {
    if (type === "submit") event.preventDefault();
    report(place, action);
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
for (const type of ["select", "mouseup", "keyup", "touchend"]) $("span").addEventListener(type, rememberSelection);
// Not `readonly`: Chromium would show no caret, and nothing could be selected by keyboard.
$("span").addEventListener("beforeinput", (event) => event.preventDefault());
$("span").addEventListener("input", () => { $("span").value = current.text; }); // input methods ignore the cancelled beforeinput
// Enter in an entity field adds the entity; it must not save the sentence.
for (const id of ["type", "role", "group"]) {
  $(id).addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    $("add").click();
  });
}
translatePage();
report("problem", loadLabels);

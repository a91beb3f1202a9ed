// The one script of the page: files and views, the form, and the answer as it comes in.
"use strict";

const byId = (id) => document.getElementById(id);
const form = byId("study");
const drop = byId("drop");
const MOST_FILES = Number(form.dataset.mostFiles);
const MOST_BYTES = Number(form.dataset.mostBytes);
const VIEWS = [["", "view not said"], ["frontal", "frontal (PA, AP)"], ["lateral", "lateral"]];
let images = []; // {file, view}
let running = null; // AbortController of the study that is read

function element(tag, attributes = {}, text = "") {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

function say(text) { byId("status").textContent = text; }

function complain(text) {
  const error = byId("error");
  error.textContent = text;
  error.hidden = !text;
  if (text) error.focus();
}

function add(files, views = []) {
  const together = [...images.map((image) => image.file), ...files];
  const bytes = together.reduce((sum, file) => sum + file.size, 0);
  if (together.length > MOST_FILES) return complain(`${together.length} images; at most ${MOST_FILES} are read.`);
  if (bytes > MOST_BYTES) return complain(`The images have ${(bytes / 2 ** 20).toFixed(0)} MB; at most ${MOST_BYTES / 2 ** 20} MB are read.`);
  complain("");
  images.push(...files.map((file, n) => ({ file, view: views[n] ?? "" })));
  show();
}

function show() {
  const list = byId("images");
  for (const old of list.querySelectorAll("img")) URL.revokeObjectURL(old.src);
  list.replaceChildren(...images.map((image, n) => {
    const item = element("li");
    const picture = element("img", { alt: "", src: URL.createObjectURL(image.file) });
    picture.addEventListener("error", () => picture.replaceWith(element("span", { class: "none" }, "no preview")));
    const select = element("select", { "aria-label": `View of ${image.file.name}` });
    for (const [value, text] of VIEWS) select.append(element("option", { value }, text));
    select.value = image.view;
    select.addEventListener("change", () => { image.view = select.value; });
    const remove = element("button", { type: "button", "aria-label": `Remove ${image.file.name}` }, "Remove");
    remove.addEventListener("click", () => { images.splice(n, 1); show(); byId("files").focus(); });
    item.append(picture, element("span", { class: "file" }, image.file.name), select, remove);
    return item;
  }));
}

byId("files").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = ""; // the list below holds them
});
for (const name of ["dragover", "dragleave", "drop"]) {
  window.addEventListener(name, (event) => {
    event.preventDefault(); // a file dropped beside the field must not replace the page
    drop.classList.toggle("over", name === "dragover" && drop.contains(event.target));
  });
}
drop.addEventListener("drop", (event) => add([...event.dataTransfer.files]));

function forget() {
  running?.abort();
  form.reset();
  images = [];
  show();
  complain("");
  byId("numbers").replaceChildren();
  byId("reasons").replaceChildren();
}

byId("clear").addEventListener("click", () => { forget(); say("Nothing has been read yet."); });

for (const button of document.querySelectorAll(".example")) {
  button.addEventListener("click", async () => {
    forget();
    const data = button.dataset;
    const study = [...document.querySelectorAll(".example")].indexOf(button);
    const numbers = [...Array(Number(data.images)).keys()];
    const files = await Promise.all(numbers.map(async (n) => {
      const png = await (await fetch(`examples/${study}/${n}`)).blob();
      return new File([png], data[`name${n}`], { type: "image/png" });
    }));
    add(files, numbers.map((n) => data[`view${n}`]));
    form.elements.indication.value = data.indication;
    form.elements.gender.value = data.gender;
    for (const [name, value] of Object.entries(JSON.parse(data.vitals))) form.elements[name].value = value;
    say(`The form holds an invented study: ${button.querySelector("span").firstChild.textContent}. Read it, or change it first.`);
  });
}

function busy(on) {
  byId("working").hidden = !on;
  for (const button of document.querySelectorAll("button:not(#stop, #clear)")) button.disabled = on;
}

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts.map((part) => JSON.parse(part));
  }
}

function take(answer) {
  if ("before" in answer) say(`Waiting: ${answer.before === 1 ? "1 study is" : `${answer.before} studies are`} read before this one.`);
  if ("step" in answer) say(`${answer.step[0].toUpperCase()}${answer.step.slice(1)} …`);
  if ("error" in answer) { say("Not read."); complain(answer.error); }
  for (const part of ["numbers", "reasons"]) {
    if (part in answer) byId(part).innerHTML = answer[part]; // made and escaped by this server
  }
  if ("numbers" in answer) busy(true); // its buttons, too
}

async function read(finding) {
  if (running) return;
  const data = new FormData(form);
  for (const { file, view } of images) { data.append("image", file); data.append("view", view); }
  if (finding) data.append("finding", finding);
  else byId("numbers").replaceChildren();
  byId("reasons").replaceChildren();
  complain("");
  say("Sending …");
  running = new AbortController();
  busy(true);
  byId("stop").focus();
  let last = {};
  try {
    const response = await fetch("read", { method: "POST", body: data, signal: running.signal });
    if (response.status === 413) throw new Error(`The study is larger than ${MOST_BYTES / 2 ** 20} MB.`);
    if (response.ok) for await (last of lines(response)) take(last);
    else { last = await response.json(); take(last); }
    if (!("error" in last) && !("reasons" in last)) throw new Error("The answer ended early.");
  } catch (error) {
    if (error.name === "AbortError") { say("Stopped."); form.querySelector(".primary").disabled = false; form.querySelector(".primary").focus(); }
    else { say("Not read."); complain(error instanceof TypeError ? "The page's server does not answer. Is it still running?" : error.message); }
    last = {};
  } finally {
    running = null;
    busy(false);
  }
  if ("reasons" in last) {
    say("Done.");
    byId(finding ? "reasons" : "numbers").focus();
  }
}

form.addEventListener("submit", (event) => { event.preventDefault(); read(); });
byId("stop").addEventListener("click", () => running?.abort());
byId("numbers").addEventListener("click", (event) => {
  const button = event.target.closest(".explain");
  if (button) read(button.dataset.finding);
});

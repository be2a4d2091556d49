// The page: it connects, starts a worker for each job, and passes on what both sides say.

import { about } from "./browser.js";
import { Connection } from "./connection.js";
import { View } from "./view.js";

const view = new View();
const [token, ...words] = location.hash.slice(1).split("&");
const STARTED = `started ${token}`;

const page = {
  started: words.includes("start") || sessionStorage.getItem(STARTED) !== null,
  visible: document.visibilityState === "visible",
  about: null,
};

let connection = null;
let worker = null;
let screen = null;

function tell() {
  connection?.send({ page });
}

function endWorker() {
  worker?.terminate();
  worker = null;
}

function startWorker() {
  endWorker();
  worker = new Worker("/page/worker.js");
  const own = worker;
  own.onmessage = ({ data }) => own === worker && connection.send(data);
  own.onerror = (event) => {
    event.preventDefault();
    if (own !== worker) return;
    endWorker();
    connection.send({ died: event.message || "the worker failed" });
  };
}

function ask(request) {
  if (request.do === "start") startWorker();
  if (request.do === "end") return endWorker();
  if (worker) worker.postMessage(request);
  else interrupted(request.id);
}

// The worker ended while nothing was asked of it: hidden and in front again, or reloaded.
function interrupted(id) {
  connection.send({ id, interrupted: true });
}

// The browser gives the lock back when the page is hidden; it has to be asked for again.
async function keepScreenOn() {
  try {
    screen = await navigator.wakeLock.request("screen");
  } catch {
    screen = null; // The page is not secure, or the battery is low.
  }
  view.screen(screen !== null);
}

async function start() {
  page.started = true;
  sessionStorage.setItem(STARTED, "yes");
  view.started();
  await keepScreenOn();
  tell();
}

document.addEventListener("visibilitychange", async () => {
  page.visible = document.visibilityState === "visible";
  if (!page.visible) endWorker(); // Browsers slow down what is hidden: its times are not wanted.
  else if (page.started) await keepScreenOn();
  view.visible(page.visible);
  tell();
});

view.onStart = start;

if (!token) {
  view.over("Nothing to do here", "Open the whole address that edgebench shows, up to its end.");
} else {
  page.about = await about();
  view.about(page.about);
  connection = new Connection(token, {
    opened: () => {
      view.connected(page.started);
      if (page.started) start();
      else tell();
    },
    message: (message) => {
      if (message.view) view.show(message.view);
      if (message.there) connection.send({ here: true });
      if (message.do) ask(message);
    },
    bytes: (buffer) => {
      if (worker) worker.postMessage(buffer, [buffer]);
      else interrupted(new DataView(buffer).getUint32(0, true));
    },
    closed: (reason, final) => {
      endWorker();
      if (final) screen?.release();
      if (final) view.over("Stopped", reason);
      else view.lost();
    },
  });
}


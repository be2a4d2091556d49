// What the page shows.

import { plot } from "./plot.js";

const find = (id) => document.getElementById(id);

export class View {
  constructor() {
    this.onStart = () => {};
    this.state = {};
    this.begun = false;
    find("start").addEventListener("click", () => this.onStart());
  }

  connected(started) {
    this.begun = started;
    this.draw();
  }

  started() {
    this.begun = true;
    this.draw();
  }

  // What edgebench says: {loads_bytes, takes, step, done, total, detail, plot, over}.
  show(news) {
    Object.assign(this.state, news);
    this.draw();
  }

  visible(is) {
    this.hidden = !is;
    this.draw();
  }

  screen(on) {
    this.note("screen", on ? "" : "This browser cannot keep the screen on here: keep it awake.");
  }

  lost() {
    this.title("Connection lost", "It goes on by itself when edgebench answers. Nothing is lost.");
    this.gone = true;
  }

  // edgebench is not there any more, or does not want this page.
  over(title, reason) {
    if (this.state.over) return; // It said so before it left, and what it found.
    this.ended = true;
    this.title(title, reason);
    find("start").hidden = true;
    find("doing").hidden = true;
  }

  title(title, lead) {
    find("title").textContent = title;
    document.title = `${title} - edgebench`;
    find("lead").textContent = lead;
  }

  draw() {
    if (this.ended) return;
    const { step, done, total, detail, over } = this.state;
    find("start").hidden = this.begun || Boolean(over);
    find("doing").hidden = !this.begun || Boolean(over);
    find("step").textContent = step ?? "waiting for edgebench";
    // Nothing on the page moves by itself, for drawing that would disturb what is measured.
    find("bar").max = total || 1;
    find("bar").value = total ? done : 0;
    find("detail").textContent = detail ?? "";
    if (this.state.plot) {
      find("results").hidden = false;
      find("plot").replaceChildren(plot(this.state.plot));
    }
    if (over) this.title(over.title, over.text);
    else if (!this.begun) this.title("Measure in this browser", this.promise());
    else if (this.hidden) this.title("Waiting", "It goes on when this page is in front.");
    else this.title("Measuring", "Leave this page in front, and the device alone.");
  }

  promise() {
    const { takes, loads_bytes } = this.state;
    const loads = loads_bytes ? ` It loads ${(loads_bytes / 1e6).toFixed(1)} MB.` : "";
    return `${takes ?? "It takes some minutes."}${loads} Nothing is installed, and nothing leaves your network.`;
  }

  about(facts) {
    find("facts").hidden = false;
    const rows = [
      ["threads", facts.isolated ? `up to ${facts.cores ?? "?"}` : "1: the page is not isolated"],
      ["SIMD", facts.relaxed_simd ? "relaxed" : "128 bits"],
      ["WebGPU", facts.webgpu ? "there" : "not there"],
    ];
    find("about").replaceChildren(...rows.flatMap(([name, value]) => [cell("dt", name), cell("dd", value)]));
    this.note("secure", facts.secure ? "" : "This address is not secure: one thread, a coarse clock.");
    this.note("power", facts.low_power ? "The browser seems to save power. Turn that off." : "");
  }

  note(id, text) {
    find(`note-${id}`)?.remove();
    if (!text) return;
    const made = cell("li", text);
    made.id = `note-${id}`;
    find("notes").append(made);
  }
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

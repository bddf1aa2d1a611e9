// What is seen: the parts of the room, which of them a step shows, and what is told.

import { Refused } from "./contract.js";
import html from "./room.html";
import { slider } from "./slider.js";
import css from "./style.css";
import { sentence } from "./words.js";

const sheet = new CSSStyleSheet(); // no policy against inline styles forbids it
sheet.replaceSync(css);

// Steps: choose (a photo), camera, sending (the photo), ready, working, done, closed (the shop may not generate).
export class Room {
  #root;
  #word;
  #centre;

  // `root`: the shadow root; `inside`: where the room is put.
  constructor(root, inside, word) {
    root.adoptedStyleSheets = [sheet];
    inside.innerHTML = html;
    this.#root = root;
    this.#word = word;
    this.parts = Object.fromEntries([...inside.querySelectorAll("[id]")].map((part) => [part.id, part]));
    inside.querySelectorAll("[data-word]").forEach((part) => (part.textContent = word(part.dataset.word)));
    inside.querySelectorAll("[data-label]").forEach((part) => (part.ariaLabel = word(part.dataset.label)));
    this.#centre = slider(this.parts.stage, this.parts.split, word);
    this.step = "";
  }

  enter(step) {
    const focused = this.#root.activeElement;
    this.step = step;
    this.#room.dataset.step = step;
    this.#room.setAttribute("aria-busy", String(this.isBusy));
    for (const part of this.#room.querySelectorAll("[data-in]")) {
      part.hidden = !part.dataset.in.split(" ").includes(step);
    }
    this.parts.versions.disabled = this.isBusy;
    if (step === "done") {
      this.#centre();
    }
    // Buttons come and go under the finger; whoever uses the keyboard stays in the room.
    if (focused && (step === "done" || focused.closest("[hidden]"))) {
      this.#main.focus({ preventScroll: true });
    }
    this.tell("step", { step });
  }

  // Takes a part away for good; whoever uses it stays in the room.
  withdraw(name) {
    const part = this.parts[name];
    const isUsed = part.contains(this.#root.activeElement);
    part.dataset.in = "";
    part.hidden = true;
    isUsed && this.#main.focus({ preventScroll: true });
  }

  // Tells the page: an event `fitting-room:NAME` of the element.
  tell(name, detail) {
    this.#root.host.dispatchEvent(new CustomEvent(`fitting-room:${name}`, { bubbles: true, detail }));
  }

  get isBusy() {
    return this.step === "sending" || this.step === "working";
  }

  say(...words) {
    this.parts.status.textContent = words.filter(Boolean).join(" ");
    this.parts.trouble.textContent = "";
    this.parts.link.hidden = true;
  }

  // The same to what was pressed further down, which is not in sight together with it on a small screen.
  answer(...words) {
    this.say(...words);
    this.parts.status.scrollIntoView({ block: "nearest" });
  }

  complain(error) {
    if (!(error instanceof Refused)) {
      console.error(error);
    }
    this.say();
    this.parts.trouble.textContent = sentence(this.#word, error instanceof Refused ? error : { code: "trouble" });
    this.parts.trouble.scrollIntoView({ block: "nearest" }); // on the smallest phones it lies below the buttons
  }

  link(url, words) {
    this.parts["link-there"].href = url;
    this.parts["link-there"].textContent = words;
    this.parts.link.hidden = false;
  }

  progress(words, percent) {
    this.parts["progress-words"].textContent = words;
    this.parts.progress.value = percent;
  }

  // Shows a picture once it is there. -> whether it is.
  async picture(name, url, alt) {
    const part = this.parts[name];
    part.alt = alt;
    if (url === undefined) {
      part.removeAttribute("src");
      return false;
    }
    part.src = url;
    return part.decode().then(() => true, () => false);
  }

  get #room() {
    return this.parts.stage.parentElement;
  }

  get #main() {
    const those = [...this.#room.querySelectorAll("[data-main]")];
    return those.find((part) => !part.closest("[hidden]")) ?? this.parts.title;
  }
}

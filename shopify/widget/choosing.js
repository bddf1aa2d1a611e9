// How a photograph is come by: with leave, from a file, a phone's camera or this computer's.

import { canFilm, film, isPhone } from "./camera.js";
import { Refused } from "./contract.js";
import { snapshot } from "./photograph.js";
import { term } from "./words.js";

export class Choosing {
  #room;
  #service;
  #word;
  #language;
  #onFile;
  #camera = null;

  // `onFile`: what is done with a photograph that the shopper gave.
  constructor(room, service, word, language, onFile) {
    this.#room = room;
    this.#service = service;
    this.#word = word;
    this.#language = language;
    this.#onFile = onFile;
    const { take, file, capture, stage } = room.parts;
    take.dataset.in = isPhone() || canFilm() ? "choose" : "";
    for (const input of [file, capture]) {
      input.addEventListener("change", () => {
        const [chosen] = input.files;
        input.value = "";
        chosen && onFile(chosen);
      });
    }
    this.#takeDrops(stage);
  }

  // What the service told of itself: the terms have to be known before leave is asked for.
  facts = null;

  async learn() {
    this.facts ??= await this.#service.facts();
    const { photoRetentionDays, resultRetentionDays } = this.facts;
    const [photo, pictures] = [photoRetentionDays, resultRetentionDays].map((days) => term(days, this.#language));
    this.#room.parts.retention.textContent = this.#word("retention", { photo, pictures });
    this.#room.parts.agree.disabled = false;
  }

  // Names the text that is agreed to by a sum of it (FNV-1a), so that another text has another name.
  get consent() {
    const bytes = new TextEncoder().encode(this.#word("consent"));
    const sum = bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5) >>> 0;
    return { consentVersion: `widget-${sum.toString(16).padStart(8, "0")}`, consentGivenAt: new Date().toISOString() };
  }

  async upload() {
    if (await this.#isAgreed()) {
      this.#room.parts.file.click();
    }
  }

  async take() {
    if (!(await this.#isAgreed())) {
      return;
    }
    const { capture, shoot, film: video } = this.#room.parts;
    if (isPhone() || !canFilm()) {
      return capture.click();
    }
    this.#room.say();
    shoot.disabled = true;
    this.#room.enter("camera");
    try {
      const camera = await film(video);
      if (this.#room.step !== "camera") {
        return camera.stop();
      }
      this.#camera = camera;
      shoot.disabled = false;
      shoot.focus();
    } catch {
      this.#room.enter("choose");
      throw new Refused("camera_refused");
    }
  }

  async shoot() {
    const { count, film: video, shoot } = this.#room.parts;
    shoot.disabled = true;
    const isOn = await this.#camera.countdown((left) => {
      count.textContent = left;
      this.#room.say(String(left));
    });
    count.textContent = "";
    if (isOn) {
      const picture = await snapshot(video);
      this.stop();
      await this.#onFile(picture);
    }
  }

  stop() {
    this.#camera?.stop();
    this.#camera = null;
  }

  // Whether the shopper ticked the box, which takes knowing for how long what is kept; says so if not.
  async #isAgreed() {
    this.facts ?? this.#room.say(this.#word("loading"));
    await this.learn();
    const { agree } = this.#room.parts;
    if (!agree.checked) {
      agree.focus();
      throw new Refused("consent_needed");
    }
    return true;
  }

  #takeDrops(stage) {
    const mark = (isTarget) => (event) => {
      event.preventDefault();
      stage.classList.toggle("is-target", isTarget && this.#room.step === "choose");
    };
    stage.addEventListener("dragover", mark(true));
    stage.addEventListener("dragleave", mark(false));
    stage.addEventListener("drop", (event) => {
      mark(false)(event);
      const [file] = event.dataTransfer.files;
      if (file && this.#room.step === "choose") {
        this.#isAgreed().then((may) => may && this.#onFile(file)).catch((error) => this.#room.complain(error));
      }
    });
  }
}

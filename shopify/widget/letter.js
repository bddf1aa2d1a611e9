// The e-mail address that a shopper may leave with the shop, once there is a picture. Who answered is not asked again.

import * as memory from "./memory.js";
import { sentence } from "./words.js";

const LOOKS_RIGHT = /^[^\s@]+@[^\s@]+\.[^\s@]+$/; // the service looks closer

export class Letter {
  #room;
  #service;
  #word;
  #onLeft;
  #isWanted;

  // `why`: the shop's own sentence of what the address is for; undefined where it asks for none.
  constructor(room, service, word, why, onLeft) {
    this.#room = room;
    this.#service = service;
    this.#word = word;
    this.#onLeft = onLeft;
    this.#isWanted = why !== undefined;
    const { letter, email } = room.parts;
    if (why) {
      room.parts["email-why"].textContent = why;
    }
    email.addEventListener("input", () => this.#refuse(""));
    letter.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#leave();
    });
  }

  // Whether it may be asked for: if the shop wants it, and the service says that it would get it.
  offer(facts) {
    const isAsked = this.#isWanted && facts?.collectsEmails && !memory.hasAnswered();
    this.#room.parts.letter.dataset.in = isAsked ? "done" : "";
  }

  skip() {
    memory.answer();
    this.#room.withdraw("letter");
  }

  async #leave() {
    const { email, marketing, leave } = this.#room.parts;
    const address = email.value.trim();
    if (!LOOKS_RIGHT.test(address)) {
      return this.#refuse(this.#word("email_invalid"));
    }
    leave.disabled = true;
    try {
      await this.#service.collect(address, marketing.checked);
      this.skip();
      this.#room.answer(this.#word("email_thanks"));
      email.value = "";
      marketing.checked = false;
      this.#onLeft();
    } catch (error) {
      this.#refuse(error.code === "VALIDATION_FAILED" ? this.#word("email_invalid") : sentence(this.#word, error));
    } finally {
      leave.disabled = false;
    }
  }

  #refuse(words) {
    const { email } = this.#room.parts;
    this.#room.parts["email-trouble"].textContent = words;
    email.ariaInvalid = words ? "true" : null;
    words && email.focus();
  }
}

// The large picture, its buttons and the line below: what is chosen, what is going on, what is told.

import { Refused } from "./api.js";
import { compare } from "./compare.js";

export const $ = (id) => document.getElementById(id);

export const chosen = { person: null, product: null, variant: null };

const stage = $("stage");
const slider = compare(stage, $("split"));

export const isBusy = () => ["loading", "working"].includes(stage.dataset.state);

// States: idle, loading (a photo is sent), working (a picture is made), done.
export function enter(state) {
  const wasBusy = isBusy();
  stage.dataset.state = state;
  stage.setAttribute("aria-busy", String(isBusy()));
  $("people").disabled = $("garments").disabled = isBusy();
  $("try").hidden = state === "working";
  $("try").disabled = isBusy() || !(chosen.person && chosen.product);
  $("try").textContent = state === "done" ? "Try it on again" : "Try it on";
  $("cancel").hidden = state !== "working";
  $("cancel").disabled = true; // until there is a job to cancel
  $("download").hidden = state !== "done";
  if (state === "done") {
    slider.start();
  } else {
    slider.stop();
    $("after").hidden = true;
  }
  if (wasBusy && !isBusy()) {
    keepFocus($("try"));
  }
}

// Buttons come and go under the finger; whoever uses the keyboard stays in the same place.
export function keepFocus(button) {
  if (document.activeElement === document.body) {
    button.focus({ preventScroll: true });
  }
}

export function say(words) {
  $("status").textContent = words;
  $("trouble").textContent = "";
}

export function complain(error) {
  const isOurs = !(error instanceof Refused);
  if (isOurs) {
    console.error(error);
  }
  $("status").textContent = "";
  $("trouble").textContent = isOurs ? "Something went wrong. Please try again." : error.message;
}

// The demo page: a person, a garment, a picture of the one in the other.

import * as api from "./api.js";
import { compare } from "./compare.js";
import { chip, choose, tile } from "./tiles.js";

const $ = (id) => document.getElementById(id);
const stage = $("stage");
const slider = compare(stage, $("split"));

const chosen = { person: null, product: null, variant: null };
let jobId = null;

// --- what the page says -------------------------------------------------------------------------------------------

function say(words, { isTrouble = false } = {}) {
  $("status").textContent = isTrouble ? "" : words;
  $("trouble").textContent = isTrouble ? words : "";
}

const complain = (error) => {
  if (!(error instanceof api.Refused)) {
    console.error(error);
  }
  say(error instanceof api.Refused ? error.message : "Something went wrong. Please try again.", { isTrouble: true });
};

// Buttons come and go under the finger; whoever uses the keyboard stays in the same place.
function keepFocus(button) {
  if (document.activeElement === document.body) {
    button.focus({ preventScroll: true });
  }
}

function enter(state) {
  const isWorking = state === "working";
  const wasWorking = stage.dataset.state === "working";
  stage.dataset.state = state;
  stage.setAttribute("aria-busy", String(isWorking));
  $("people").disabled = $("garments").disabled = isWorking;
  $("try").hidden = isWorking;
  $("try").disabled = !(chosen.person && chosen.product);
  $("try").textContent = state === "done" ? "Try it on again" : "Try it on";
  $("cancel").hidden = !isWorking;
  $("cancel").disabled = true; // until there is a job to cancel
  $("download").hidden = state !== "done";
  if (state === "done") {
    slider.start();
  } else {
    slider.stop();
    $("after").hidden = true;
  }
  if (wasWorking) {
    keepFocus($("try"));
  }
}

// --- who ------------------------------------------------------------------------------------------------------------

const MINE = "Your photo";
const isMine = ({ title }) => title === MINE;

// A person is { title, image } and, once the server has the photograph, { fileId }.
function wear(person) {
  chosen.person = person;
  $("before").src = person.image;
  $("before").alt = isMine(person) ? MINE : `The figure ${person.title}`;
  $("before").hidden = false;
  $("delete").hidden = !isMine(person);
  say("");
  enter("idle");
}

async function takePhoto(file) {
  say("Preparing your photo …");
  stage.classList.add("is-loading");
  try {
    const { fileId, fileUrl } = await api.sendPhoto(file);
    showMine({ title: MINE, image: fileUrl, fileId });
    say("Your photo is ready.");
  } catch (error) {
    complain(error);
  } finally {
    stage.classList.remove("is-loading");
    $("file").value = "";
  }
}

function showMine(person) {
  document.querySelector(".tile.mine")?.remove();
  const mine = tile("person", person, () => wear(person));
  mine.classList.add("mine");
  $("figures").prepend(mine);
  choose(mine);
  wear(person);
}

async function deleteMine() {
  try {
    await api.deletePhoto(chosen.person.fileId);
  } catch (error) {
    if (error.code !== "IMAGE_NOT_FOUND") {
      return complain(error);
    }
  }
  document.querySelector(".tile.mine").remove();
  const first = $("figures").querySelector("input");
  first.checked = true;
  first.dispatchEvent(new Event("change"));
  first.focus();
  say("Your photo has been deleted.");
}

// The id under which the server knows this person's photograph; sample figures are sent when they are first needed.
async function photoOf(person) {
  person.fileId ??= await api.loadPicture(person.image).then(async (picture) => {
    const { fileId, fileUrl } = await api.sendPhoto(picture);
    person.image = fileUrl;
    return fileId;
  });
  return person.fileId;
}

// --- what -----------------------------------------------------------------------------------------------------------

function pick(product) {
  chosen.product = product;
  chosen.variant = product.variants[0] ?? null;
  const chips = product.variants.map((variant) =>
    chip("variant", variant.title, () => {
      chosen.variant = variant;
      hang(variant.image);
    }),
  );
  $("variants").replaceChildren(...chips);
  if (chips.length > 0) {
    choose(chips[0]);
  }
  hang(chosen.variant?.image ?? product.image);
}

function hang(image) {
  const [picture, words] = $("chosen").children;
  picture.src = image;
  words.textContent = chosen.product.title;
  $("chosen").hidden = false;
  say("");
  enter("idle");
}

// --- try it on ------------------------------------------------------------------------------------------------------

async function tryOn() {
  enter("working");
  say("This takes a few seconds.");
  tell({ status: "PENDING", progress: 0 });
  try {
    const userImageId = await photoOf(chosen.person);
    ({ jobId } = await api.generate(userImageId, chosen.product.productId, chosen.variant?.variantId));
    $("cancel").disabled = false;
    keepFocus($("cancel"));
    await show(await api.follow(jobId, tell));
  } catch (error) {
    forgetLostPhoto(error);
    enter("idle");
    complain(error);
  } finally {
    jobId = null;
  }
}

function tell({ status, progress, queuePosition }) {
  const percent = Math.round(100 * progress);
  $("progress").value = percent;
  const ahead = queuePosition > 0 ? `${queuePosition} ahead of you` : "You are next";
  $("progress-words").textContent = status === "PENDING" ? ahead : `Dressing ${isMine(chosen.person) ? "you" : chosen.person.title} · ${percent} %`;
}

async function show(generation) {
  if (generation.status === "FAILED") {
    enter("idle");
    const isCancelled = generation.errorCode === "CANCELLED";
    return say(isCancelled ? "Cancelled. It does not count." : generation.errorMessage, { isTrouble: !isCancelled });
  }
  $("after").src = generation.resultImageUrl;
  $("before").src = chosen.person.image;
  await Promise.all([$("after").decode(), $("before").decode()]);
  $("after").alt = `${$("before").alt}, wearing ${chosen.product.title}`;
  $("after").hidden = false;
  $("download").href = generation.resultImageUrl;
  enter("done");
  say("Your picture is ready. Slide to compare.");
  $("split").focus({ preventScroll: true });
}

// Photographs expire: a sample figure is sent again next time, one's own has to be chosen again.
function forgetLostPhoto(error) {
  if (error.code === "IMAGE_NOT_FOUND" && !isMine(chosen.person)) {
    delete chosen.person.fileId;
    chosen.person.image = chosen.person.original;
  }
}

async function stop() {
  $("cancel").disabled = true;
  await api.cancel(jobId).catch(complain);
}

// --- start ----------------------------------------------------------------------------------------------------------

function takeDrops() {
  const stopDefault = (event) => event.preventDefault();
  stage.addEventListener("dragover", (event) => {
    stopDefault(event);
    stage.classList.add("is-target");
  });
  stage.addEventListener("dragleave", () => stage.classList.remove("is-target"));
  stage.addEventListener("drop", (event) => {
    stopDefault(event);
    stage.classList.remove("is-target");
    if (event.dataTransfer.files.length > 0 && stage.dataset.state !== "working") {
      takePhoto(event.dataTransfer.files[0]);
    }
  });
}

function describe({ model, retentionDays }) {
  const days = retentionDays === 1 ? "1 day" : `${retentionDays} days`;
  $("retention").textContent = `Photos and pictures stay on this server and are deleted after ${days}.`;
  if (model) {
    $("notice").textContent = model.notice;
    $("operator").hidden = model.name !== "paperdoll";
    $("about").hidden = false;
  }
}

async function start() {
  $("try").addEventListener("click", tryOn);
  $("cancel").addEventListener("click", stop);
  $("delete").addEventListener("click", deleteMine);
  $("file").addEventListener("change", ({ target }) => target.files.length > 0 && takePhoto(target.files[0]));
  takeDrops();
  try {
    const shop = await api.loadShop();
    describe(shop);
    const figures = shop.figures.map((figure) => ({ ...figure, original: figure.image }));
    $("figures").replaceChildren(...figures.map((figure) => tile("person", figure, () => wear(figure))));
    $("products").replaceChildren(...shop.products.map((product) => tile("product", product, () => pick(product))));
    if (figures.length > 0) {
      choose($("figures").firstElementChild);
      wear(figures[0]);
    }
    if (shop.products.length > 0) {
      choose($("products").firstElementChild);
      pick(shop.products[0]);
    }
  } catch (error) {
    complain(error);
  }
}

start();

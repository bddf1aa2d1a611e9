// Who is trying it on: a sample figure, or the shopper's own photo.

import * as api from "./api.js";
import { $, chosen, complain, enter, isBusy, say } from "./mirror.js";
import { choose, chooseFirst, tile } from "./tiles.js";

const MINE = "Your photo";
const CONSENT = "demo-page-1"; // another for another text beside the box
const NOBODY = "sample-figure"; // who is drawn agrees to everything

// A person is { title, image } and, once the server has the photograph, { fileId, fileUrl }.
export const isMine = ({ title }) => title === MINE;

export function listPeople(figures) {
  $("figures").replaceChildren(...figures.map((figure) => tile("person", figure, () => wear(figure))));
  chooseFirst($("figures"));
  $("delete").addEventListener("click", deleteMine);
  $("file").addEventListener("change", ({ target }) => target.files.length > 0 && takePhoto(target.files[0]));
  takeDrops($("stage"));
}

// The id under which the server knows this person's photograph; sample figures are sent when they are first needed.
export async function photoOf(person) {
  if (!person.fileId) {
    Object.assign(person, await api.sendPhoto(await api.loadPicture(person.image), NOBODY));
  }
  return person.fileId;
}

// The server has forgotten this person's photograph, as it does after some days.
export function forget(person) {
  delete person.fileId;
  if (isMine(person)) {
    removeMine();
    throw new api.Refused("Your photo is no longer on the server. Please choose it again.");
  }
}

function wear(person) {
  chosen.person = person;
  $("before").src = person.image;
  $("before").alt = isMine(person) ? MINE : `The figure ${person.title}`;
  $("before").hidden = false;
  $("delete").hidden = !isMine(person);
  $("photo-hint").hidden = isMine(person);
  say("");
  enter("idle");
}

async function takePhoto(file) {
  enter("loading");
  say("Preparing your photo …");
  try {
    const photo = await api.sendPhoto(file, $("agree").checked ? CONSENT : undefined);
    showMine({ ...photo, title: MINE, image: photo.fileUrl });
    say(`Your photo is ready. ${$("notice").textContent}`);
  } catch (error) {
    enter("idle");
    complain(error);
  } finally {
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

function removeMine() {
  document.querySelector(".tile.mine").remove();
  chooseFirst($("figures"));
}

async function deleteMine() {
  try {
    await api.deletePhoto(chosen.person.fileId);
  } catch (error) {
    if (error.code !== "IMAGE_NOT_FOUND") {
      return complain(error);
    }
  }
  removeMine();
  $("figures").querySelector("input")?.focus();
  say("Your photo has been deleted.");
}

function takeDrops(stage) {
  const mark = (isTarget) => (event) => {
    event.preventDefault();
    stage.classList.toggle("is-target", isTarget && !isBusy());
  };
  stage.addEventListener("dragover", mark(true));
  stage.addEventListener("dragleave", mark(false));
  stage.addEventListener("drop", (event) => {
    mark(false)(event);
    if (event.dataTransfer.files.length > 0 && !isBusy()) {
      takePhoto(event.dataTransfer.files[0]);
    }
  });
}

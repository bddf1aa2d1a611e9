// The demo page: a person, a garment, a picture of the one in the other.

import * as api from "./api.js";
import { listGarments } from "./garments.js";
import { $, chosen, complain, enter, keepFocus, say } from "./mirror.js";
import { forget, isMine, listPeople, photoOf } from "./people.js";

let jobId = null;

async function tryOn() {
  enter("working");
  say("This takes a few seconds.");
  tell({ status: "PENDING", progress: 0 });
  try {
    ({ jobId } = await order());
    $("cancel").disabled = false;
    keepFocus($("cancel"));
    await show(await api.follow(jobId, tell));
  } catch (error) {
    enter("idle");
    complain(error);
  }
}

async function order() {
  const ask = async () =>
    api.generate(await photoOf(chosen.person), chosen.product.productId, chosen.variant?.variantId);
  try {
    return await ask();
  } catch (error) {
    if (error.code !== "IMAGE_NOT_FOUND") {
      throw error;
    }
    forget(chosen.person);
    return ask();
  }
}

function tell({ status, progress, queuePosition }) {
  const percent = Math.round(100 * progress);
  const ahead = queuePosition > 0 ? `${queuePosition} ahead of you` : "You are next";
  const who = isMine(chosen.person) ? "you" : chosen.person.title;
  $("progress").value = percent;
  $("progress-words").textContent = status === "PENDING" ? ahead : `Dressing ${who} · ${percent} %`;
}

async function show({ status, resultImageUrl, warnings, errorCode, errorMessage }) {
  if (status === "FAILED" && errorCode !== "CANCELLED") {
    throw new api.Refused(errorMessage);
  }
  if (status === "FAILED") {
    enter("idle");
    return say("Cancelled. It does not count.");
  }
  $("after").src = resultImageUrl;
  await Promise.all([$("after").decode(), showPhoto(chosen.person)]);
  $("after").alt = `${$("before").alt}, wearing ${chosen.product.title}`;
  $("after").hidden = false;
  $("download").href = resultImageUrl;
  enter("done");
  say(["Your picture is ready. Slide to compare.", ...(warnings ?? [])].join(" "));
  $("split").focus({ preventScroll: true });
}

// The photograph cropped as the result is. In a tab left open its link may have expired: what was shown before stays.
async function showPhoto({ fileUrl }) {
  const shown = $("before").src;
  $("before").src = fileUrl;
  await $("before").decode().catch(() => {
    $("before").src = shown;
  });
}

async function stop() {
  $("cancel").disabled = true;
  await api.cancel(jobId).catch(complain);
}

function describe({ model, retentionDays, requireConsent }) {
  const days = retentionDays === 1 ? "1 day" : `${retentionDays} days`;
  $("retention").textContent = `Photos and pictures stay on this server and are deleted after ${days}.`;
  $("consent").hidden = !requireConsent;
  if (model) {
    $("notice").textContent = model.notice;
    $("operator").hidden = model.name !== "paperdoll";
    $("about").hidden = false;
  }
}

async function start() {
  $("try").addEventListener("click", tryOn);
  $("cancel").addEventListener("click", stop);
  try {
    const shop = await api.loadShop();
    describe(shop);
    listPeople(shop.figures);
    listGarments(shop.products);
  } catch (error) {
    complain(error);
  }
}

start();

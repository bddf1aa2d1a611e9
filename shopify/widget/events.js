// What shoppers do, told to the service for its counts: nothing that names anybody, and nothing at the shopper's expense.
// It goes out by itself a little later, and whatever becomes of it stays unsaid.

import { newId } from "./memory.js";

const WAIT_MS = 2000; // for company
const MOST = 50; // events in a request, by the contract

const waiting = new Map(); // the service's base -> events
let timer;

// `event`: a name of the contract; `properties`: what was tried on.
export function count(base, event, properties) {
  if (isAllowed()) {
    const told = { event, properties, timestamp: new Date().toISOString(), $insert_id: newId() };
    waiting.set(base, [...(waiting.get(base) ?? []), told]);
    timer ??= setTimeout(send, WAIT_MS);
  }
}

// A page that is left may never come back.
addEventListener("pagehide", send);
document.addEventListener("visibilitychange", () => document.hidden && send());

// Shoppers decide it in the shop's own privacy banner, by Shopify's interface, or once for all shops in their browser.
// What a merchant does in the theme editor is no shopper's.
function isAllowed() {
  const { customerPrivacy, designMode } = window.Shopify ?? {};
  try {
    return !designMode && !navigator.globalPrivacyControl && customerPrivacy?.analyticsProcessingAllowed?.() !== false;
  } catch {
    return false;
  }
}

function send() {
  clearTimeout(timer);
  timer = undefined;
  if (isAllowed()) {
    waiting.forEach((events, base) => post(`${base}/public/tracking/events`, { events: events.slice(0, MOST), context: context() }));
  }
  waiting.clear();
}

const context = () => ({ $pathname: location.pathname, $viewport_width: innerWidth, $viewport_height: innerHeight });

function post(url, told) {
  try {
    const body = new Blob([JSON.stringify(told)], { type: "application/json" });
    navigator.sendBeacon?.(url, body) || fetch(url, { method: "POST", body, keepalive: true }).catch(() => {});
  } catch {
    // a blocker's own
  }
}

// The service's HTTP contract, one function a verb. Whatever goes wrong is a Refused, whose code names the sentence.
//
// Through a shop's app proxy no cookie passes, own headers may not, and a reply that is not the service's may come back
// (a password page, the proxy's own error): what is needed is in paths, queries and bodies, and nothing else is trusted.

import { follow } from "./following.js";
import { clientId } from "./memory.js";

const PATIENCE_MS = 30_000; // of a plain request; a photograph's own has none but the network's
const LARGEST = 20 * 1024 * 1024; // bytes of a photograph

export class Refused extends Error {
  // `retryAfter`: seconds, where it is known when to come back.
  constructor(code, message = "", retryAfter = undefined) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

// `base`: the address below which /public/ lies, as "/apps/fitting-room".
export function contract(base) {
  const at = (path) => `${base}/public/${path}`;
  const mine = (path) => `${at(path)}?client_id=${clientId()}`;
  return {
    facts: () => call("GET", at("widget")),

    // Fails open, as the service does: what creates a picture decides.
    isOpen: () => call("GET", at("check-credits")).then(({ allowed }) => allowed !== false, () => true),

    // -> fileId, fileUrl. Tells the share that is sent, and stops when `signal` says so.
    async send(photo, onShare, signal) {
      if (photo.blob.size > LARGEST) {
        throw new Refused("TOO_LARGE", "This photograph is larger than 20 MB. Please choose a smaller one.");
      }
      const { uploadUrl, uploadKey } = await patient(call("POST", mine("prepare-upload"), undefined, signal));
      await put(uploadUrl, photo.blob, onShare, signal);
      return call("POST", at("upload-complete"), { uploadKey, ...photo.consent }, signal);
    },

    // -> jobId. Asked again with the same `key`, it is the same job.
    generate: (wanted, key) => call("POST", mine("fitting-room"), wanted, undefined, { "Idempotency-Key": key }),

    generation: (jobId) => call("GET", at(`generation/${jobId}`)),

    follow: (jobId, onChange) => follow(at(`generation/${jobId}`), () => call("GET", at(`generation/${jobId}`)), onChange),

    cancel: (jobId) => call("DELETE", at(`generation/${jobId}`)),

    download: (jobId) => at(`generation/${jobId}/download`),

    share: (generationId) =>
      patient(call("POST", at("share-generation"), { generationId, effectiveDomain: location.hostname })),

    // To the shop's customers; without `marketingConsent` nobody is sent its advertising.
    collect: (email, marketingConsent) => patient(call("POST", mine("collect-email"), { email, marketingConsent })),

    // The photograph by its id, also where its owner has logged in since; and all that was made of it.
    async forget(fileId) {
      if (fileId) {
        await call("DELETE", at(`image/${fileId}`)).catch(unless("IMAGE_NOT_FOUND"));
      }
      await patient(call("DELETE", mine("me")));
    },
  };
}

// What is bounded by the minute or the hour is told apart from the pictures of a week, which have the same code.
const patient = (asked) =>
  asked.catch((error) => {
    throw error.code === "RATE_LIMIT_EXCEEDED" ? new Refused("TOO_OFTEN", error.message) : error;
  });

export async function call(method, url, body, signal, headers) {
  const json = body && { headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(body) };
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const both = signal && AbortSignal.any ? AbortSignal.any([signal, patience]) : signal ?? patience;
  let reply;
  try {
    reply = await fetch(url, { method, ...json, signal: both });
  } catch (error) {
    throw signal?.aborted ? error : new Refused("offline");
  }
  const answer = await reply.json().catch(() => null);
  if (!reply.ok || answer?.code || answer === null) {
    throw new Refused(answer?.errorCode ?? answer?.code ?? "trouble", answer?.message, answer?.retryAfter);
  }
  return answer;
}

// fetch does not tell how much is sent.
function put(url, blob, onShare, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => onShare(loaded / total));
    request.addEventListener("load", () => {
      const { message, code } = request.response ?? {};
      request.status < 300 ? resolve() : reject(new Refused(code ?? "trouble", message));
    });
    request.addEventListener("error", () => reject(new Refused("offline")));
    request.addEventListener("abort", () => reject(signal.reason));
    signal?.addEventListener("abort", () => request.abort());
    request.send(blob);
  });
}

const unless = (code) => (error) => {
  if (error.code !== code) {
    throw error;
  }
};

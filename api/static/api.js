// The service's HTTP contract, as one function a verb. Whatever goes wrong is a Refused with a sentence for people.

const LARGEST_PHOTO = 20 * 1024 * 1024;
const POLL_MS = 2000;
const PATIENCE = 5; // polls in a row that may fail

export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export const loadShop = () => call("GET", "/products.json");

export const loadPicture = async (path) => (await send(path)).blob();

export async function sendPhoto(file, consentVersion) {
  if (file.size > LARGEST_PHOTO) {
    throw new Refused("This photograph is larger than 20 MB. Please choose a smaller one.");
  }
  const { uploadUrl, uploadKey } = await call("POST", `/public/prepare-upload?client_id=${clientId()}`);
  const put = await send(uploadUrl, {
    method: "PUT",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
  if (!put.ok) {
    throw refusal(await told(put));
  }
  return call("POST", "/public/upload-complete", { uploadKey, consentVersion });
}

export const deletePhoto = (fileId) => call("DELETE", `/public/image/${fileId}`);

export const generate = (userImageId, productId, variantId) =>
  call("POST", `/public/fitting-room?client_id=${clientId()}`, { userImageId, productId, variantId });

export const cancel = (jobId) => call("DELETE", `/public/generation/${jobId}`);

// Tells every change of a generation, and resolves to its last state: by events, or by polling where they don't arrive.
export function follow(jobId, onChange) {
  const path = `/public/generation/${jobId}`;
  return new Promise((resolve, reject) => {
    const events = new EventSource(`${path}/events`);
    events.addEventListener("generation", ({ data }) => {
      const generation = JSON.parse(data);
      onChange(generation);
      if (isFinal(generation)) {
        events.close();
        resolve(generation);
      }
    });
    events.addEventListener("error", () => {
      events.close();
      poll(path, onChange).then(resolve, reject);
    });
  });
}

async function poll(path, onChange) {
  for (let misses = 0; ; ) {
    try {
      const generation = await call("GET", path);
      misses = 0;
      onChange(generation);
      if (isFinal(generation)) {
        return generation;
      }
    } catch (error) {
      misses += 1;
      if (error.code === "GENERATION_NOT_FOUND" || misses > PATIENCE) {
        throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const isFinal = ({ status }) => status === "COMPLETED" || status === "FAILED";

async function call(method, path, body) {
  const json = body && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const reply = await send(path, { method, ...json });
  const answer = await told(reply);
  if (!reply.ok || answer.code) {
    throw refusal(answer);
  }
  return answer;
}

async function send(url, options) {
  try {
    return await fetch(url, options);
  } catch {
    throw new Refused("The fitting room cannot be reached. Please check your connection and try again.");
  }
}

const told = (reply) => reply.json().catch(() => ({}));

const refusal = ({ message, code }) =>
  new Refused(message || "Something went wrong on our side. Please try again in a minute.", code);

// Tells anonymous shoppers apart; made once and kept in this browser.
function clientId() {
  try {
    localStorage.clientId ||= crypto.randomUUID();
    return localStorage.clientId;
  } catch {
    return crypto.randomUUID();
  }
}

// What this browser remembers: who it is, and that an e-mail address was left or not wanted, for good; the photograph,
// only in this tab and only until the tab is closed.

const CLIENT = "fitting-room:client";
const PHOTO = "fitting-room:photo";
const ANSWERED = "fitting-room:answered";

let spare; // where nothing may be stored
let answered = false;

// Tells anonymous shoppers apart.
export function clientId() {
  try {
    return (localStorage[CLIENT] ||= newId());
  } catch {
    return (spare ||= newId());
  }
}

// A random UUID; also on a page without https, where browsers make none.
export const newId = () =>
  crypto.randomUUID?.() ??
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
  );

export function answer() {
  answered = true;
  try {
    localStorage[ANSWERED] = "yes";
  } catch {
    // asked again on the next page
  }
}

export function hasAnswered() {
  try {
    return answered || ANSWERED in localStorage;
  } catch {
    return answered;
  }
}

export async function keep(photo) {
  try {
    const bytes = await read(photo.blob);
    sessionStorage[PHOTO] = JSON.stringify({ id: photo.id, fileId: photo.fileId, consent: photo.consent, bytes });
  } catch {
    forget(); // no room, or no storage: then it is chosen again on the next page
  }
}

export function kept() {
  try {
    const { bytes, ...photo } = JSON.parse(sessionStorage[PHOTO]);
    const [head, body] = bytes.split(",");
    const data = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
    return { ...photo, blob: new Blob([data], { type: head.slice(5, -7) }) };
  } catch {
    return null;
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(PHOTO);
  } catch {
    // nothing is stored
  }
}

const read = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = reject;
    reader.readAsDataURL(blob);
  });

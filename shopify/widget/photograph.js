// A file -> a photograph as small as the model can use: upright, 4:5, without the place and time that cameras write in.

const ASPECT = 4 / 5; // width by height
const HEADROOM = 0.1; // of what is cut off a tall picture, the share cut above: the server cuts alike
const QUALITY = 0.92;

// -> { blob, url }: what is sent, and where it is seen; no url where this browser cannot read the file (HEIC outside
// Safari, or no picture at all), which is then sent as it is, for the server to read or refuse.
export async function photograph(file, height) {
  const picture = await decoded(file);
  if (!picture) {
    return { blob: file };
  }
  const part = crop(picture.width, picture.height);
  const scale = Math.min(1, height / part.height);
  // A small drawing keeps its crisp edges. Nothing else is sent as it came: it may tell where it was taken.
  const isSmall = Math.max(picture.width, picture.height) <= height;
  const blob = file.type === "image/png" && isSmall ? file : await drawn(picture, part, scale);
  return { blob, url: URL.createObjectURL(blob) };
}

// The whole of what a camera shows.
export async function snapshot(video) {
  const { videoWidth: width, videoHeight: height } = video;
  return drawn(video, { left: 0, top: 0, width, height }, 1);
}

function crop(width, height) {
  if (width > height * ASPECT) {
    const kept = Math.round(height * ASPECT);
    return { left: (width - kept) >> 1, top: 0, width: kept, height };
  }
  const kept = Math.round(width / ASPECT);
  return { left: 0, top: Math.round((height - kept) * HEADROOM), width, height: kept };
}

async function drawn(picture, { left, top, width, height }, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // behind what is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

// Upright, as its EXIF says; nothing where this browser cannot read it.
async function decoded(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

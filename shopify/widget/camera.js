// The camera: a phone's own app where there is one, else the picture of this computer's camera in the page.

const SECONDS = 3; // to step back

export const isPhone = () => matchMedia("(pointer: coarse)").matches;

export const canFilm = () => Boolean(navigator.mediaDevices?.getUserMedia);

// Shows the camera in `video`. -> { countdown, stop }
export async function film(video) {
  const size = { width: { ideal: 1920 }, height: { ideal: 1440 } };
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", ...size }, audio: false });
  video.srcObject = stream;
  await video.play();
  let isOn = true;
  return {
    // Tells the seconds that are left; true when they are over and the camera is still on.
    async countdown(onSecond) {
      for (let left = SECONDS; left > 0 && isOn; left -= 1) {
        onSecond(left);
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
      return isOn;
    },
    stop() {
      isOn = false;
      stream.getTracks().forEach((track) => track.stop());
      video.srcObject = null;
    },
  };
}

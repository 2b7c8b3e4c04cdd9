"use strict";

// compare two images: the right one covers the left one from the slider on
for (const wiper of document.querySelectorAll(".wiper")) {
  const images = [...wiper.parentElement.querySelectorAll(".pictures img")];
  if (images.length < 2) continue;
  const [left, right] = wiper.querySelectorAll("select");
  const [under, over] = wiper.querySelectorAll(".stage img");
  const stage = wiper.querySelector(".stage");
  const slider = wiper.querySelector("input");
  for (const select of [left, right])
    images.forEach((image, place) => select.add(new Option(image.alt, place)));
  right.value = 1;
  const show = () => {
    for (const [select, image] of [[left, under], [right, over]]) {
      const chosen = images[select.value];
      image.src = chosen.src;
      image.className = chosen.className + (image === over ? " over" : "");
    }
    const size = images[right.value];
    stage.style.aspectRatio = size.getAttribute("width") + "/" + size.getAttribute("height");
  };
  const wipe = () => {
    stage.style.setProperty("--at", slider.value + "%");
    slider.setAttribute("aria-valuetext", slider.value + " % left image");
  };
  left.onchange = right.onchange = show;
  wiper.addEventListener("planes", show);
  slider.oninput = wipe;
  show();
  wipe();
  wiper.hidden = false;
}

// the planes of a volume: all pictures of a store show the same one
for (const planes of document.querySelectorAll(".planes")) {
  const { numbers, pictures } = JSON.parse(planes.querySelector("script").textContent);
  const images = [...planes.parentElement.querySelectorAll(".pictures img")];
  const wiper = planes.parentElement.querySelector(".wiper");
  const slider = planes.querySelector("input");
  slider.oninput = () => {
    planes.querySelector("output").textContent = numbers[slider.value];
    slider.setAttribute("aria-valuetext", "plane " + numbers[slider.value]);
    images.forEach((image, place) => { if (pictures[place].length) image.src = pictures[place][slider.value]; });
    wiper.dispatchEvent(new Event("planes"));
  };
  slider.oninput();
  planes.hidden = false;
}

// the frames of each run under a slider; all sliders can move together
const players = [];
const together = document.querySelector(".together");
for (const player of document.querySelectorAll(".player")) {
  const frames = JSON.parse(player.querySelector("script").textContent);
  const slider = player.querySelector("input");
  const play = player.querySelector(".play");
  let timer = null;
  const show = (place) => {
    const frame = frames[place];
    slider.value = place;
    slider.setAttribute("aria-valuetext", frame.words);
    const image = player.querySelector(".screen img");
    image.src = frame.picture;
    image.alt = "Frame at " + frame.words;
    player.querySelector("path.frame").setAttribute("d", frame.path);
    player.querySelector("output").textContent = frame.words;
  };
  // show the frame nearest to an iteration
  const seek = (at) => {
    let best = 0;
    frames.forEach((frame, place) => {
      if (Math.abs(frame.at - at) < Math.abs(frames[best].at - at)) best = place;
    });
    show(best);
  };
  const go = (place) => {
    show(place);
    if (together && together.querySelector("input").checked)
      for (const other of players) if (other.player !== player) other.seek(frames[place].at);
  };
  const pause = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const step = () => (+slider.value < frames.length - 1 ? go(+slider.value + 1) : pause());
  slider.oninput = () => { pause(); go(+slider.value); };
  play.onclick = () => {
    if (timer) return pause();
    if (+slider.value === frames.length - 1) go(0);
    timer = setInterval(step, 150);
    play.textContent = "Pause";
  };
  for (const button of player.querySelectorAll(".strip button"))
    button.onclick = () => { pause(); go(+button.value); };
  player.querySelector(".controls").hidden = false;
  players.push({ player, seek });
}
if (together && players.length > 1) together.hidden = false;

// open all details for printing
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});

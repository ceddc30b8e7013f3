// The lecturer's desk: sources, preview, going on air, and who listens.

import { ask, clock, say } from "./api.js";
import { agreed } from "./confirm.js";
import { rival } from "./desk_state.js";
import { LevelMeter } from "./level.js";
import { Sources } from "./sources.js";
import { Publisher } from "./whip.js";

const FIGURES_MS = 3_000;
const AGAIN_MS = 500; // while the node does not answer: it may be starting
const SILENT_MS = 10_000;
const OWN_ECHO_MS = 8_000;
const at = (id) => document.getElementById(id);
const { lecture, venue, udpPort } = at("desk").dataset;
const sources = new Sources({ camera: at("camera"), microphone: at("microphone"), share: at("share") });
const meter = new LevelMeter(at("level"), at("fill"));
let publisher = null;
let slides = null; // their own publisher
let onAirSince = null;
let lastLive = 0;
let begun = at("desk").dataset.begun; // the lecture: planned, live, ended
let figuresAt = null;

// Sources -------------------------------------------------------------------------------------------------------

sources.addEventListener("change", async () => {
  const { stream } = sources;
  const hasVideo = stream.getVideoTracks().length > 0;
  at("preview").srcObject = stream;
  at("preview").hidden = !hasVideo;
  at("empty").hidden = hasVideo;
  showLecture();
  meter.listen(stream);
  sayTrouble();
  if (publisher) await publisher.use(stream);
});
sources.addEventListener("slides", () => {
  const shared = Boolean(sources.slides);
  at("slides-preview").srcObject = sources.slides;
  at("slides-card").hidden = !shared;
  at("share").setAttribute("aria-pressed", String(shared));
  at("share").textContent = say(shared ? "unshare" : "share");
  followSlides();
  showLecture();
});
at("layout").addEventListener("change", tellLayout);
sources.addEventListener("trouble", ({ detail }) => sayTrouble(detail));

/** The last thing that is wrong, in words; nothing when all is well. */
function sayTrouble(text = "") {
  const line = text || airTrouble() || "";
  if (at("trouble").textContent !== line) at("trouble").textContent = line;
  at("trouble").hidden = !line;
}

function airTrouble() {
  if (begun === "ended") return say("ended");
  const problem = publisher?.problem;
  if (!publisher || publisher.state === "live" || !problem) {
    return publisher && meter.silentMs > SILENT_MS ? say("silent_microphone") : "";
  }
  if (problem.status === 401) return say("signed_out");
  if (problem.code === "already_published") return ownEcho() ? say("lost") : say("taken");
  if (problem.status === 410) return say("ended");
  if (problem.code === "offline") return say("offline");
  if (problem.code === "no_path" || problem.code === "no_picture") return say("no_path", { port: udpPort });
  if (problem.status >= 400) return say("refused", { reason: `${problem.status} ${problem.code}` });
  return say("lost");
}

// On air --------------------------------------------------------------------------------------------------------

at("go").addEventListener("click", async () => {
  meter.wake();
  at("go").disabled = true;
  let trouble = "";
  try {
    if (await begin()) goOnAir();
  } catch (error) {
    trouble = error.offline ? say("offline") : error.message;
  }
  showLecture();
  sayTrouble(trouble);
});

/** Start the lecture for its venues if it has not begun; false if the lecturer would rather not. */
async function begin() {
  const [now, { lectures }] = await Promise.all([ask("GET", `/api/lectures/${lecture}`), ask("GET", "/api/lectures")]);
  begun = now.state;
  if (begun === "ended") return false;
  const others = lectures.filter(({ id, state }) => id !== lecture && state === "live");
  const [ours, ...lineages] = await Promise.all([now, ...others].map(lineage));
  const found = rival(now, others.map((other, n) => ({ ...other, lineage: lineages[n] })), ours);
  if (found && !(await agreed(say(found.says, { title: found.title }), say("go")))) return false;
  if (begun === "planned") begun = (await ask("POST", `/api/lectures/${lecture}/start`, {})).state;
  return true;
}

/** The ids of the venues from the root to the lecture's; a venue above our own may not be ours to ask about. */
async function lineage({ venue: id }) {
  try {
    const { path } = await ask("GET", `/api/venues/${id}`);
    return [...path.map((above) => above.id), id];
  } catch (error) {
    if (error.status !== 403) throw error;
    return [id];
  }
}

function goOnAir() {
  publisher = new Publisher(sources.stream, () => door(""));
  publisher.addEventListener("state", showAir);
  publisher.addEventListener("stats", ({ detail }) => {
    if (publisher.state === "live") lastLive = Date.now();
    showLine(detail);
    if (airTrouble() === say("silent_microphone") || at("trouble").textContent === say("silent_microphone")) sayTrouble();
  });
  publisher.start();
  followSlides();
  showAir();
}

async function door(part) {
  const { token, url } = await ask("POST", `/api/lectures/${lecture}/publish-token`, {});
  return { token, url: new URL(url, location.href).pathname + part };
}

/** The slides are on air while they are shared and the lecture is. */
function followSlides() {
  if (slides && slides.stream !== sources.slides) leaveSlides();
  if (!publisher) leaveSlides();
  else if (sources.slides && !slides) {
    slides = new Publisher(sources.slides, () => door("/slides"), { kinds: ["video"] });
    slides.addEventListener("state", ({ detail }) => {
      showSlides();
      if (detail === "live") tellLayout();
    });
    slides.start();
  }
  showSlides();
}

function leaveSlides() {
  slides?.stop();
  slides = null;
}

function showSlides() {
  const word = !slides ? "slides_ready" : slides.state === "live" ? "slides_on_air" : "slides_connecting";
  at("slides-state").textContent = say(word);
}

/** Said again each time that the slides come on air: the node may have begun anew. */
async function tellLayout() {
  await ask("PUT", `/api/lectures/${lecture}/layout`, { layout: at("layout").value }).catch((error) => {
    if (!error.offline) sayTrouble(error.message);
  });
}

at("stop").addEventListener("click", () => {
  leaveAir();
  at("go").focus();
});
at("end").addEventListener("submit", () => {
  if (at("end").dataset.confirmed) leaveAir(); // nobody need be asked twice
});

function leaveAir() {
  publisher?.stop();
  publisher = null;
  followSlides();
  onAirSince = null;
  showAir();
  showLine(null);
}

addEventListener("beforeunload", (event) => {
  if (!publisher) return;
  event.preventDefault(); // "leave the page?": the lecture hangs on it
  event.returnValue = "yes"; // older browsers
});

/** What hangs on whether the lecture has begun or ended. */
function showLecture() {
  at("planned").hidden = begun !== "planned";
  at("end").hidden = begun !== "live";
  at("go").disabled = begun === "ended" || (sources.stream.getTracks().length === 0 && !sources.slides);
  if (begun === "ended" && publisher) leaveAir();
}

/** Our own lost session may still be on air for the node; that is nobody else. */
function ownEcho() {
  return onAirSince && Date.now() - lastLive < OWN_ECHO_MS;
}

function showAir() {
  const state = publisher?.state ?? "idle";
  const others = publisher?.problem?.code === "already_published" && !ownEcho();
  if (others) onAirSince = null;
  if (state === "live") onAirSince ??= Date.now();
  if (state === "live") lastLive = Date.now();
  document.documentElement.dataset.state = state;
  at("go").hidden = Boolean(publisher);
  at("stop").hidden = !publisher;
  at("onair").textContent = say(airWord(state, others));
  at("since").textContent = onAirSince ? say("since", { time: clock(onAirSince) }) : "";
  sayTrouble();
}

function airWord(state, others) {
  if (!publisher) return "off_air";
  if (state === "live") return "on_air";
  return others ? "in_line" : onAirSince ? "again" : "connecting";
}

function showLine(figures) {
  const put = (id, text) => (at(id).textContent = text);
  const none = "–";
  put("kbits", figures ? `${figures.kbits} kbit/s` : none);
  put("loss", figures && figures.loss !== null ? `${(figures.loss * 100).toFixed(1)} %` : none);
  put("rtt", figures && figures.roundTripMs !== null ? `${figures.roundTripMs} ms` : none);
  put("size", figures?.height ? `${figures.width}×${figures.height}` : none);
}

// Who listens ---------------------------------------------------------------------------------------------------

async function askFigures() {
  let wait = FIGURES_MS;
  try {
    const [report, now] = await Promise.all([
      ask("GET", `/api/lectures/${lecture}/report?venue=${venue}`),
      ask("GET", `/api/lectures/${lecture}`),
    ]);
    if (now.state !== begun) {
      begun = now.state;
      showLecture();
      sayTrouble();
    }
    const own = report.rows.find((row) => row.is_self);
    at("connected").textContent = own.venues_connected;
    at("silent").textContent = own.venues_silent;
    at("present").textContent = own.present - own.guests;
    at("guests").textContent = own.guests;
    at("expected").textContent = own.expected;
    figuresAt = Date.now();
    at("figures-old").hidden = true;
  } catch (error) {
    at("figures-old").textContent = error.status === 401 ? say("signed_out") : say("figures_old", { time: clock(figuresAt ?? Date.now(), true) });
    at("figures-old").hidden = false;
    if (error.offline) wait = AGAIN_MS;
  }
  setTimeout(askFigures, wait);
}

showAir();
sources.begin();
askFigures();

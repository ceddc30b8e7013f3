// On every page, signed in or not: what this browser kept for the node does not stay in it for ever.

import { dropOld } from "./kept_ticks.js";

try {
  dropOld(localStorage, Date.now());
} catch {
  // no storage: nothing was kept
}

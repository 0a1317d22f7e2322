// All that is loaded when it is wanted: the build makes one file of it.

export * as backup from "./backup.js";
export * as cards from "./cards.js";
export * as details from "./details.js";
export * as history from "./history.js";
export * as lcd from "./lcd.js";
export * as login from "./login.js";
export * as meters from "./meters.js";
export * as network from "./network.js";
export * as plan from "./plan.js";
export * as sessions from "./sessions.js";
export * as settings from "./settings.js";
export * as update from "./update.js";
export * as wiring from "./wiring.js";
export * as wizard from "./wizard.js";
